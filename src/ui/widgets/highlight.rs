//! Syntax highlighting in a background thread: the first frame shows code plain, a later one highlighted.
//!
//! Loading the grammars costs megabytes and milliseconds. The thread loads them with the first code of a known language.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use ratatui::style::Style;

use crate::config::theme::Theme;
use crate::stdx::syntax::{Grammars, languages};
pub use crate::stdx::syntax::{HighlightedLines, SyntaxKind};
use crate::ui::style::style;

/// Maximum bytes of a highlighted code block, to bound the time per block.
const MAX_BYTES: usize = 64 << 10;

/// Maximum number of cached code blocks, to bound memory.
const MAX_CACHED_BLOCKS: usize = 256;

/// Style of a kind of code.
pub fn syntax_style(kind: SyntaxKind, theme: &Theme) -> Style {
    style(match kind {
        SyntaxKind::Plain => theme.code_block,
        SyntaxKind::Keyword => theme.keyword,
        SyntaxKind::String => theme.string,
        SyntaxKind::Comment => theme.comment,
        SyntaxKind::Number => theme.number,
        SyntaxKind::Function => theme.function,
        SyntaxKind::Type => theme.type_name,
        SyntaxKind::Variable => theme.variable,
        SyntaxKind::Punctuation => theme.punctuation,
    })
}

/// Handle of the highlighting thread, with a cache of results.
#[derive(Debug, Default)]
pub struct Highlighter {
    worker: Option<Worker>,
    results: HashMap<u64, Option<Arc<HighlightedLines>>>,
    waiting: usize,
    generation: u64,
}

#[derive(Debug)]
struct Worker {
    jobs: Sender<Job>,
    done: Receiver<(u64, HighlightedLines)>,
}

#[derive(Debug)]
struct Job {
    id: u64,
    language: String,
    code: String,
}

/// Highlighting state of a code block.
#[derive(Clone, Debug)]
pub enum SyntaxState {
    /// Highlighted.
    Ready(Arc<HighlightedLines>),
    /// Highlighting is in progress.
    Pending,
    /// Not highlighted.
    Plain,
}

impl Highlighter {
    /// Receives finished results.
    pub fn poll(&mut self) {
        let Some(worker) = &self.worker else { return };
        loop {
            match worker.done.try_recv() {
                Ok((id, marked)) => {
                    self.results.insert(id, Some(Arc::new(marked)));
                    self.waiting = self.waiting.saturating_sub(1);
                    self.generation += 1;
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        // A grammar made the thread panic: pending blocks stay plain.
        self.worker = None;
        self.waiting = 0;
        self.results.values_mut().filter(|marked| marked.is_none()).for_each(|marked| *marked = Some(Arc::default()));
    }

    /// Returns true if results are pending and another frame is needed.
    pub fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Counter that increases with each result.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the highlighting of a code block whose fence names the language; requests it if needed.
    pub fn syntax(&mut self, fence: &str, code: &str) -> SyntaxState {
        let Some(language) = languages::token(fence).filter(|_| code.len() <= MAX_BYTES) else {
            return SyntaxState::Plain;
        };
        let mut hasher = DefaultHasher::new();
        (&language, code).hash(&mut hasher);
        let id = hasher.finish();
        match self.results.get(&id) {
            Some(Some(marked)) => SyntaxState::Ready(marked.clone()),
            Some(None) => SyntaxState::Pending,
            None => self.request(Job { id, language, code: code.to_owned() }),
        }
    }

    fn request(&mut self, job: Job) -> SyntaxState {
        if self.results.len() >= MAX_CACHED_BLOCKS {
            self.results.retain(|_, marked| marked.is_none());
        }
        if self.worker.is_none() {
            self.worker = Worker::start();
        }
        let id = job.id;
        // Without the thread, code stays plain.
        let sent = self.worker.as_ref().is_some_and(|worker| worker.jobs.send(job).is_ok());
        if !sent {
            return SyntaxState::Plain;
        }
        self.results.insert(id, None);
        self.waiting += 1;
        SyntaxState::Pending
    }
}

impl Worker {
    /// Starts the thread, which ends when its handle is dropped.
    fn start() -> Option<Self> {
        let (jobs, open) = channel::<Job>();
        let (finished, done) = channel();
        let work = move || {
            let Ok(first) = open.recv() else { return };
            let grammars = Grammars::load();
            let mut stack = vec![first];
            loop {
                // The latest request is on the screen, so it comes first.
                stack.extend(open.try_iter());
                let job = match stack.pop() {
                    Some(job) => job,
                    None => match open.recv() {
                        Ok(job) => job,
                        Err(_) => return,
                    },
                };
                if finished.send((job.id, grammars.highlight(&job.language, &job.code))).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("highlight".into()).spawn(work).ok().map(|_| Self { jobs, done })
    }
}

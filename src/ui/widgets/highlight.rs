//! Syntax highlighting in a background thread: the first frame shows code plain, a later one highlighted.
//!
//! Loading the grammars costs megabytes and milliseconds. The thread loads them with the first code of a known language.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use ratatui::style::Style;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::languages;
use crate::config::theme::Theme;
use crate::ui::style::style;

/// Maximum bytes of a highlighted code block, to bound the time per block.
const MAX_BYTES: usize = 64 << 10;

/// Maximum bytes of a highlighted line, because longer lines are data, not code.
const MAX_LINE_BYTES: usize = 2_000;

/// Maximum number of cached code blocks, to bound memory.
const MAX_CACHED_BLOCKS: usize = 256;

/// Kind of a piece of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxKind {
    /// Other text.
    Plain,
    /// Keyword.
    Keyword,
    /// String.
    String,
    /// Comment.
    Comment,
    /// Number or constant.
    Number,
    /// Name of a function.
    Function,
    /// Name of a type.
    Type,
    /// Variable.
    Variable,
    /// Operator or bracket.
    Punctuation,
}

impl SyntaxKind {
    /// Style of the kind.
    pub fn style(self, theme: &Theme) -> Style {
        style(match self {
            Self::Plain => theme.code_block,
            Self::Keyword => theme.keyword,
            Self::String => theme.string,
            Self::Comment => theme.comment,
            Self::Number => theme.number,
            Self::Function => theme.function,
            Self::Type => theme.type_name,
            Self::Variable => theme.variable,
            Self::Punctuation => theme.punctuation,
        })
    }
}

/// Pieces per line of code: end offset in bytes, and kind.
pub type HighlightedLines = Vec<Vec<(usize, SyntaxKind)>>;

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
            let syntaxes = two_face::syntax::extra_newlines();
            let kinds = ScopeKinds::new();
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
                if finished.send((job.id, mark(&syntaxes, &kinds, &job))).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("highlight".into()).spawn(work).ok().map(|_| Self { jobs, done })
    }
}

fn mark(syntaxes: &SyntaxSet, kinds: &ScopeKinds, job: &Job) -> HighlightedLines {
    let Some(syntax) = syntaxes.find_syntax_by_token(&job.language) else { return HighlightedLines::new() };
    mark_lines(syntaxes, syntax, kinds, &job.code)
}

fn mark_lines(syntaxes: &SyntaxSet, syntax: &SyntaxReference, kinds: &ScopeKinds, code: &str) -> HighlightedLines {
    let mut state = ParseState::new(syntax);
    let mut scopes = ScopeStack::new();
    let mut marked = HighlightedLines::new();
    for line in code.lines() {
        let mut pieces = Vec::new();
        if line.len() <= MAX_LINE_BYTES {
            // A grammar that fails leaves the rest of the block plain.
            let Ok(operations) = state.parse_line(&format!("{line}\n"), syntaxes) else { return marked };
            let mut from = 0;
            for (at, operation) in operations {
                let at = at.min(line.len());
                if at > from {
                    pieces.push((at, kinds.of(&scopes)));
                    from = at;
                }
                if scopes.apply(&operation).is_err() {
                    return marked;
                }
            }
            if from < line.len() {
                pieces.push((line.len(), kinds.of(&scopes)));
            }
        }
        marked.push(pieces);
    }
    marked
}

/// Mapping of scope prefixes to kinds, the most specific first.
struct ScopeKinds(Vec<(Scope, SyntaxKind)>);

impl ScopeKinds {
    fn new() -> Self {
        let table = [
            ("punctuation.definition.comment", SyntaxKind::Comment),
            ("comment", SyntaxKind::Comment),
            ("punctuation.definition.string", SyntaxKind::String),
            ("string", SyntaxKind::String),
            ("constant.character", SyntaxKind::String),
            ("constant", SyntaxKind::Number),
            ("keyword.operator", SyntaxKind::Punctuation),
            ("keyword", SyntaxKind::Keyword),
            ("storage", SyntaxKind::Keyword),
            ("entity.name.function", SyntaxKind::Function),
            ("support.function", SyntaxKind::Function),
            ("variable.function", SyntaxKind::Function),
            ("support.macro", SyntaxKind::Function),
            ("entity.name.tag", SyntaxKind::Keyword),
            ("entity.other.attribute-name", SyntaxKind::Function),
            ("entity.name", SyntaxKind::Type),
            ("support.type", SyntaxKind::Type),
            ("support.class", SyntaxKind::Type),
            ("variable", SyntaxKind::Variable),
            ("punctuation", SyntaxKind::Punctuation),
        ];
        Self(table.into_iter().filter_map(|(name, token)| Some((Scope::new(name).ok()?, token))).collect())
    }

    fn of(&self, scopes: &ScopeStack) -> SyntaxKind {
        let kind = |scope: &Scope| self.0.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
        scopes.as_slice().iter().rev().find_map(kind).map_or(SyntaxKind::Plain, |(_, token)| *token)
    }
}

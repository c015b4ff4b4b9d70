//! Syntax of code, found out beside the drawing: the first frame shows code plain, a later one in colours.
//!
//! The grammars take some megabytes and some milliseconds: a thread of its own loads them when the first code is
//! asked for that they can help with, and never before.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use ratatui::style::Style;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::languages;
use crate::config::theme::Theme;
use crate::ui::style::style;

/// Most bytes of a block of code that are highlighted.
const MOST_BYTES: usize = 64 << 10;

/// Longest line that is looked at; longer ones are data, not code.
const LONGEST_LINE: usize = 2_000;

/// Blocks that are remembered.
const REMEMBERED: usize = 256;

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Nothing in particular.
    Plain,
    /// A keyword.
    Keyword,
    /// A string.
    String,
    /// A comment.
    Comment,
    /// A number or a constant.
    Number,
    /// A function's name.
    Function,
    /// A type's name.
    Type,
    /// A variable.
    Variable,
    /// An operator or a bracket.
    Punctuation,
}

impl Token {
    /// How it looks.
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

/// Lines of code; of each, where each piece ends, in bytes, and what it is.
pub type Marked = Vec<Vec<(usize, Token)>>;

/// A handle on the thread that knows the grammars.
#[derive(Debug, Default)]
pub struct Highlighter {
    worker: Option<Worker>,
    known: HashMap<u64, Option<Arc<Marked>>>,
    waiting: usize,
    generation: u64,
}

#[derive(Debug)]
struct Worker {
    jobs: Sender<Job>,
    done: Receiver<(u64, Marked)>,
}

#[derive(Debug)]
struct Job {
    id: u64,
    language: String,
    code: String,
}

/// What is known of a block of code now.
#[derive(Clone, Debug)]
pub enum Syntax {
    /// Its syntax.
    Known(Arc<Marked>),
    /// It is being found out.
    Pending,
    /// It stays plain.
    Plain,
}

impl Highlighter {
    /// Takes in what was found out since.
    pub fn poll(&mut self) {
        let Some(worker) = &self.worker else { return };
        loop {
            match worker.done.try_recv() {
                Ok((id, marked)) => {
                    self.known.insert(id, Some(Arc::new(marked)));
                    self.waiting = self.waiting.saturating_sub(1);
                    self.generation += 1;
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        // A grammar made the thread fall over: what it was asked for stays plain, and nobody waits for it.
        self.worker = None;
        self.waiting = 0;
        self.known.values_mut().filter(|marked| marked.is_none()).for_each(|marked| *marked = Some(Arc::default()));
    }

    /// Something is being found out: draw again soon.
    pub fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Changes whenever something was found out.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The syntax of a block of code, as its fence names the language.
    pub fn syntax(&mut self, fence: &str, code: &str) -> Syntax {
        let Some(language) = languages::token(fence).filter(|_| code.len() <= MOST_BYTES) else { return Syntax::Plain };
        let mut hasher = DefaultHasher::new();
        (&language, code).hash(&mut hasher);
        let id = hasher.finish();
        match self.known.get(&id) {
            Some(Some(marked)) => Syntax::Known(marked.clone()),
            Some(None) => Syntax::Pending,
            None => self.ask(Job { id, language, code: code.to_owned() }),
        }
    }

    fn ask(&mut self, job: Job) -> Syntax {
        if self.known.len() >= REMEMBERED {
            self.known.retain(|_, marked| marked.is_none());
        }
        if self.worker.is_none() {
            self.worker = Worker::start();
        }
        let id = job.id;
        // Without a thread, or when it is gone, code stays plain: that is all that is lost.
        let sent = self.worker.as_ref().is_some_and(|worker| worker.jobs.send(job).is_ok());
        if !sent {
            return Syntax::Plain;
        }
        self.known.insert(id, None);
        self.waiting += 1;
        Syntax::Pending
    }
}

impl Worker {
    /// Starts the thread; it ends with its handle.
    fn start() -> Option<Self> {
        let (jobs, open) = channel::<Job>();
        let (finished, done) = channel();
        let work = move || {
            let Ok(first) = open.recv() else { return };
            let syntaxes = two_face::syntax::extra_newlines();
            let kinds = Kinds::new();
            let mut stack = vec![first];
            loop {
                // What was asked for last is what is on the screen.
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

fn mark(syntaxes: &SyntaxSet, kinds: &Kinds, job: &Job) -> Marked {
    let Some(syntax) = syntaxes.find_syntax_by_token(&job.language) else { return Marked::new() };
    mark_lines(syntaxes, syntax, kinds, &job.code)
}

fn mark_lines(syntaxes: &SyntaxSet, syntax: &SyntaxReference, kinds: &Kinds, code: &str) -> Marked {
    let mut state = ParseState::new(syntax);
    let mut scopes = ScopeStack::new();
    let mut marked = Marked::new();
    for line in code.lines() {
        let mut pieces = Vec::new();
        if line.len() <= LONGEST_LINE {
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

/// What scopes mean, the more exact ones first.
struct Kinds(Vec<(Scope, Token)>);

impl Kinds {
    fn new() -> Self {
        let table = [
            ("punctuation.definition.comment", Token::Comment),
            ("comment", Token::Comment),
            ("punctuation.definition.string", Token::String),
            ("string", Token::String),
            ("constant.character", Token::String),
            ("constant", Token::Number),
            ("keyword.operator", Token::Punctuation),
            ("keyword", Token::Keyword),
            ("storage", Token::Keyword),
            ("entity.name.function", Token::Function),
            ("support.function", Token::Function),
            ("variable.function", Token::Function),
            ("support.macro", Token::Function),
            ("entity.name.tag", Token::Keyword),
            ("entity.other.attribute-name", Token::Function),
            ("entity.name", Token::Type),
            ("support.type", Token::Type),
            ("support.class", Token::Type),
            ("variable", Token::Variable),
            ("punctuation", Token::Punctuation),
        ];
        Self(table.into_iter().filter_map(|(name, token)| Some((Scope::new(name).ok()?, token))).collect())
    }

    fn of(&self, scopes: &ScopeStack) -> Token {
        let kind = |scope: &Scope| self.0.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
        scopes.as_slice().iter().rev().find_map(kind).map_or(Token::Plain, |(_, token)| *token)
    }
}

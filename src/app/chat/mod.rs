//! A conversation with a run: its transcript, what it does now, what waits to be sent, and what the user writes to it.
//!
//! A chat needs no process: there is one from the first prompt on. A conversation that another program or another
//! salon holds is only followed.

pub mod composer;
pub mod queue;
pub mod state;

mod keys;
mod open;
mod told;

use std::path::PathBuf;

pub use composer::Composer;

use super::msg::Ticket;
use super::reader::Reader;
use super::runs::RunEffect;
use super::{App, Effect};
use crate::domain::prompt::PromptId;
use crate::domain::run::{Conversation, Cursor, Opening, RunId, RunInfo};
use crate::domain::{Agent, Time};

/// A conversation.
#[derive(Debug)]
pub struct Chat {
    /// The transcript with what the run adds to it.
    pub reader: Reader,
    /// The run; `None` before there is one.
    pub run: Option<RunId>,
    /// Whose program.
    pub agent: Agent,
    /// How it begins, as long as there is no run.
    pub opening: Option<Opening>,
    /// What has the keys.
    pub focus: Focus,
    /// What is being written.
    pub composer: Composer,
    /// Why it is only followed; `None`: it is steered.
    pub followed: Option<String>,
    /// Escape was pressed while a turn is open: once more, and it is interrupted.
    pub armed: bool,
    /// When the clock was first looked at while it was starting.
    pub starting: Option<Time>,
    /// Names the request to begin that is under way, and its prompt.
    beginning: Option<(Ticket, Option<String>)>,
    /// The place in the run's history up to which it was told.
    cursor: Cursor,
    /// Under which name what is being written is kept.
    draft: String,
    /// Something was written since it was opened, so that a kept draft comes too late.
    touched: bool,
}

/// What has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The text that is being written.
    #[default]
    Composer,
    /// The transcript.
    Transcript,
    /// The queue, at this prompt.
    Queue(PromptId),
}

impl Chat {
    fn new(reader: Reader, agent: Agent, run: Option<RunId>, opening: Option<Opening>) -> Self {
        let mut chat = Self {
            reader,
            run,
            agent,
            opening,
            focus: Focus::Composer,
            composer: Composer::default(),
            followed: None,
            armed: false,
            starting: None,
            beginning: None,
            cursor: Cursor::default(),
            draft: String::new(),
            touched: false,
        };
        chat.draft = chat.draft_name();
        chat
    }

    /// The directory in which the agent works.
    fn directory(&self, info: Option<&RunInfo>) -> PathBuf {
        let opening = || self.opening.as_ref().map(|opening| opening.cwd.clone());
        info.map(|info| info.cwd.clone()).or_else(opening).unwrap_or_default()
    }

    /// It begins with a copy of the session.
    fn is_fork(&self) -> bool {
        matches!(&self.opening, Some(Opening { conversation: Conversation::Fork(_), .. }))
    }

    /// It waits for the answer whether its run begins.
    pub fn is_beginning(&self) -> bool {
        self.beginning.is_some()
    }

    /// Keeps what is being written.
    fn keep_draft(&mut self) -> Effect {
        self.touched = true;
        Effect::Run(RunEffect::KeepDraft { key: self.draft.clone(), text: self.written() })
    }

    /// What is being written; while a queued prompt is changed, what was written before that.
    fn written(&self) -> String {
        match &self.composer.editing {
            Some((_, before)) => before.whole(),
            None => self.composer.text.whole(),
        }
    }

    /// The session where it is known, since that is how one comes back to it; else the run, else where it will be.
    fn draft_name(&self) -> String {
        let fork = self.is_fork();
        match (&self.run, &self.opening) {
            _ if !self.reader.key.id.is_empty() && !fork => self.reader.key.to_string(),
            (Some(run), _) => format!("run:{run}"),
            (None, Some(opening)) if fork => format!("fork:{}:{}", self.reader.key, opening.cwd.display()),
            (None, Some(opening)) => format!("new:{}:{}", self.agent, opening.cwd.display()),
            (None, None) => String::new(),
        }
    }

    /// The draft goes by another name from now on.
    fn rename_draft(&mut self) -> Vec<Effect> {
        let name = self.draft_name();
        if name == self.draft {
            return Vec::new();
        }
        let old = std::mem::replace(&mut self.draft, name);
        let text = self.written();
        let keep = |key: String, text: String| Effect::Run(RunEffect::KeepDraft { key, text });
        if text.is_empty() {
            // What was sent is no draft any more. One that was not yet recalled stays.
            return if self.touched { vec![keep(old, String::new())] } else { Vec::new() };
        }
        vec![keep(self.draft.clone(), text), keep(old, String::new())]
    }
}

impl App {
    /// The conversation on the screen, where no overlay lies over it.
    pub(super) fn chat_mut(&mut self) -> Option<&mut Chat> {
        self.layers.last_mut().and_then(super::layer::Layer::chat_mut)
    }

    /// What is known of a conversation's run.
    pub fn info(&self, chat: &Chat) -> Option<&RunInfo> {
        self.runs.get(chat.run.as_ref()?).map(|info| &**info)
    }
}

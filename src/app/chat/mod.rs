//! The chat screen: the transcript of a run, its state, its queue and the composer.
//!
//! A chat needs no process before the first prompt. A conversation that another program or another salon owns is
//! read-only.

pub mod composer;
pub mod queue;
pub mod state;
pub mod tasks;
pub mod user_command;

mod keys;
mod modes;
mod run_messages;
mod sending;
mod subagents;

use std::path::PathBuf;

pub use composer::Composer;
pub use sending::Interruption;

use super::effect::Effect;
use super::reader::Reader;
use user_command::UserCommand;

use super::runs::{RunTable, is_open};
use super::ticket::RequestTicket;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Conversation, RunId, RunInfo, RunStart, TurnNumber};
use crate::domain::run_event::RingCursor;
use crate::domain::{Agent, SessionKey, Time};

/// The chat screen.
#[derive(Debug)]
pub struct Chat {
    /// The transcript with the run's live entries.
    pub reader: Reader,
    /// The run; `None` before there is one.
    pub run: Option<RunId>,
    /// Run that the chat had and that no longer exists. What it still refuses returns to the composer.
    former: Option<RunId>,
    /// The agent.
    pub agent: Agent,
    /// Start parameters, before there is a run.
    pub start: Option<RunStart>,
    /// Focus of the chat.
    pub focus: ChatFocus,
    /// The composer.
    pub composer: Composer,
    /// Reason why the chat is read-only; `None` if it can send.
    pub read_only: Option<String>,
    /// The command that the user ran last, until its output is sent or dropped.
    pub command: Option<UserCommand>,
    /// True if the task list is hidden.
    pub hides_tasks: bool,
    /// True after the user decided about the settings of the folder.
    trust_is_decided: bool,
    /// The open turn that the next Esc interrupts, after a first one.
    armed: Option<TurnNumber>,
    /// First clock tick while the run was starting.
    pub starting: Option<Time>,
    /// Ticket and prompt of the pending start request.
    pending_start: Option<(RequestTicket, Option<String>)>,
    /// Position in the run's events up to which they were applied.
    cursor: RingCursor,
    /// Key of the saved draft.
    draft: String,
    /// True after an edit, so that a saved draft that arrives later is ignored.
    touched: bool,
}

/// Focus of the chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChatFocus {
    /// The composer.
    #[default]
    Composer,
    /// The transcript.
    Transcript,
    /// The queue, with the selected prompt.
    Queue(PromptId),
    /// The task list, with the selected row.
    Tasks(usize),
}

impl Chat {
    /// Creates a chat with the composer focused.
    pub fn new(reader: Reader, agent: Agent, run: Option<RunId>, start: Option<RunStart>) -> Self {
        let mut chat = Self {
            reader,
            run,
            agent,
            start,
            focus: ChatFocus::Composer,
            composer: Composer::default(),
            read_only: None,
            command: None,
            hides_tasks: false,
            trust_is_decided: false,
            armed: None,
            starting: None,
            former: None,
            pending_start: None,
            cursor: RingCursor::default(),
            draft: String::new(),
            touched: false,
        };
        chat.draft = chat.current_draft_key();
        chat
    }

    /// Returns the state of its run.
    pub fn info<'r>(&self, runs: &'r RunTable) -> Option<&'r RunInfo> {
        runs.get(self.run.as_ref()?).map(|info| &**info)
    }

    /// Returns true if the chat is that of a run.
    pub fn is_of(&self, run: &RunId) -> bool {
        self.run.as_ref() == Some(run)
    }

    /// Returns true if the chat is or was that of a run.
    pub fn was_of(&self, run: &RunId) -> bool {
        self.is_of(run) || self.former.as_ref() == Some(run)
    }

    /// Returns the position in the run's events up to which they were applied.
    pub fn cursor(&self) -> RingCursor {
        self.cursor
    }

    /// Returns the effect that loads the saved draft.
    pub fn load_draft(&self) -> Effect {
        Effect::LoadDraft { key: self.draft.clone() }
    }

    /// Returns true if the chat continues a past session whose run has not started.
    pub fn is_continuation(&self, key: &SessionKey) -> bool {
        self.run.is_none() && self.reader.key == *key
    }

    /// Continues the session with other start parameters, also after the chat was read-only.
    pub fn continue_with(&mut self, start: RunStart) -> Vec<Effect> {
        (self.read_only, self.focus) = (None, ChatFocus::Composer);
        self.start = Some(start);
        self.rename_draft()
    }

    /// Makes the chat read-only, because another salon owns the session.
    pub fn mark_owned_by(&mut self, pid: u32) {
        self.mark_read_only(format!("open in another salon, pid {pid}"));
    }

    /// Makes the chat read-only, with the reason.
    pub fn mark_read_only(&mut self, reason: String) {
        self.read_only = Some(reason);
        self.focus = ChatFocus::Transcript;
    }

    /// Returns the open turn if the next Esc interrupts it.
    pub fn armed_turn(&self, runs: &RunTable) -> Option<TurnNumber> {
        self.open_turn(runs).filter(|turn| self.armed == Some(*turn))
    }

    /// Drops the first Esc of an interrupt.
    pub fn disarm(&mut self) {
        self.armed = None;
    }

    /// Returns the open turn.
    fn open_turn(&self, runs: &RunTable) -> Option<TurnNumber> {
        self.info(runs).filter(|info| is_open(&info.phase)).map(|info| info.turn)
    }

    /// Returns the effects that close the chat.
    pub fn closed(self) -> Vec<Effect> {
        let end = self.stop_command();
        let unwatch = self.run.map(Effect::UnwatchRun);
        let close = self.reader.is_stored().then_some(Effect::CloseTranscript(self.reader.ticket));
        end.into_iter().chain(unwatch).chain(close).collect()
    }

    /// Returns the working directory of the agent.
    fn directory(&self, info: Option<&RunInfo>) -> PathBuf {
        let start = || self.start.as_ref().map(|start| start.cwd.clone());
        info.map(|info| info.cwd.clone()).or_else(start).unwrap_or_default()
    }

    /// Returns the machine or container of the session; `None` for this machine.
    pub fn host(&self) -> Option<&str> {
        let of_run = self.run.as_ref().and_then(RunId::split_host).map(|(host, _)| host);
        let of_start = self.start.as_ref().and_then(|start| start.host.as_deref());
        self.reader.key.host.as_deref().or(of_start).or(of_run)
    }

    /// Returns true if the chat starts with a fork.
    pub fn is_fork(&self) -> bool {
        matches!(&self.start, Some(RunStart { conversation: Conversation::Fork(_), .. }))
    }

    /// Returns true while a start request is pending.
    pub fn is_starting(&self) -> bool {
        self.pending_start.is_some()
    }

    /// Saves the draft.
    fn save_draft(&mut self) -> Effect {
        self.touched = true;
        Effect::SaveDraft { key: self.draft.clone(), text: self.composer.draft().whole() }
    }

    /// Returns the key of the draft: the session if known, because sessions are reopened by it, else the run, else the
    /// start parameters.
    fn current_draft_key(&self) -> String {
        let fork = self.is_fork();
        match (&self.run, &self.start) {
            _ if !self.reader.key.id.is_empty() && !fork => self.reader.key.to_string(),
            (Some(run), _) => format!("run:{run}"),
            (None, Some(start)) if fork => format!("fork:{}:{}", self.reader.key, start.cwd.display()),
            (None, Some(start)) => format!("new:{}:{}", self.agent, start.cwd.display()),
            (None, None) => String::new(),
        }
    }

    /// Moves the draft to a new key.
    fn rename_draft(&mut self) -> Vec<Effect> {
        let name = self.current_draft_key();
        if name == self.draft {
            return Vec::new();
        }
        let old = std::mem::replace(&mut self.draft, name);
        let text = self.composer.draft().whole();
        let keep = |key: String, text: String| Effect::SaveDraft { key, text };
        if text.is_empty() {
            // A sent text is no draft any more. A saved draft that was not loaded yet stays.
            return if self.touched { vec![keep(old, String::new())] } else { Vec::new() };
        }
        vec![keep(self.draft.clone(), text), keep(old, String::new())]
    }
}

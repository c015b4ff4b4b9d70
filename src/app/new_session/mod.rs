//! The form of a new session: agent, directory, worktree, model, mode, first prompt.

mod keys;

use std::sync::Arc;

use super::chat::composer::ComposerText;
use super::line_editor::LineEditor;
use super::picker::{self, matching};
use super::runs::{ModelSource, RunTable};
use super::ticket::RequestTicket;
use crate::domain::run::RunStart;
use crate::domain::{Agent, SessionKey};

/// State of the form.
#[derive(Debug, Default)]
pub struct NewSession {
    /// Index of the agent in [`RunTable::agents`].
    pub agent: usize,
    /// The focused field.
    pub field: NewSessionField,
    /// The directory.
    pub directory: LineEditor,
    /// Name of the worktree's branch; empty to work in the directory itself.
    pub worktree: LineEditor,
    /// Request for the worktree that is being created.
    pub creating: Option<RequestTicket>,
    /// The model; empty for the agent's default.
    pub model: LineEditor,
    /// The permission mode; empty for the agent's default.
    pub mode: LineEditor,
    /// The first prompt.
    pub prompt: ComposerText,
    /// The last directory query and its completions.
    pub directories: (String, Vec<String>),
    /// Validation error.
    pub error: Option<String>,
    /// Parameters that the form does not show, for a session that was prepared elsewhere.
    pub base: Option<RunStart>,
    /// Machine or container that the directory names; `None` for this machine.
    host: Option<Arc<str>>,
    /// Agent that was asked for.
    wanted: Option<Agent>,
    /// True if the user changed the agent.
    is_agent_chosen: bool,
    /// True if the user closed the form without starting a session.
    pub(super) is_cancelled: bool,
}

/// Field of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewSessionField {
    /// The agent.
    Agent,
    /// The directory.
    Directory,
    /// The worktree.
    Worktree,
    /// The model.
    Model,
    /// The mode.
    Mode,
    /// The first prompt.
    #[default]
    Prompt,
}

impl NewSessionField {
    /// All fields, from top to bottom.
    pub const ALL: [Self; 6] = [Self::Agent, Self::Directory, Self::Worktree, Self::Model, Self::Mode, Self::Prompt];

    /// Returns the label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Directory => "directory",
            Self::Worktree => "worktree",
            Self::Model => "model",
            Self::Mode => "mode",
            Self::Prompt => "prompt",
        }
    }

    fn step(self, forward: bool) -> Self {
        let at = Self::ALL.iter().position(|field| *field == self).unwrap_or(0);
        let by = if forward { 1 } else { Self::ALL.len() - 1 };
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

impl NewSession {
    /// Returns the chosen agent.
    pub fn agent(&self, runs: &RunTable) -> Agent {
        runs.agents().get(self.agent).map_or(Agent::Claude, |(agent, _)| *agent)
    }

    /// Returns the chosen agent on its machine.
    pub fn model_source(&self, runs: &RunTable) -> ModelSource {
        ModelSource { agent: self.agent(runs), host: self.host.clone() }
    }

    /// Returns true if the agent is missing on this machine, and would have to run here.
    pub fn is_missing(&self, is_installed: bool) -> bool {
        !is_installed && self.host.is_none()
    }

    /// Returns the session that the new one continues.
    pub fn origin(&self) -> Option<&SessionKey> {
        self.base.as_ref()?.origin.as_ref()
    }

    /// Chooses the agent that was asked for, else an installed one other than that of the session that is continued.
    pub fn choose_agent(&mut self, runs: &RunTable) {
        let origin = self.origin().map(|origin| origin.agent);
        let others = || runs.agents().iter().filter(|(agent, _)| Some(*agent) != origin);
        // Without an installed one, the form says so for another agent too.
        let any = || others().next().filter(|_| origin.is_some());
        let other = || others().find(|(_, installed)| *installed).or_else(any).map(|(agent, _)| *agent);
        let wanted = self.wanted.or_else(other);
        let index = wanted.and_then(|wanted| runs.agents().iter().position(|(agent, _)| *agent == wanted));
        self.agent = index.unwrap_or(self.agent);
    }

    /// Returns the completions of the focused field, best first.
    pub fn suggestions(&self, runs: &RunTable) -> Vec<String> {
        let source = || self.model_source(runs);
        match self.field {
            NewSessionField::Directory if self.directories.0 == self.directory.text() => self.directories.1.clone(),
            NewSessionField::Model => {
                let names = picker::models(runs, &source()).into_iter().map(|(name, _)| name).collect();
                matching(names, self.model.text(), String::clone)
            }
            NewSessionField::Mode => matching(picker::modes(runs, &source()), self.mode.text(), String::clone),
            NewSessionField::Agent
            | NewSessionField::Directory
            | NewSessionField::Worktree
            | NewSessionField::Prompt => Vec::new(),
        }
    }

    fn input(&mut self) -> Option<&mut LineEditor> {
        match self.field {
            NewSessionField::Agent | NewSessionField::Prompt => None,
            NewSessionField::Directory => Some(&mut self.directory),
            NewSessionField::Worktree => Some(&mut self.worktree),
            NewSessionField::Model => Some(&mut self.model),
            NewSessionField::Mode => Some(&mut self.mode),
        }
    }
}

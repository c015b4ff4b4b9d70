//! The state of the runs in this salon, the messages about them and the effects on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layer::Layer;
use super::ticket::RequestTicket;
use super::{App, Effect};
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{ModelCatalog, Phase, Refusal, Replay, RunId, RunInfo, StopReason};
use crate::domain::{Agent, SessionKey, SessionState};

/// Obstacles to resuming a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumeCheck {
    /// Process id of another salon that runs the session: only that salon can send prompts to it.
    pub owner_pid: Option<u32>,
    /// Description of the program that has the session open.
    pub open_elsewhere: Option<String>,
    /// True if the session's directory does not exist.
    pub directory_gone: bool,
    /// True if the agent's program is not on `PATH`.
    pub not_installed: bool,
    /// Reason why the agent cannot find the session, with a remedy.
    pub refused: Option<String>,
    /// Warning about files that the agent may destroy, with the location of the copies.
    pub warning: Option<String>,
}

/// Message about a run.
#[derive(Clone, Debug)]
pub enum RunMsg {
    /// A run started or changed.
    Changed(Arc<RunInfo>),
    /// Sessions of all recorded runs.
    Recorded(Vec<SessionKey>),
    /// A run was removed.
    Gone(RunId),
    /// The undelivered prompts of a run, in the order of delivery.
    Queued(RunId, Vec<Prompt>),
    /// The events of a watched run since the viewer's cursor.
    Events(RunId, Replay),
    /// Response to [`super::Effect::StartRun`].
    Started {
        /// Identifies the request.
        ticket: RequestTicket,
        /// The run, or the reason why there is none.
        result: Result<RunId, Refusal>,
    },
    /// Response to [`crate::domain::run_request::RunRequest::Submit`]: the prompt is saved, or it was refused and returns to the composer.
    Submitted {
        /// The run.
        run: RunId,
        /// The prompt.
        text: String,
        /// Reason for the refusal.
        refused: Option<Refusal>,
    },
    /// Result of the check whether a session can be continued here.
    Checked {
        /// The session.
        key: SessionKey,
        /// Obstacles.
        check: ResumeCheck,
    },
    /// Models of an agent.
    Models(Agent, ModelCatalog),
    /// The agents that salon can run, each with true if its program is on `PATH`.
    Agents(Vec<(Agent, bool)>),
    /// Completions of a file or directory name, best first.
    Paths {
        /// The query.
        query: String,
        /// Paths, relative to the queried directory.
        found: Vec<String>,
    },
    /// A saved draft.
    Draft {
        /// Key of the draft.
        key: String,
        /// Text of the draft.
        text: String,
    },
    /// Text from the external editor.
    Edited(String),
}

/// The runs of this salon with their queues, and the models of agents.
#[derive(Debug, Default)]
pub struct RunTable {
    infos: BTreeMap<RunId, Arc<RunInfo>>,
    queues: BTreeMap<RunId, Vec<Prompt>>,
    models: BTreeMap<Agent, ModelCatalog>,
    /// `None` before the first [`RunMsg::Agents`].
    agents: Option<Vec<(Agent, bool)>>,
}

impl RunTable {
    /// Iterates all runs.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<RunInfo>> {
        self.infos.values()
    }

    /// Returns a run.
    pub fn get(&self, run: &RunId) -> Option<&Arc<RunInfo>> {
        self.infos.get(run)
    }

    /// Returns the run of a session. Also accepts the provisional key of a run without a session: see [`key_of`].
    pub fn of_session(&self, key: &SessionKey) -> Option<&Arc<RunInfo>> {
        self.iter().find(|info| key_of(info) == *key)
    }

    /// Returns the session state that the run implies. `None` if the run is stopped, so that other sources decide.
    pub fn state(&self, info: &RunInfo) -> Option<SessionState> {
        let is_blocked = |prompt: &Prompt| matches!(prompt.state, PromptState::Held | PromptState::Failed);
        if !info.approvals.is_empty() || self.queue(&info.id).iter().any(is_blocked) {
            return Some(SessionState::NeedsYou);
        }
        match info.phase {
            Phase::Starting | Phase::Working { .. } | Phase::Interrupting { .. } => Some(SessionState::Working),
            Phase::Idle => Some(SessionState::Idle),
            Phase::Stopped(_) => None,
        }
    }

    /// Returns true if a run without a session on disk has a row of its own: it is live, has prompts, or failed.
    pub fn is_listed(&self, info: &RunInfo) -> bool {
        let over =
            matches!(info.phase, Phase::Stopped(StopReason::NotStarted | StopReason::OnRequest | StopReason::Evicted));
        !over || !self.queue(&info.id).is_empty()
    }

    /// Returns the undelivered prompts of a run, in the order of delivery.
    pub fn queue(&self, run: &RunId) -> &[Prompt] {
        self.queues.get(run).map_or(&[], Vec::as_slice)
    }

    /// Returns the agents that salon can run, each with true if it is installed. Until this is known, all count as
    /// installed.
    pub fn agents(&self) -> &[(Agent, bool)] {
        self.agents.as_deref().unwrap_or(&[(Agent::Claude, true), (Agent::OpenCode, true), (Agent::Codex, true)])
    }

    /// Returns the models of an agent.
    pub fn models(&self, agent: Agent) -> Option<&ModelCatalog> {
        self.models.get(&agent)
    }
}

/// Returns the session key of a run; before the agent named a session, a provisional key made of the run's id.
pub fn key_of(info: &RunInfo) -> SessionKey {
    info.session.clone().unwrap_or_else(|| SessionKey::new(info.agent, info.id.0.clone()))
}

/// Returns true if a turn is open.
pub fn is_open(phase: &Phase) -> bool {
    match phase {
        Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Starting | Phase::Idle | Phase::Stopped(_) => false,
    }
}

impl App {
    /// Applies a message about a run.
    pub(super) fn run(&mut self, msg: RunMsg) -> Vec<Effect> {
        match msg {
            RunMsg::Changed(info) => {
                let before = self.runs.infos.insert(info.id.clone(), info.clone());
                self.sessions.recorded.extend(info.session.clone());
                let mut effects = self.notify(before.as_deref(), &info);
                effects.extend(self.runs_changed(before.as_deref(), Some(&info)));
                effects
            }
            RunMsg::Recorded(sessions) => {
                self.sessions.recorded.extend(sessions);
                self.sessions_changed()
            }
            RunMsg::Gone(run) => {
                let before = self.runs.infos.remove(&run);
                self.runs.queues.remove(&run);
                if let Some(before) = &before {
                    self.run_gone(before);
                }
                self.runs_changed(before.as_deref(), None)
            }
            RunMsg::Queued(run, prompts) => {
                self.runs.queues.insert(run, prompts);
                self.runs_changed(None, None)
            }
            RunMsg::Models(agent, models) => {
                self.runs.models.insert(agent, models);
                self.models_received(agent);
                Vec::new()
            }
            RunMsg::Paths { query, found } if matches!(self.layers.last(), Some(Layer::NewSession(_))) => {
                self.directories_found(query, found);
                Vec::new()
            }
            RunMsg::Agents(agents) => {
                self.agents_received(agents);
                Vec::new()
            }
            msg => self.apply_run_message(msg),
        }
    }

    /// Stores the agents; the chosen one stays chosen.
    fn agents_received(&mut self, agents: Vec<(Agent, bool)>) {
        let chosen = match self.layers.last() {
            Some(Layer::NewSession(new)) => Some(new.agent(&self.runs)),
            _ => None,
        };
        self.runs.agents = Some(agents);
        if let (Some(chosen), Some(Layer::NewSession(new))) = (chosen, self.layers.last_mut()) {
            let agents = self.runs.agents.as_deref().unwrap_or_default();
            new.agent = agents.iter().position(|(agent, _)| *agent == chosen).unwrap_or(0);
        }
    }

    /// Updates everything that is derived from runs: approvals, rows, chats, pending quit.
    fn runs_changed(&mut self, before: Option<&RunInfo>, now: Option<&RunInfo>) -> Vec<Effect> {
        self.approvals.refresh(&self.runs);
        // The row of a new run becomes the row of its session.
        let renamed = before.map(key_of).zip(now.map(key_of)).filter(|(before, now)| before != now);
        let selected = renamed.filter(|(before, _)| self.home.list.key() == Some(before));
        let mut effects = if self.sessions.set_runs(&self.runs) { self.sessions_changed() } else { Vec::new() };
        if let Some((_, now)) = selected
            && self.home.list.select(&now)
        {
            effects.extend(self.selection_moved());
        }
        effects.extend(self.sync_chats());
        effects.extend(self.quit_if_done());
        effects
    }
}

//! The runs in this salon and the messages about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ticket::{ApprovalId, RequestTicket};
use crate::domain::backend::Backend;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{ModelCatalog, Phase, Refusal, RunFailure, RunId, RunInfo, StopReason};
use crate::domain::run_event::Replay;
use crate::domain::tool::ChangeContext;
use crate::domain::{Agent, SessionKey, SessionState, Time};

/// Obstacles to resuming a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumeCheck {
    /// Process id of another salon that runs the session: only that salon can send prompts to it.
    pub owner_pid: Option<u32>,
    /// Description of the program that has the session open.
    pub open_elsewhere: Option<String>,
    /// True if the session's directory does not exist.
    pub directory_gone: bool,
    /// Directories to which its project may have moved, the most similar first.
    pub moved_to: Vec<String>,
    /// True if the agent's program is not on `PATH`.
    pub not_installed: bool,
    /// Reason why the agent cannot find the session, with a remedy.
    pub refused: Option<String>,
    /// Warning about files that the agent may destroy, with the location of the copies.
    pub warning: Option<String>,
}

/// Agent on a machine: each machine has its own models.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelSource {
    /// The agent.
    pub agent: Agent,
    /// Name of the machine or container; `None` for this machine.
    pub host: Option<Arc<str>>,
}

impl ModelSource {
    /// Returns the source of an agent on a machine.
    pub fn new(agent: Agent, host: Option<&str>) -> Self {
        Self { agent, host: host.map(Arc::from) }
    }

    /// Returns the source of a run.
    pub fn of_run(info: &RunInfo) -> Self {
        Self::new(info.agent, info.id.split_host().map(|(host, _)| host))
    }
}

impl From<Agent> for ModelSource {
    fn from(agent: Agent) -> Self {
        Self::new(agent, None)
    }
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
    /// A message about a run that has no viewer.
    Notice {
        /// The run.
        run: RunId,
        /// The message.
        text: String,
        /// True if it reports an error.
        error: bool,
    },
    /// Response to [`super::Effect::StartRun`].
    Started {
        /// Identifies the request.
        ticket: RequestTicket,
        /// The run, or the reason why there is none.
        result: Result<RunId, Refusal>,
    },
    /// Response to a request with a [text](crate::domain::run_request::RunRequest::text): it is saved, or it was refused
    /// and returns to the composer.
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
    /// All backends, with their memory.
    Backends(Vec<Backend>),
    /// Models of an agent.
    Models(ModelSource, ModelCatalog),
    /// The agents that salon can run, each with true if its program is on `PATH`.
    Agents(Vec<(Agent, bool)>),
    /// True if the runs belong to a background process, and go on when this window is closed.
    Outlive(bool),
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
    /// Output of a command of the user.
    CommandOutput(RequestTicket, String),
    /// End of a command of the user, described.
    CommandEnded(RequestTicket, String),
    /// Places of an approval's changes in their files: per file, and per replaced text.
    ChangeContext(ApprovalId, Vec<Vec<Option<ChangeContext>>>),
}

/// The runs of this salon with their queues, and the models of agents.
#[derive(Debug, Default)]
pub struct RunTable {
    infos: BTreeMap<RunId, Arc<RunInfo>>,
    queues: BTreeMap<RunId, Vec<Prompt>>,
    models: BTreeMap<ModelSource, ModelCatalog>,
    /// `None` before the first [`RunMsg::Agents`].
    agents: Option<Vec<(Agent, bool)>>,
    /// Run that is being stopped, and its session, which is opened in the agent's own program afterwards.
    handover: Option<(RunId, SessionKey)>,
    /// True if the runs go on when this window is closed.
    outlive: bool,
}

impl RunTable {
    /// Iterates all runs.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<RunInfo>> {
        self.infos.values()
    }

    /// Iterates the runs that end with this program: those of this machine.
    pub fn ending(&self) -> impl Iterator<Item = &Arc<RunInfo>> {
        self.iter().filter(|info| info.id.split_host().is_none())
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
    pub fn models(&self, source: &ModelSource) -> Option<&ModelCatalog> {
        self.models.get(source)
    }

    /// Returns true if the runs go on when this window is closed.
    pub fn outlive(&self) -> bool {
        self.outlive
    }

    /// Stores whether the runs go on when this window is closed.
    pub(super) fn set_outlive(&mut self, outlive: bool) {
        self.outlive = outlive;
    }

    /// Records that a session is opened in the agent's own program once its run has stopped.
    pub(super) fn hand_over(&mut self, run: RunId, session: SessionKey) {
        self.handover = Some((run, session));
    }

    /// Takes the session to open in the agent's own program, once its run has stopped.
    pub(super) fn take_handover(&mut self, run: &RunId) -> Option<SessionKey> {
        self.handover.take_if(|(stopping, _)| stopping == run).map(|(_, session)| session)
    }

    /// Stores a run. Returns its previous state.
    pub(super) fn insert(&mut self, info: Arc<RunInfo>) -> Option<Arc<RunInfo>> {
        self.infos.insert(info.id.clone(), info)
    }

    /// Removes a run with its queue. Returns its last state.
    pub(super) fn remove(&mut self, run: &RunId) -> Option<Arc<RunInfo>> {
        self.queues.remove(run);
        self.infos.remove(run)
    }

    /// Stores the undelivered prompts of a run.
    pub(super) fn set_queue(&mut self, run: RunId, prompts: Vec<Prompt>) {
        self.queues.insert(run, prompts);
    }

    /// Stores the models of an agent.
    pub(super) fn set_models(&mut self, source: ModelSource, models: ModelCatalog) {
        // Models of another machine stay known when it cannot be asked.
        if let Some(known) = self.models.get_mut(&source).filter(|_| models.failure.is_some() && models.list.is_empty())
        {
            known.failure = models.failure;
            return;
        }
        self.models.insert(source, models);
    }

    /// Stores the agents that salon can run.
    pub(super) fn set_agents(&mut self, agents: Vec<(Agent, bool)>) {
        self.agents = Some(agents);
    }
}

/// Returns the session key of a run; before the agent named a session, a provisional key made of the run's id.
pub fn key_of(info: &RunInfo) -> SessionKey {
    let provisional = || {
        let host = info.id.split_host().map(|(host, _)| host.into());
        SessionKey { host, ..SessionKey::new(info.agent, info.id.0.clone()) }
    };
    info.session.clone().unwrap_or_else(provisional)
}

/// Returns the end of the rate limit that ended the last turn, if it is known.
pub fn limit_end(info: &RunInfo) -> Option<Time> {
    match &info.failure {
        Some(RunFailure::RateLimited { until, .. }) => *until,
        Some(_) | None => None,
    }
}

/// Returns true if a turn is open.
pub fn is_open(phase: &Phase) -> bool {
    match phase {
        Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Starting | Phase::Idle | Phase::Stopped(_) => false,
    }
}

//! What is known of runs, and what is asked of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::layer::Layer;
use super::msg::{ResumeCheck, Ticket};
use super::{App, Effect};
use crate::domain::approval::Answer;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{Cursor, Models, Opening, Phase, Refusal, Replay, RunId, RunInfo, Setting, Stopped};
use crate::domain::{Agent, SessionKey, State};

/// What became known of runs.
#[derive(Clone, Debug)]
pub enum RunMsg {
    /// A run began or changed.
    Changed(Arc<RunInfo>),
    /// A run is known no more.
    Gone(RunId),
    /// The prompts of a run that are still on their way, in the order of delivery.
    Queued(RunId, Vec<Prompt>),
    /// What a watched run's viewer has not seen.
    Happened(RunId, Replay),
    /// The answer to [`RunEffect::Begin`].
    Begun {
        /// Of the request.
        ticket: Ticket,
        /// The run, or why there is none.
        result: Result<RunId, Refusal>,
    },
    /// The answer to [`RunEffect::Submit`]: the prompt is on disk, or it is not and belongs back into the composer.
    Submitted {
        /// The run.
        run: RunId,
        /// The prompt.
        text: String,
        /// Why it was not accepted.
        refused: Option<Refusal>,
    },
    /// What stands in the way of going on with a session here.
    Checked {
        /// The session.
        key: SessionKey,
        /// What stands in the way.
        check: ResumeCheck,
    },
    /// An agent's models.
    Models(Agent, Models),
    /// The agents that salon can drive, and whether each one's program is on `PATH`.
    Agents(Vec<(Agent, bool)>),
    /// Files or directories for a completion, best first.
    Paths {
        /// What was asked for.
        query: String,
        /// Paths, relative to the directory that was asked about.
        found: Vec<String>,
    },
    /// A draft that was kept.
    Draft {
        /// Its key.
        key: String,
        /// Its text.
        text: String,
    },
    /// What the external editor left.
    Edited(String),
}

/// What is asked of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEffect {
    /// Begin a run, or find the one of that conversation. No process is started before there is a prompt.
    Begin {
        /// Names the answer.
        ticket: Ticket,
        /// Whose program.
        agent: Agent,
        /// How it begins.
        opening: Opening,
        /// The first prompt.
        prompt: Option<String>,
    },
    /// Queue a prompt; the run starts or wakes.
    Submit {
        /// The run.
        run: RunId,
        /// The prompt.
        text: String,
    },
    /// Stop the open turn; asked again, the process.
    Interrupt(RunId),
    /// End the process.
    Stop(RunId),
    /// Answer an approval.
    Answer {
        /// The run.
        run: RunId,
        /// The approval.
        id: Arc<str>,
        /// The answer.
        answer: Answer,
    },
    /// Another model, mode or effort.
    Set(RunId, Setting),
    /// Let a paused queue go on.
    GoOn(RunId),
    /// Change the text of a queued prompt.
    EditPrompt(RunId, PromptId, String),
    /// Take a queued prompt back.
    CancelPrompt(RunId, PromptId),
    /// Move a queued prompt before the one before it.
    MovePromptUp(RunId, PromptId),
    /// Let a held or failed prompt be sent.
    ReleasePrompt(RunId, PromptId),
    /// Tell what happens in a run, from a place on.
    Watch(RunId, Cursor),
    /// No longer.
    Unwatch(RunId),
    /// Find out what stands in the way of going on with a session here.
    Check(SessionKey),
    /// Tell an agent's models: at once what is known, then anew where that is old or `refresh` is asked for.
    Models {
        /// The agent.
        agent: Agent,
        /// Ask the agent in any case.
        refresh: bool,
    },
    /// Tell which agents salon can drive. Answered by [`RunMsg::Agents`].
    Agents,
    /// Complete a file's name below a directory, ignored files left out.
    FindFiles {
        /// The directory.
        below: PathBuf,
        /// What was typed.
        query: String,
    },
    /// Complete a directory's path.
    FindDirectories {
        /// What was typed.
        query: String,
    },
    /// Keep a draft; an empty one is forgotten.
    KeepDraft {
        /// Its key.
        key: String,
        /// Its text.
        text: String,
    },
    /// Tell a draft that was kept.
    RecallDraft {
        /// Its key.
        key: String,
    },
    /// Let the user change a text in `$EDITOR`. Answered by [`RunMsg::Edited`].
    EditText(String),
    /// Call the user: bell and desktop notification.
    Notify {
        /// What happened, in a few words.
        title: String,
        /// More about it.
        body: String,
        /// Somebody waits for the user; else something is done.
        needs_you: bool,
    },
}

/// All runs of this salon.
#[derive(Debug, Default)]
pub struct Runs {
    infos: BTreeMap<RunId, Arc<RunInfo>>,
    queues: BTreeMap<RunId, Vec<Prompt>>,
    models: BTreeMap<Agent, Models>,
    /// `None`: not told yet.
    agents: Option<Vec<(Agent, bool)>>,
}

impl Runs {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<RunInfo>> {
        self.infos.values()
    }

    /// A run.
    pub fn get(&self, run: &RunId) -> Option<&Arc<RunInfo>> {
        self.infos.get(run)
    }

    /// The run of a session, also of one of which only the run is known yet: see [`key_of`].
    pub fn of_session(&self, key: &SessionKey) -> Option<&Arc<RunInfo>> {
        self.iter().find(|info| key_of(info) == *key)
    }

    /// What a run is doing; `None`: nothing, so that others may tell more of its session.
    pub fn state(&self, info: &RunInfo) -> Option<State> {
        let kept_back = |prompt: &Prompt| matches!(prompt.state, PromptState::Held | PromptState::Failed);
        if !info.approvals.is_empty() || self.queue(&info.id).iter().any(kept_back) {
            return Some(State::NeedsYou);
        }
        match info.phase {
            Phase::Starting | Phase::Working { .. } | Phase::Interrupting { .. } => Some(State::Working),
            Phase::Idle => Some(State::Idle),
            Phase::Stopped(_) => None,
        }
    }

    /// Whether a run without a session on disk has a row of its own: it lives, has prompts, or went wrong.
    pub fn is_listed(&self, info: &RunInfo) -> bool {
        let over = matches!(info.phase, Phase::Stopped(Stopped::NotStarted | Stopped::OnRequest | Stopped::Evicted));
        !over || !self.queue(&info.id).is_empty()
    }

    /// The prompts of a run that are still on their way, in the order of delivery.
    pub fn queue(&self, run: &RunId) -> &[Prompt] {
        self.queues.get(run).map_or(&[], Vec::as_slice)
    }

    /// The agents that salon can drive, and whether each is installed. Until that is known they are taken to be.
    pub fn agents(&self) -> &[(Agent, bool)] {
        self.agents.as_deref().unwrap_or(&[(Agent::Claude, true), (Agent::OpenCode, true), (Agent::Codex, true)])
    }

    /// What is known of an agent's models.
    pub fn models(&self, agent: Agent) -> Option<&Models> {
        self.models.get(&agent)
    }
}

/// The session of a run; before the agent named one, a name made of the run's.
pub fn key_of(info: &RunInfo) -> SessionKey {
    info.session.clone().unwrap_or_else(|| SessionKey::new(info.agent, info.id.0.clone()))
}

/// Whether a turn is open.
pub fn is_open(phase: &Phase) -> bool {
    match phase {
        Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Starting | Phase::Idle | Phase::Stopped(_) => false,
    }
}

impl App {
    /// Takes in what became known of runs.
    pub(super) fn run(&mut self, msg: RunMsg) -> Vec<Effect> {
        match msg {
            RunMsg::Changed(info) => {
                let before = self.runs.infos.insert(info.id.clone(), info.clone());
                let mut effects = self.notify(before.as_deref(), &info);
                effects.extend(self.runs_changed(before.as_deref(), Some(&info)));
                effects.extend(self.chats_follow());
                effects
            }
            RunMsg::Gone(run) => {
                let before = self.runs.infos.remove(&run);
                self.runs.queues.remove(&run);
                self.runs_changed(before.as_deref(), None)
            }
            RunMsg::Queued(run, prompts) => {
                self.runs.queues.insert(run, prompts);
                let mut effects = self.runs_changed(None, None);
                effects.extend(self.chats_follow());
                effects
            }
            RunMsg::Models(agent, models) => {
                self.runs.models.insert(agent, models);
                self.models_told(agent);
                Vec::new()
            }
            RunMsg::Paths { query, found } if matches!(self.layers.last(), Some(Layer::NewSession(_))) => {
                self.directories_found(query, found);
                Vec::new()
            }
            RunMsg::Agents(agents) => {
                self.agents_told(agents);
                Vec::new()
            }
            msg => self.told(msg),
        }
    }

    /// The agents are known; the one that is chosen stays chosen.
    fn agents_told(&mut self, agents: Vec<(Agent, bool)>) {
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

    /// The runs are not as they were: what is made of them follows.
    fn runs_changed(&mut self, before: Option<&RunInfo>, now: Option<&RunInfo>) -> Vec<Effect> {
        self.desk.refresh(&self.runs);
        // A row that stood for the run is the session's from now on.
        let renamed = before.map(key_of).zip(now.map(key_of)).filter(|(before, now)| before != now);
        let selected = renamed.filter(|(before, _)| self.home.list.key() == Some(before));
        let mut effects = if self.known.set_runs(&self.runs) { self.sessions_changed() } else { Vec::new() };
        if let Some((_, now)) = selected
            && self.home.list.select(&now)
        {
            effects.extend(self.selection_moved());
        }
        effects.extend(self.chats_follow());
        effects.extend(self.quit_if_done());
        effects
    }
}

//! What is known of runs, and what is asked of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::msg::{ResumeCheck, Ticket};
use super::{App, Effect};
use crate::domain::approval::Answer;
use crate::domain::prompt::{Prompt, PromptId};
use crate::domain::run::{Cursor, Models, Opening, Refusal, Replay, RunId, RunInfo, Setting};
use crate::domain::{Agent, SessionKey};

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

    /// The run of a session.
    pub fn of_session(&self, key: &SessionKey) -> Option<&Arc<RunInfo>> {
        self.iter().find(|info| info.session.as_ref() == Some(key))
    }

    /// The prompts of a run that are still on their way, in the order of delivery.
    pub fn queue(&self, run: &RunId) -> &[Prompt] {
        self.queues.get(run).map_or(&[], Vec::as_slice)
    }

    /// What is known of an agent's models.
    pub fn models(&self, agent: Agent) -> Option<&Models> {
        self.models.get(&agent)
    }
}

impl App {
    /// Takes in what became known of runs.
    pub(super) fn run(&mut self, msg: RunMsg) -> Vec<Effect> {
        match msg {
            RunMsg::Changed(info) => {
                self.runs.infos.insert(info.id.clone(), info);
                self.desk.refresh(&self.runs);
                self.chats_follow()
            }
            RunMsg::Gone(run) => {
                self.runs.infos.remove(&run);
                self.runs.queues.remove(&run);
                self.desk.refresh(&self.runs);
                Vec::new()
            }
            RunMsg::Queued(run, prompts) => {
                self.runs.queues.insert(run, prompts);
                self.chats_follow()
            }
            RunMsg::Models(agent, models) => {
                self.runs.models.insert(agent, models);
                Vec::new()
            }
            msg => self.told(msg),
        }
    }
}

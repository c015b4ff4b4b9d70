//! What the runs of a salon are told at the start, and what they tell. Values only.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use super::connect::Attached;
use super::decide::Limits;
use crate::agent::{self, Protocol};
use crate::domain::prompt::Prompt;
use crate::domain::run::{RunId, RunInfo};
use crate::domain::{Agent, SessionKey, Time};
use crate::store::Store;
use crate::store::registry::ProcessId;

/// Says who else has a session open, in words; asked before a run takes it.
pub type Held = Box<dyn Fn(&SessionKey) -> Option<String> + Send + Sync>;

/// Says whether a session's transcript holds a prompt; `None` where that cannot be told.
pub type Arrived = Box<dyn Fn(&SessionKey, &str) -> Option<bool> + Send + Sync>;

/// What the runs of a salon are told at the start.
pub struct Options {
    /// `state.db`.
    pub store: Arc<Store>,
    /// The user's environment.
    pub vars: Vec<(String, String)>,
    /// The clock for shown times.
    pub clock: fn() -> Time,
    /// This salon; [`super::this_process`] tells it.
    pub me: ProcessId,
    /// How long what may take.
    pub limits: Limits,
    /// Who else has a session open.
    pub held: Held,
    /// Whether a prompt is in a transcript.
    pub arrived: Arrived,
    /// Servers of the user's own that are used instead of one that we start.
    pub attached: BTreeMap<Agent, Attached>,
    /// How agents are driven.
    pub protocols: fn(Agent) -> Option<&'static dyn Protocol>,
}

impl Options {
    /// With the usual limits, and with nobody else who has anything open.
    pub fn new(store: Arc<Store>, vars: Vec<(String, String)>, clock: fn() -> Time, me: ProcessId) -> Self {
        Self {
            store,
            vars,
            clock,
            me,
            limits: Limits::default(),
            held: Box::new(|_| None),
            arrived: Box::new(|_, _| None),
            attached: BTreeMap::new(),
            protocols: agent::protocol,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The variables hold keys.
        f.debug_struct("Options").field("me", &self.me).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What happened. Changes of state only: what is said in a conversation is fetched by its viewers.
#[derive(Clone, Debug)]
pub enum Event {
    /// A run changed, or is new.
    Run(Arc<RunInfo>),
    /// A run was given up; its conversation stands in its transcript.
    Gone(RunId),
    /// A queue changed; what waits in it now, in the order of delivery.
    Queued(RunId, Vec<Prompt>),
    /// Something that the user should know.
    Notice {
        /// About which run; `None`: about none.
        run: Option<RunId>,
        /// In words.
        text: String,
        /// It went wrong.
        error: bool,
    },
}

//! Parameters with which a run starts.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::transcript::PlanItem;
use super::{Session, SessionKey};

/// Task of a session, with the agent's id.
pub type SessionTask = (String, PlanItem);

/// Conversation of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversation {
    /// Starts a new session. The id is chosen beforehand if the agent supports it.
    New {
        /// Session id to use.
        id: Option<Arc<str>>,
    },
    /// Resumes a session.
    Resume(Arc<str>),
    /// Forks a session.
    Fork(Arc<str>),
}

/// Parameters for starting a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// Conversation to start or resume.
    pub conversation: Conversation,
    /// Id of the record at which a fork of the session ends its copy; `None` for a fork of the whole.
    #[serde(default)]
    pub fork_at: Option<Arc<str>>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Model; `None` for the agent's default.
    pub model: Option<String>,
    /// Permission mode; `None` for the agent's default.
    pub mode: Option<String>,
    /// Reasoning effort; `None` for the agent's default.
    pub effort: Option<String>,
    /// Extra arguments for the agent's program, verbatim.
    pub extra: Vec<String>,
    /// True if the history of a resumed session is needed from the agent, because there is no other record of it.
    #[serde(default)]
    pub needs_history: bool,
    /// Session of another agent that the conversation continues.
    pub origin: Option<SessionKey>,
    /// Trust in the settings of the working directory.
    #[serde(default)]
    pub trust: FolderTrust,
    /// Tasks that earlier processes of a resumed session created, if its agent changes them by their ids.
    #[serde(skip)]
    pub tasks: Box<[SessionTask]>,
    /// Machine or container in which it runs; `None` for this machine. Not part of the stored form, as in [`SessionKey`].
    #[serde(skip)]
    pub host: Option<Arc<str>>,
}

/// Settings of a run that only the continuation of its turn keeps: the user chooses them for each other start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinuationStart {
    /// Permission mode; `None` for the agent's default.
    pub mode: Option<String>,
    /// Extra arguments for the agent's program, verbatim.
    pub extra: Vec<String>,
}

/// Trust in a directory whose settings make the agent run programs, and that the user never trusted in the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderTrust {
    /// Start without the settings.
    #[default]
    WithoutSettings,
    /// Refuse to start, so that the user is asked.
    Ask,
    /// Start with the settings, and remember the trust.
    Trusted,
}

/// A directory with settings that make an agent run programs, and that the user never trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntrustedFolder {
    /// The directory.
    pub folder: PathBuf,
    /// The settings.
    pub settings: Vec<PathBuf>,
    /// Programs that they make the agent run, each with its occasion.
    pub programs: Vec<String>,
    /// True if the agent can be started without the settings.
    #[serde(default = "can_restrict")]
    pub can_restrict: bool,
}

/// Agents of earlier versions could always be started without the settings.
fn can_restrict() -> bool {
    true
}

impl RunStart {
    /// Creates parameters with the agent's defaults.
    pub fn new(conversation: Conversation, cwd: PathBuf) -> Self {
        Self {
            conversation,
            fork_at: None,
            cwd,
            model: None,
            mode: None,
            effort: None,
            extra: Vec::new(),
            needs_history: false,
            origin: None,
            trust: FolderTrust::default(),
            tasks: Box::default(),
            host: None,
        }
    }

    /// Creates parameters with the agent's defaults, for the machine and the directory of a session.
    pub fn beside(session: &Session, conversation: Conversation) -> Self {
        Self { host: session.key.host.clone(), ..Self::new(conversation, PathBuf::from(&*session.cwd)) }
    }
}

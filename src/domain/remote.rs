//! Remote sources: other machines and containers whose sessions are listed here, and the state of each connection.

use std::sync::Arc;

use super::Time;

/// Machine or container whose sessions are listed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSource {
    /// Name, which is the host of its sessions.
    pub name: Arc<str>,
    /// Way to it.
    pub transport: RemoteTransport,
    /// Path of salon there; `None` to find it.
    pub program: Option<String>,
}

/// Way to a remote source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteTransport {
    /// A destination of OpenSSH, with the user's own configuration.
    Ssh(String),
    /// A running container, by its name.
    Container(ContainerEngine, String),
    /// A command line that speaks the protocol of `salon serve --stdio`.
    Command(Vec<String>),
}

/// Program that runs commands in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerEngine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// Kubernetes: the container is a pod.
    Kubectl,
}

impl ContainerEngine {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Kubectl];

    /// Name of the program, and of the setting.
    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Kubectl => "kubectl",
        }
    }
}

impl RemoteTransport {
    /// Name of the setting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ssh(_) => "ssh",
            Self::Container(engine, _) => engine.program(),
            Self::Command(_) => "command",
        }
    }

    /// Destination, container or command line.
    pub fn target(&self) -> String {
        match self {
            Self::Ssh(target) | Self::Container(_, target) => target.clone(),
            Self::Command(words) => words.join(" "),
        }
    }
}

/// State of the connection to a remote source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RemoteState {
    /// A connection is being made.
    #[default]
    Connecting,
    /// Its sessions are up to date.
    Connected,
    /// There is no connection.
    Offline {
        /// Time of the loss, or of the first failure.
        since: Time,
        /// Reason.
        failure: RemoteFailure,
    },
}

/// Reason why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteFailure {
    /// No connection was made, or it was lost.
    Unreachable(String),
    /// The container is not running.
    Stopped,
    /// There is no salon.
    Missing,
    /// Its salon has another version of the protocol.
    Incompatible {
        /// Version of salon there.
        version: String,
        /// Version of salon here.
        own_version: String,
        /// True if the protocol there is the older one.
        is_older: bool,
    },
    /// Messages that are none, or too many.
    Misbehaved(String),
}

impl RemoteFailure {
    /// Returns true if only the user can change it, so that frequent attempts are of no use.
    pub fn needs_user(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Stopped => false,
            Self::Missing | Self::Incompatible { .. } | Self::Misbehaved(_) => true,
        }
    }

    /// State in a few words.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "offline",
            Self::Stopped => "not running",
            Self::Missing => "no salon there",
            Self::Incompatible { is_older: true, .. } => "too old",
            Self::Incompatible { is_older: false, .. } => "too new",
            Self::Misbehaved(_) => "cut off",
        }
    }
}

impl std::fmt::Display for RemoteFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(reason) => f.write_str(reason),
            Self::Stopped => f.write_str("the container is not running; once it is started, it is connected by itself"),
            Self::Missing => {
                f.write_str("there is no salon; install it there, or copy this one with: salon source install")
            }
            Self::Incompatible { version, own_version, is_older: true } => {
                write!(f, "salon {version} there is too old for salon {own_version} here; update salon there")
            }
            Self::Incompatible { version, own_version, is_older: false } => {
                write!(f, "salon {version} there is too new for salon {own_version} here; update salon here")
            }
            Self::Misbehaved(reason) => f.write_str(reason),
        }
    }
}

impl RemoteState {
    /// State in a few words.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Offline { failure, .. } => failure.label(),
        }
    }
}

/// State of a remote source, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteStatus {
    /// Name of the source.
    pub name: Arc<str>,
    /// State of the connection.
    pub state: RemoteState,
    /// Time at which its sessions were last known to be complete; `None` if never.
    pub as_of: Option<Time>,
}

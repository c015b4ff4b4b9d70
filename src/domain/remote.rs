//! Remote sources: other machines and containers whose sessions are listed here, and the state of each connection.

use std::path::PathBuf;
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
    /// Socket of a connection of ssh that the user has opened, which others share while it exists.
    pub control_socket: Option<PathBuf>,
}

/// Way to a remote source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteTransport {
    /// A destination of OpenSSH, with the user's own configuration.
    Ssh(String),
    /// A running container, by its name.
    Container(ContainerEngine, String),
    /// A service of Docker Compose.
    Compose {
        /// Directory of the project.
        directory: String,
        /// Name of the service.
        service: String,
    },
    /// The development container of a folder.
    Devcontainer(String),
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
            Self::Compose { .. } => "compose",
            Self::Devcontainer(_) => "devcontainer",
            Self::Command(_) => "command",
        }
    }

    /// Destination, container, folder or command line.
    pub fn target(&self) -> String {
        match self {
            Self::Ssh(target) | Self::Container(_, target) | Self::Devcontainer(target) => target.clone(),
            Self::Compose { directory, service } => format!("{service} in {directory}"),
            Self::Command(words) => words.join(" "),
        }
    }
}

/// Explanation of [`RemoteState::Limited`].
pub const LIMITED: &str = "there is no salon, so that only sessions that are files are listed and read, the newest ones; \
    for all else copy this salon with: salon source install";

/// State of the connection to a remote source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RemoteState {
    /// A connection is being made.
    #[default]
    Connecting,
    /// Its sessions are up to date.
    Connected,
    /// There is no salon: sessions that are files are listed and read, and nothing else.
    Limited,
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
    /// The transport asks for something that only the user has, such as a passphrase. Contains its last message.
    NeedsUser(String),
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
            Self::NeedsUser(_) | Self::Missing | Self::Incompatible { .. } | Self::Misbehaved(_) => true,
        }
    }

    /// State in a few words.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "offline",
            Self::NeedsUser(_) => "needs you",
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
            Self::NeedsUser(reason) => {
                write!(f, "ssh must ask you something: {reason}; answer it with: salon source connect")
            }
            Self::Stopped => f.write_str("the container is not running; start it with: salon source connect"),
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
    /// Returns true if there is a connection.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected | Self::Limited)
    }

    /// Returns true if the user can make the connection possible from here: start the container, or answer ssh.
    pub fn waits_for_user(&self) -> bool {
        matches!(self, Self::Offline { failure: RemoteFailure::Stopped | RemoteFailure::NeedsUser(_), .. })
    }

    /// State in a few words.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Limited => "limited",
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

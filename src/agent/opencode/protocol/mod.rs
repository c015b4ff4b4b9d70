//! Protocol of OpenCode's server (`opencode serve`, 1.18.33): HTTP requests, and server-sent events. No IO: [`codec`]
//! encodes requests and decodes responses and events. The interface of 2.x is [`api`].

mod api;
mod approvals;
mod capabilities;
mod codec;
mod errors;
mod events;
mod ids;
mod messages;
mod notice;
mod responses;
mod settings;
mod turn;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::api::{API, API_SPEC};
use self::codec::SessionCodec;
use super::acp::ACP;
use super::{service, trust};
use crate::agent::protocol::{
    Codec, Outgoing, Protocol, REJECTED_PASSWORD, RegisteredServer, RunStart, ServerSpec, Transport, UNKNOWN_INTERFACE,
    UntrustedProject,
};
use crate::domain::launch::Launch;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Capabilities, RunFailure};
use crate::domain::{EntryKey, Time};

/// Protocol of OpenCode's server.
#[derive(Debug)]
pub(crate) struct Serve;

impl Protocol for Serve {
    fn transport(&self) -> Transport {
        Transport::Server
    }

    /// One server for all sessions of the user, so each request names its own directory. The server's own directory is
    /// one that cannot be deleted.
    fn launch(&self, _opening: &RunStart) -> Launch {
        let args = ["serve", "--hostname=127.0.0.1", "--port=0"].map(String::from).to_vec();
        Launch { program: "opencode".into(), args, cwd: PathBuf::from("/") }
    }

    fn server(&self) -> Option<ServerSpec> {
        Some(ServerSpec {
            user: "opencode",
            password: "OPENCODE_SERVER_PASSWORD",
            health: "/global/health",
            info: "/api/info",
            next: Some(&API_SPEC),
            events: "/global/event",
            models: "/config/providers",
        })
    }

    fn headers(&self, directory: &Path) -> Vec<(&'static str, String)> {
        vec![("x-opencode-directory", encoded(directory))]
    }

    fn rename_request(&self, session: &str, directory: &Path, title: &str) -> Option<Outgoing> {
        let body = serde_json::json!({"title": title}).to_string().into_bytes();
        let (path, headers) = (format!("/session/{}", codec::escaped(session)), self.headers(directory));
        Some(Outgoing::Request {
            id: 0,
            method: "PATCH",
            path,
            headers,
            body: Some(body),
            shared: false,
            pause: Duration::ZERO,
        })
    }

    fn revert_request(&self, session: &str, directory: &Path, record: Option<&str>) -> Option<Outgoing> {
        let session = codec::escaped(session);
        let (path, body) = match record {
            Some(message) => (format!("/session/{session}/revert"), serde_json::json!({"messageID": message})),
            None => (format!("/session/{session}/unrevert"), serde_json::json!({})),
        };
        let (headers, body) = (self.headers(directory), Some(body.to_string().into_bytes()));
        Some(Outgoing::Request { id: 0, method: "POST", path, headers, body, shared: false, pause: Duration::ZERO })
    }

    fn models(&self, body: &[u8]) -> Option<Vec<(String, String)>> {
        capabilities::OpenCodeModels::read(body).map(|models| models.names())
    }

    fn capabilities(&self) -> Capabilities {
        capabilities::known()
    }

    fn can_steer(&self) -> bool {
        true
    }

    fn untrusted_project(&self, vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
        trust::untrusted_project(vars, cwd)
    }

    fn prompt_key(&self, session: &str, id: PromptId, sent: Time) -> Option<EntryKey> {
        Some(EntryKey::new(&ids::of_prompt(session, id, sent).1, 0))
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(SessionCodec::default())
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> RunFailure {
        ended(code, stderr)
    }

    /// 2.x has the same server with another interface. A background service of 2.x that cannot be used leaves the client
    /// protocol.
    fn fallback(&self, failure: &RunFailure) -> Option<&'static dyn Protocol> {
        match failure {
            RunFailure::UnsupportedVersion(_) => Some(&API),
            failure if is_rejected(failure) => Some(&ACP),
            _ => None,
        }
    }

    fn registered_server(&self, vars: &[(String, String)]) -> Option<RegisteredServer> {
        service::registered_for(vars)
    }
}

/// Reason why a server ended, or closed its sessions.
fn ended(code: Option<i32>, stderr: &str) -> RunFailure {
    match stderr.lines().find(|line| line.contains(UNKNOWN_INTERFACE)) {
        Some(line) => RunFailure::UnsupportedVersion(line.to_owned()),
        None => RunFailure::Crashed { code, stderr: stderr.to_owned() },
    }
}

/// True for the failure of a server that does not accept the password which is known for it.
fn is_rejected(failure: &RunFailure) -> bool {
    matches!(failure, RunFailure::Other(text) if text.contains(REJECTED_PASSWORD))
}

/// Percent-encodes a path for a header.
fn encoded(directory: &Path) -> String {
    let bytes = directory.as_os_str().as_encoded_bytes();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    bytes.iter().map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

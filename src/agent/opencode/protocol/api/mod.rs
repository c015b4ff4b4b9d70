//! Interface of OpenCode 2.x, `/api`: the second dialect of its server, besides that of 1.x in the parent module.
//!
//! Written after the sources of 2.0, and tried on the early `/api` of 1.18.34, which lacks some of it: the end of a turn
//! is not reported there, so the list of active sessions is asked. Names of events differ by a prefix. No version 2.x was
//! at hand, so fields are optional wherever a default makes sense, and unknown events are shown as such.
//!
//! A message is kept as a row of the database ([`rows`]), so that a run's entries are those of the transcript.

mod codec;
mod commands;
mod events;
mod inputs;
mod requests;
mod responses;
mod rows;
mod steps;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use self::codec::ApiCodec;
use super::capabilities::{self, OpenCodeModels};
use super::codec::escaped;
use super::ids;
use crate::agent::opencode::acp::ACP;
use crate::agent::opencode::{service, trust};
use crate::agent::protocol::{
    Codec, Outgoing, Protocol, RegisteredServer, RunStart, ServerSpec, Transport, UntrustedProject,
};
use crate::domain::launch::Launch;
use crate::domain::prompt::PromptId;
use crate::domain::run::{Capabilities, RunFailure};
use crate::domain::{EntryKey, Time};

/// Interface of the server.
pub(super) static API_SPEC: ServerSpec = ServerSpec {
    user: "opencode",
    password: "OPENCODE_SERVER_PASSWORD",
    health: "/api/info",
    info: "/api/health",
    next: None,
    events: "/api/event",
    models: "/api/model",
};

/// Protocol of 2.x.
pub(super) static API: Api = Api;

/// Protocol of OpenCode's `/api`.
#[derive(Debug)]
pub(super) struct Api;

impl Protocol for Api {
    fn transport(&self) -> Transport {
        Transport::Server
    }

    fn launch(&self, _opening: &RunStart) -> Launch {
        let args = ["serve", "--hostname=127.0.0.1", "--port=0"].map(String::from).to_vec();
        Launch { program: "opencode".into(), args, cwd: PathBuf::from("/") }
    }

    fn server(&self) -> Option<ServerSpec> {
        Some(API_SPEC)
    }

    fn registered_server(&self, vars: &[(String, String)]) -> Option<RegisteredServer> {
        service::registered_for(vars)
    }

    fn models_path(&self, directory: &Path) -> Option<String> {
        Some(requests::at(API_SPEC.models, directory))
    }

    fn rename_request(&self, session: &str, _directory: &Path, title: &str) -> Option<Outgoing> {
        let body = json!({"title": title}).to_string().into_bytes();
        Some(outgoing("PATCH", format!("/api/session/{}", escaped(session)), Some(body)))
    }

    fn revert_request(&self, session: &str, _directory: &Path, record: Option<&str>) -> Option<Outgoing> {
        let path = format!("/api/session/{}/revert", escaped(session));
        Some(match record {
            Some(message) => {
                let body = json!({"messageID": message, "files": true}).to_string().into_bytes();
                outgoing("POST", format!("{path}/stage"), Some(body))
            }
            None => outgoing("DELETE", path, None),
        })
    }

    fn models(&self, body: &[u8]) -> Option<Vec<(String, String)>> {
        OpenCodeModels::read_list(body).map(|models| models.names())
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
        Some(EntryKey::new(&rows::first_part(&ids::of_prompt(session, id, sent).0), 0))
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(ApiCodec::default())
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> RunFailure {
        super::ended(code, stderr)
    }

    fn fallback(&self, failure: &RunFailure) -> Option<&'static dyn Protocol> {
        let unusable = matches!(failure, RunFailure::UnsupportedVersion(_)) || super::is_rejected(failure);
        unusable.then_some(&ACP as &'static dyn Protocol)
    }
}

fn outgoing(method: &'static str, path: String, body: Option<Vec<u8>>) -> Outgoing {
    Outgoing::Request { id: 0, method, path, headers: Vec::new(), body, shared: false, pause: Duration::ZERO }
}

//! OpenCode driven by its own server (`opencode serve`, 1.18.33): HTTP for what is asked, server-sent events for what
//! happens. No IO: [`codec`] says what is to be sent, and what it means that came.

mod asks;
mod codec;
mod faults;
mod ids;
mod offers;
mod replies;
mod talk;
mod told;
mod turn;

use std::path::{Path, PathBuf};

use self::codec::SessionCodec;
use crate::agent::protocol::{Codec, Opening, Protocol, ServerSpec, Wire};
use crate::domain::launch::Launch;

/// How OpenCode is driven.
#[derive(Debug)]
pub struct Serve;

impl Protocol for Serve {
    fn wire(&self) -> Wire {
        Wire::Server
    }

    /// One server for all sessions of the user, so the directory is nobody's: each request names its own. It is one
    /// that cannot be removed under the server.
    fn launch(&self, _opening: &Opening) -> Launch {
        let args = ["serve", "--hostname=127.0.0.1", "--port=0"].map(String::from).to_vec();
        Launch { program: "opencode".into(), args, cwd: PathBuf::from("/") }
    }

    fn server(&self) -> Option<ServerSpec> {
        Some(ServerSpec {
            user: "opencode",
            password: "OPENCODE_SERVER_PASSWORD",
            health: "/global/health",
            events: "/global/event",
            models: "/config/providers",
        })
    }

    fn headers(&self, directory: &Path) -> Vec<(&'static str, String)> {
        vec![("x-opencode-directory", encoded(directory))]
    }

    fn models(&self, body: &[u8]) -> Option<Vec<(String, String)>> {
        offers::Models::read(body).map(|models| models.names())
    }

    fn codec(&self) -> Box<dyn Codec> {
        Box::new(SessionCodec::default())
    }
}

/// A path as a header may carry it; the server decodes it.
fn encoded(directory: &Path) -> String {
    let bytes = directory.as_os_str().as_encoded_bytes();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    bytes.iter().map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

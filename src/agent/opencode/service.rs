//! Background service of OpenCode 2.x, to which its programs attach: found by the file that registers it.
//!
//! The file is written for clients of the same user, and contains the service's password.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::agent::project_settings;
use crate::agent::protocol::RegisteredServer;
use crate::stdx::files::{self, SizeLimit};

/// Names of the file: that of 2.x, and that of its betas.
const FILES: [&str; 2] = ["service.json", "server.json"];

/// Content of the file.
#[derive(Deserialize)]
struct Registration {
    url: String,
    pid: u32,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

/// Reads the registration, for a user with these environment variables.
pub(super) fn registered_for(vars: &[(String, String)]) -> Option<RegisteredServer> {
    registered(|name| project_settings::var(vars, name).map(str::to_owned))
}

/// Reads the registration. A file that is missing or damaged registers nothing.
pub(super) fn registered(var: impl Fn(&str) -> Option<String>) -> Option<RegisteredServer> {
    let state = var("XDG_STATE_HOME").map(PathBuf::from);
    let home = || var("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = state.or_else(home)?.join("opencode");
    FILES.iter().find_map(|name| {
        let bytes = files::read(&folder.join(name), SizeLimit::SIDECAR).ok()?;
        let registration: Registration = serde_json::from_slice(&bytes).ok()?;
        Some(RegisteredServer {
            address: address(&registration.url)?,
            password: registration.password.unwrap_or_default(),
            pid: registration.pid,
            version: registration.version,
        })
    })
}

/// Address of a URL on this machine.
fn address(url: &str) -> Option<SocketAddr> {
    let authority = url.strip_prefix("http://")?.split('/').next()?;
    let (host, port) = authority.rsplit_once(':')?;
    let ip = match host {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.trim_start_matches('[').trim_end_matches(']').parse().ok()?,
    };
    // A server that listens on all addresses is reached at that of this machine.
    let ip = match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Some(SocketAddr::new(ip, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{address, registered_for};

    #[test]
    fn addresses_on_this_machine_are_read() {
        let read = |url: &str| address(url).map(|address| address.to_string());
        assert_eq!(read("http://127.0.0.1:4096"), Some("127.0.0.1:4096".into()));
        assert_eq!(read("http://localhost:81/"), Some("127.0.0.1:81".into()));
        assert_eq!(read("http://[::1]:81"), Some("[::1]:81".into()));
        assert_eq!(read("http://0.0.0.0:81"), Some("127.0.0.1:81".into()));
        assert_eq!(read("http://[::]:81/"), Some("[::1]:81".into()));
        for url in ["", "https://127.0.0.1:1", "http://127.0.0.1", "http://example.org:80", "http://127.0.0.1:x"] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn a_registration_is_read_and_its_password_is_never_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let vars = vec![("XDG_STATE_HOME".to_owned(), dir.path().to_string_lossy().into_owned())];
        assert_eq!(registered_for(&vars), None);
        let file = dir.path().join("opencode/service.json");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, "{\"url\": ").expect("a file");
        assert_eq!(registered_for(&vars), None, "half a file");
        let text = r#"{"id":"x","version":"2.0.3","url":"http://127.0.0.1:4096","pid":7,"password":"secret-word"}"#;
        std::fs::write(&file, text).expect("a file");
        let found = registered_for(&vars).expect("a registration");
        assert_eq!((found.pid, found.version.as_deref(), &*found.password), (7, Some("2.0.3"), "secret-word"));
        assert!(!format!("{found:?}").contains("secret-word"), "{found:?}");
    }
}

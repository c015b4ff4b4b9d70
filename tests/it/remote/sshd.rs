//! A real `sshd` on loopback, with keys made for the test. Skipped where OpenSSH's server is not installed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::screen::window;
use super::{Peer, json, run, salon};
use crate::support::{Home, end, wait_until};

/// Path of the server, which must be started by its full path.
const SSHD: &str = "/usr/sbin/sshd";

/// A server for one user, whose logins get the home of a peer.
struct Server {
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

impl Server {
    /// Starts a server; `None` where that is not possible.
    fn start(peer: &Peer) -> Option<Self> {
        let installed = Path::new(SSHD).exists() && Path::new("/usr/bin/ssh").exists();
        // The server needs this directory if it runs as root.
        let prepared = !rustix::process::getuid().is_root() || std::fs::create_dir_all("/run/sshd").is_ok();
        if !installed || !prepared {
            println!("skipped: OpenSSH's server is not installed");
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for key in ["host", "user"] {
            let mut keygen = Command::new("/usr/bin/ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key));
            assert!(keygen.status().expect("ssh-keygen").success());
        }
        std::fs::copy(at("user.pub"), at("authorized")).expect("copied");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let home = peer.home();
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPidFile none\n\
             SetEnv HOME={} SALON_RUNTIME_DIR={} CLAUDE_CONFIG_DIR={}\n",
            at("host").display(),
            at("authorized").display(),
            home.display(),
            home.join("run").display(),
            home.join(".claude").display(),
        );
        write(&at("sshd_config"), &server, 0o600);
        let host_key = std::fs::read_to_string(at("host.pub")).expect("a key");
        write(&at("known_hosts"), &format!("[127.0.0.1]:{port} {host_key}"), 0o600);
        let client = format!(
            "Host box\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n",
            at("user").display(),
            at("known_hosts").display(),
        );
        write(&at("ssh_config"), &client, 0o600);
        // ssh finds its configuration by the user's account, not by HOME.
        let ssh = format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", at("ssh_config").display());
        write(&peer.dir.path().join("ssh"), &ssh, 0o755);
        let mut sshd = Command::new(SSHD);
        sshd.args(["-D", "-e", "-f"]).arg(at("sshd_config")).stdin(Stdio::null()).stderr(Stdio::null());
        let child = sshd.spawn().expect("sshd");
        wait_until("the server listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(Self { child, dir })
    }

    /// Protects the user's key by a passphrase, and leaves the key of the host unknown.
    fn lock(&self, passphrase: &str) {
        let mut keygen = Command::new("/usr/bin/ssh-keygen");
        keygen.args(["-q", "-p", "-P", "", "-N", passphrase, "-f"]).arg(self.path("user"));
        assert!(keygen.status().expect("ssh-keygen").success());
        write(&self.path("known_hosts"), "", 0o600);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

#[test]
fn a_machine_is_listed_read_and_searched_over_real_ssh() {
    let (home, peer) = (Home::empty(), Peer::of(&["claude/2.1.329"]));
    let Some(mut server) = Server::start(&peer) else { return };
    json(&home, &peer, &["source", "add", "box", "--ssh", "box", "--json"]);
    let tested = json(&home, &peer, &["source", "test", "--json"]);
    assert_eq!(tested["sources"][0]["state"], "connected");
    let list = json(&home, &peer, &["list", "--json", "--hidden"]);
    assert!(list["sessions"].as_array().expect("sessions").iter().any(|session| session["host"] == "box"));
    let found = json(&home, &peer, &["search", "--json", "the"]);
    assert!(!found["hits"].as_array().expect("hits").is_empty());
    let shown = json(&home, &peer, &["show", "--json", "box:claude:0eb326a8-825c-4422-af12-0fa163f5428a"]);
    assert_eq!(shown["session"]["host"], "box");
    // A host key that changed is named, and never accepted by itself.
    let changed = std::fs::read_to_string(server.path("known_hosts")).expect("a file");
    let (place, _) = changed.split_once(' ').expect("a place");
    let other = std::fs::read_to_string(server.path("user.pub")).expect("a key");
    write(&server.path("known_hosts"), &format!("{place} {other}"), 0o600);
    let refused = run(&home, &peer, &["source", "test", "--json"]);
    let report = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(report.contains("must ask you something") && report.contains("Host key verification failed"), "{report}");
    // Without the server the sessions stay listed.
    end(&mut server.child);
    let output = salon(&home, &peer, &["list", "--json", "--hidden"]).output().expect("salon");
    let offline: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(offline["sessions"].as_array().map(Vec::len), list["sessions"].as_array().map(Vec::len));
}

#[test]
fn the_terminal_is_given_to_ssh_for_the_key_of_a_host_and_a_passphrase() {
    let (home, peer) = (Home::empty(), Peer::of(&["claude/2.1.329"]));
    let Some(server) = Server::start(&peer) else { return };
    server.lock("open sesame");
    json(&home, &peer, &["source", "add", "box", "--ssh", "box", "--json"]);
    let tested = run(&home, &peer, &["source", "test", "--json"]);
    let report = String::from_utf8_lossy(&tested.stdout).into_owned();
    assert!(report.contains("needs you") && report.contains("salon source connect"), "{report}");
    let mut window = window(&home, &peer);
    window.wait_for_text("box needs you (S)");
    window.send("S");
    window.wait_for_text("continue connecting");
    window.send("yes\r");
    window.wait_for_text("Enter passphrase");
    window.send("open sesame\r");
    window.wait_for_text("box:shop-api");
    // Commands share the connection while it is open; ssh alone could not connect.
    let tested = json(&home, &peer, &["source", "test", "--json"]);
    assert_eq!(tested["sources"][0]["state"], "connected", "{tested}");
    let socket = home.path().join("run/ssh-box");
    assert!(socket.exists());
    // A loss is repaired over it without the user.
    window.send("q");
    window.wait();
    let listed = json(&home, &peer, &["list", "--json", "--hidden"]);
    assert_eq!(listed["issues"].as_array().map(Vec::len), Some(0), "{listed}");
    let mut exit = Command::new(peer.dir.path().join("ssh"));
    exit.args(["-O", "exit", "-o"]).arg(format!("ControlPath={}", socket.display())).arg("box");
    assert!(exit.stderr(Stdio::null()).status().expect("ssh").success());
    let tested = run(&home, &peer, &["source", "test", "--json"]);
    assert!(String::from_utf8_lossy(&tested.stdout).contains("needs you"));
}

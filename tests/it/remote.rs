//! Sessions of other machines and containers: scripted `ssh` and `docker` run salon with another home.

mod command_line;
mod connection;
mod file_copies;
mod git;
mod kills;
mod protocol;
mod runs;
mod screen;
mod slow_link;
mod sshd;
mod waiting;
mod without_salon;
mod work;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use salon::domain::remote::{RemoteSource, RemoteTransport};
use salon::domain::session::Annotations;
use salon::remote::RemoteOptions;
use serde_json::Value;

use crate::support::{Home, clock};

/// Script of `ssh` and `docker`: runs the command for the other side with its home, unless its control file says
/// otherwise. The last argument is the command, for ssh as one word and for docker after `-c`.
const PEER: &str = r#"#!/bin/sh
here=$(dirname "$0")
control=$(cat "$here/control" 2>/dev/null)
echo "$$" >>"$here/pids"
printf '%s\n' "$*" >>"$here/calls"
case "$1 $2 $*" in
    start\ * | up\ --workspace-folder\ * | compose\ *\ up\ -d\ *) echo >"$here/control"; exit 0 ;;
esac
case "$control" in
    down) echo "ssh: connect to host box port 22: Connection refused" >&2; exit 255 ;;
    stopped) echo "Error response from daemon: container 4f1 is not running" >&2; exit 1 ;;
    denied) echo "me@box: Permission denied (publickey)." >&2; exit 255 ;;
    missing) exit 127 ;;
    forced) echo "This account is not available."; exit 0 ;;
    old) read -r hello; echo '{"hello":{"protocol":1,"version":"0.0.9","pid":1}}'; sleep 5; exit 0 ;;
    new) read -r hello; echo '{"hello":{"protocol":99,"version":"9.9.9","pid":1}}'; sleep 5; exit 0 ;;
    usage) echo "error: unexpected argument '--shared' found. Usage: salon serve [OPTIONS]" >&2; exit 2 ;;
    garbage) read -r hello; echo '{"hello":{"protocol":5,"version":"0.1.0","pid":1}}'; echo 'motd \033[2J'; sleep 5; exit 0 ;;
    flood) exec cat /dev/zero ;;
    silent) sleep 100; exit 0 ;;
esac
[ -f "$here/env" ] && . "$here/env"
echo "Welcome to box"
for last; do :; done
HOME="$here/home" SALON_RUNTIME_DIR="$here/home/run" exec sh -c "$last"
"#;

/// A machine that is reached by scripts.
struct Peer {
    dir: tempfile::TempDir,
}

impl Peer {
    /// Creates a machine with the home of fixtures, and salon in `~/.local/bin`.
    fn of(fixtures: &[&str]) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("home");
        std::fs::create_dir_all(home.join(".local/bin")).expect("a home");
        for name in fixtures {
            crate::support::copy_tree(&crate::support::fixtures().join(name).join("home"), &home);
        }
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_salon"), home.join(".local/bin/salon")).expect("a link");
        for program in ["ssh", "docker", "devcontainer"] {
            let path = dir.path().join(program);
            std::fs::write(&path, PEER).expect("a script");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
        }
        Self { dir }
    }

    /// Removes salon from the machine.
    fn without_salon(self) -> Self {
        std::fs::remove_file(self.home().join(".local/bin/salon")).expect("removed");
        self
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Chooses what the scripts do from now on; empty for a working connection.
    fn control(&self, word: &str) {
        std::fs::write(self.dir.path().join("control"), word).expect("written");
    }

    /// Process ids of all scripts, in the order of their starts.
    fn pids(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.dir.path().join("pids")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Command lines of all scripts.
    fn calls(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default()
    }

    /// Search path with the scripts before the programs that they use.
    fn search_path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.dir.path().display())
    }

    /// Kills the newest script, as a broken network would end it.
    fn kill(&self) {
        let pid = self.pids().pop().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a script"), rustix::process::Signal::KILL).expect("killed");
    }

    /// Like [`kill`](Self::kill), for a script that may have ended by itself.
    fn kill_if_alive(&self) {
        let pid = self.pids().pop().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a script"), rustix::process::Signal::KILL).ok();
    }

    /// Stops the newest script for a while, as a network that no longer answers.
    fn pause_newest(&self, time: std::time::Duration) {
        let pid = self.pids().pop().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a script"), rustix::process::Signal::STOP).ok();
        std::thread::park_timeout(time);
    }

    /// The machine as a source that is reached by the script itself, because a test has no search path of its own.
    fn source(&self, name: &str) -> RemoteSource {
        let script = self.dir.path().join("ssh").to_string_lossy().into_owned();
        let salon = format!("exec {} serve --stdio --shared", env!("CARGO_BIN_EXE_salon"));
        RemoteSource {
            name: name.into(),
            transport: RemoteTransport::Command(vec![script, salon]),
            program: None,
            control_socket: None,
        }
    }
}

/// Options with a cache in a directory.
fn options(cache: Option<&Path>) -> RemoteOptions {
    let annotations = Arc::new(|| Some(Annotations::default()));
    RemoteOptions { cache_dir: cache.map(Path::to_owned), annotations, now: Arc::new(clock), zone: None, seed: 7 }
}

/// Runs a command of salon in a home, with a peer's scripts in its search path.
fn salon(home: &Home, peer: &Peer, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(args).env_clear().current_dir(home.path()).stdin(Stdio::null());
    command.env("HOME", home.path()).env("PATH", peer.search_path()).env("TZ", "UTC");
    command.env("SALON_RUNTIME_DIR", home.path().join("run"));
    command
}

fn run(home: &Home, peer: &Peer, args: &[&str]) -> Output {
    salon(home, peer, args).output().expect("salon runs")
}

/// Returns the JSON output of a command that succeeds.
fn json(home: &Home, peer: &Peer, args: &[&str]) -> Value {
    let output = run(home, peer, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

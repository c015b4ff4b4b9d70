//! Runs in a background process: the protocol, viewers, windows that come and go, commands, and what a crash leaves.

mod commands;
mod detached;
mod killed;
pub(crate) mod protocol;
mod upgraded;
mod windows;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use salon::serve::{Client, ConnectError, ServedEvent, socket};
use tokio::sync::mpsc;

use crate::support::{Agents, Home, end, wait_until};
use crate::terminal::Terminal;

/// Home with a project, scripted agents, and a server.
struct Stage {
    home: Home,
    agents: Agents,
}

impl Stage {
    fn new() -> Self {
        let home = Home::empty();
        std::fs::create_dir(home.path().join("project")).expect("a project");
        Self { home, agents: Agents::of(&["claude", "codex", "opencode", "gemini", "qwen", "goose"]) }
    }

    fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    fn runtime(&self) -> PathBuf {
        self.home.path().join("run")
    }

    fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let variables = [
            ("HOME", text(self.home.path())),
            ("PATH", text(self.agents.path())),
            ("FAKE_LOG", text(&self.agents.log_file())),
            ("SALON_RUNTIME_DIR", text(&self.runtime())),
            ("TERM", "xterm-256color".to_owned()),
            ("COLORFGBG", "15;0".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut salon = Command::new(env!("CARGO_BIN_EXE_salon"));
        salon.args(args).current_dir(self.project()).env_clear().envs(self.environment()).stdin(Stdio::null());
        salon
    }

    /// Standard output of a command that succeeds.
    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("salon");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Opens a window.
    fn window(&self, args: &[&str]) -> Terminal {
        Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), args, &self.project(), &self.environment())
    }

    /// Allows what the newest run waits for, once it does.
    fn approve(&self) {
        let db = rusqlite::Connection::open(self.home.path().join(".local/share/salon/state.db")).expect("state.db");
        let sql = "SELECT id FROM runs ORDER BY created DESC LIMIT 1";
        let run: String = db.query_row(sql, [], |row| row.get(0)).expect("a run");
        wait_until("it was asked", || {
            let answered = self.command(&["approve", &run]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            answered.expect("salon approve").success()
        });
    }

    /// Starts a server and waits until it listens.
    fn serve(&self) -> Server {
        let child = self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("salon serve");
        let server = Server { child, socket: socket::path(&self.runtime()) };
        wait_until("the server listens", || std::os::unix::net::UnixStream::connect(&server.socket).is_ok());
        server
    }
}

/// A running server; killed on drop.
struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    async fn connect(&self) -> (Client, mpsc::Receiver<ServedEvent>) {
        Client::connect(&self.socket).await.expect("connected")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

#[tokio::test]
async fn one_server_per_directory_for_its_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let mut server = stage.serve();
    let mode = server.socket.metadata().expect("the socket").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let second = stage.command(&["serve"]).output().expect("salon serve");
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another salon serve is running"));
    // The socket file that a killed server leaves does not prevent the next one.
    end(&mut server.child);
    assert!(server.socket.exists());
    assert!(matches!(Client::connect(&server.socket).await, Err(ConnectError::NotRunning)));
    let next = stage.serve();
    next.connect().await;
}

#[test]
fn stop_ends_the_server_and_its_agents() {
    let stage = Stage::new();
    let mut server = stage.serve();
    let window = stage.window(&["new", "hang"]);
    window.wait_for_text("working");
    stage.run(&["serve", "--stop"]);
    wait_until("the server has ended", || matches!(server.child.try_wait(), Ok(Some(_))));
    stage.agents.assert_all_exited();
    let again = stage.command(&["serve", "--stop"]).output().expect("salon serve");
    assert_eq!(again.status.code(), Some(1), "nothing is left to stop");
    window.wait_for_text("The background process has ended");
}

//! Command lines that reach a remote source. No argument is secret, and none can be taken as an option.

use std::path::Path;

use shlex::try_quote;

use crate::domain::remote::{ContainerEngine, RemoteSource, RemoteTransport};

/// Exit code if there is no salon: of the script of [`serve`], and of a shell that cannot find the program.
pub const MISSING: i32 = 127;

/// Options of ssh: no prompt, which would hang, and an end to a connection that is dead.
const SSH_OPTIONS: [&str; 9] = [
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    "-o",
    "ServerAliveInterval=60",
    "-o",
    "ServerAliveCountMax=2",
];

/// Option of ssh: a connection that the user opened ends by itself a minute after its last use.
const SHARED_FOR: &str = "ControlPersist=60";

/// Directories where salon may be although the shell of a command does not search them.
const SEARCHED: &str = "PATH=\"$HOME/.local/share/salon/bin:$HOME/.local/bin:$HOME/.cargo/bin:$PATH\"";

/// Command line that speaks the protocol of `salon serve --stdio`.
pub fn serve(source: &RemoteSource) -> Vec<String> {
    let script = format!("{SEARCHED}; {}; exec {} serve --stdio --shared", check(source), words(source, &[]));
    match &source.transport {
        RemoteTransport::Command(words) => words.clone(),
        _ => shell(source, &script, false),
    }
}

/// Command line that runs a command of salon there. `None` if the source is reached by a command line of its own, which
/// runs nothing else.
pub fn run(source: &RemoteSource, args: &[String]) -> Option<Vec<String>> {
    let script = format!("{SEARCHED}; {}; exec {}", check(source), words(source, args));
    (!is_command(source)).then(|| shell(source, &script, false))
}

/// Command line like [`run`], whose output begins after a line with a mark: a login may print something before.
pub fn run_marked(source: &RemoteSource, mark: &str, args: &[String]) -> Option<Vec<String>> {
    let script = format!("{SEARCHED}; {}; echo {}; exec {}", check(source), quoted(mark), words(source, args));
    (!is_command(source)).then(|| shell(source, &script, false))
}

/// Command line that runs a command of salon there, which gets this terminal. `None` as for [`run`].
pub fn interactive(source: &RemoteSource, args: &[String]) -> Option<Vec<String>> {
    let script = format!("{SEARCHED}; exec {}", words(source, args));
    (!is_command(source)).then(|| shell(source, &in_login_shell(&script), true))
}

/// Command line that runs a script there, which gets this terminal. `None` as for [`run`].
pub fn interactive_script(source: &RemoteSource, script: &str) -> Option<Vec<String>> {
    (!is_command(source)).then(|| shell(source, &in_login_shell(script), true))
}

/// Runs a script in a login shell, because the program of an agent is often only in its search path. That shell may be
/// any; it passes the script on.
fn in_login_shell(script: &str) -> String {
    format!("exec \"${{SHELL:-/bin/sh}}\" -lc {}", quoted(&format!("exec sh -c {}", quoted(script))))
}

/// Command line that runs a script there, whose input and output are compressed. `None` as for [`run`].
pub fn script(source: &RemoteSource, script: &str) -> Option<Vec<String>> {
    let compressed = |mut argv: Vec<String>| {
        if matches!(source.transport, RemoteTransport::Ssh(_)) {
            argv.insert(1, "-C".to_owned());
        }
        argv
    };
    (!is_command(source)).then(|| compressed(shell(source, script, false)))
}

fn is_command(source: &RemoteSource) -> bool {
    matches!(source.transport, RemoteTransport::Command(_))
}

/// Command that ends the script with [`MISSING`] if there is no salon.
fn check(source: &RemoteSource) -> String {
    format!("command -v {} >/dev/null 2>&1 || exit {MISSING}", words(source, &[]))
}

/// Words of a command of salon there, for a shell.
fn words(source: &RemoteSource, args: &[String]) -> String {
    let program = source.program.as_deref().unwrap_or("salon");
    let all = std::iter::once(program).chain(args.iter().map(String::as_str));
    all.map(quoted).collect::<Vec<_>>().join(" ")
}

/// Wraps a script for a POSIX shell there.
fn shell(source: &RemoteSource, script: &str, with_terminal: bool) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match &source.transport {
        RemoteTransport::Ssh(destination) => {
            let mut argv = vec!["ssh".to_owned()];
            argv.extend(if with_terminal { words(&["-t"]) } else { words(&SSH_OPTIONS) });
            // Without such a connection the user's own settings for sharing apply.
            if let Some(socket) = source.control_socket.as_deref().filter(|socket| socket.exists()) {
                argv.extend(control_path(socket).into_iter().flatten());
            }
            // The user's shell there may be any; it passes the script on.
            argv.extend(["--".to_owned(), destination.clone(), format!("exec sh -c {}", quoted(script))]);
            argv
        }
        RemoteTransport::Container(engine, name) => {
            let options = if with_terminal { "-it" } else { "-i" };
            let mut argv = words(&[engine.program(), "exec", options, name.as_str()]);
            if *engine == ContainerEngine::Kubectl {
                argv.push("--".to_owned());
            }
            argv.extend(words(&["sh", "-c", script]));
            argv
        }
        RemoteTransport::Compose { directory, service } => {
            let mut argv = words(&["docker", "compose", "--project-directory", directory, "exec"]);
            argv.extend((!with_terminal).then(|| "-T".to_owned()));
            argv.extend(words(&[service, "sh", "-c", script]));
            argv
        }
        RemoteTransport::Devcontainer(folder) => {
            words(&["devcontainer", "exec", "--workspace-folder", folder, "sh", "-c", script])
        }
        RemoteTransport::Command(argv) => argv.clone(),
    }
}

/// Command line that makes a connection possible while it has the terminal: starts the container, or opens a connection
/// of ssh that others share. `None` if there is nothing to do.
pub fn prepare(source: &RemoteSource) -> Option<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match &source.transport {
        RemoteTransport::Ssh(destination) => {
            let mut argv = words(&["ssh", "-o", "ControlMaster=auto", "-o", SHARED_FOR, "-o", "ConnectTimeout=20"]);
            argv.extend(control_path(source.control_socket.as_deref()?)?);
            argv.extend(["--".to_owned(), destination.clone(), "exit 0".to_owned()]);
            Some(argv)
        }
        RemoteTransport::Container(ContainerEngine::Kubectl, _) | RemoteTransport::Command(_) => None,
        RemoteTransport::Container(engine, name) => Some(words(&[engine.program(), "start", name])),
        RemoteTransport::Compose { directory, service } => {
            Some(words(&["docker", "compose", "--project-directory", directory, "up", "-d", service]))
        }
        RemoteTransport::Devcontainer(folder) => Some(words(&["devcontainer", "up", "--workspace-folder", folder])),
    }
}

/// Option of ssh with the path of the socket; `None` for a path that its configuration cannot express.
fn control_path(socket: &Path) -> Option<[String; 2]> {
    // ssh would replace it by an environment variable.
    let path = socket.to_str().filter(|path| !path.contains("${"))?;
    // The value is parsed like a line of its configuration. A percent sign would begin a token.
    let path = path.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    Some(["-o".to_owned(), format!("ControlPath=\"{path}\"")])
}

fn quoted(word: &str) -> String {
    // Only a NUL cannot be quoted, and no argument contains one.
    try_quote(word).map_or_else(|_| String::new(), std::borrow::Cow::into_owned)
}

/// Name of the program of a command line, for messages.
pub(super) fn program(argv: &[String]) -> String {
    let name = argv.first().map(|program| Path::new(program).file_name().unwrap_or_default().to_string_lossy());
    name.unwrap_or_default().into_owned()
}

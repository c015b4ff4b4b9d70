//! What has to be known and done before an agent's own program resumes a session.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{children, programs};
use crate::agent::{self, Environment};
use crate::config::paths::create_private_dir;
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Session, SessionKey};

/// What stands in the way of a resume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obstacles {
    /// Who has it open.
    pub open_elsewhere: Option<String>,
    /// The process that has it open.
    pub pid: Option<u32>,
    /// Its directory is gone.
    pub directory_gone: bool,
    /// The agent's program is not on `PATH`.
    pub not_installed: bool,
    /// The agent does not know the session, and what can be done.
    pub refused: Option<String>,
}

/// Looks what stands in the way of starting `launch` on a session.
pub fn obstacles(session: &Session, launch: &Launch, environment: &Environment) -> Obstacles {
    let format = agent::format(session.key.agent);
    let sign = live_sign(&session.key, environment);
    Obstacles {
        open_elsewhere: sign.as_ref().map(|sign| who(&session.key, sign)),
        pid: sign.and_then(|sign| sign.pid),
        directory_gone: !launch.cwd.as_os_str().is_empty() && !launch.cwd.is_dir(),
        not_installed: programs::find(&launch.program, environment.var("PATH")).is_none(),
        refused: format.refuses(session),
    }
}

/// The sign that a process has a session open. Looked up at this moment: what the list knows may be some seconds old.
pub fn live_sign(key: &SessionKey, environment: &Environment) -> Option<LiveSign> {
    let format = agent::format(key.agent);
    let signs = format.roots(environment).into_iter().flat_map(|root| format.live(&root));
    signs.into_iter().find(|sign| sign.key == *key)
}

/// The process that has a session open, in words.
pub fn who(key: &SessionKey, sign: &LiveSign) -> String {
    let label = key.agent.label();
    let state = sign.state.name().replace('_', " ");
    sign.pid.map_or_else(|| format!("{label} ({state})"), |pid| format!("{label}, process {pid} ({state})"))
}

/// How a session is resumed, in its own directory or in another.
pub fn launch(session: &Session, extra: &[String], cwd: Option<&Path>) -> Launch {
    let mut launch = agent::format(session.key.agent).resume(session, extra);
    if let Some(cwd) = cwd {
        cwd.clone_into(&mut launch.cwd);
    }
    launch
}

/// The command of a launch, not yet started.
pub fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.program);
    command.args(&launch.args);
    if !launch.cwd.as_os_str().is_empty() {
        // As a shell does it: a program that asks for `PWD` must not see the directory that salon was started in.
        command.current_dir(&launch.cwd).env("PWD", &launch.cwd);
    }
    children::clean_environment(&mut command);
    command
}

/// Becomes the agent's program. Returns only where that failed.
pub fn become_agent(launch: &Launch) -> io::Error {
    command(launch).exec()
}

/// Copies what the agent's program may destroy when it starts; tells what was copied, where to and why.
pub fn keep_endangered(session: &Session, kept: &Path) -> io::Result<Option<String>> {
    let Some(endangered) = agent::format(session.key.agent).endangered(session) else { return Ok(None) };
    let dir = kept.join(session.key.agent.name()).join(safe_name(&session.key.id));
    create_private_dir(&dir)?;
    for file in &endangered.files {
        keep(file, &dir)?;
    }
    Ok(Some(format!("{} A copy is kept in {}.", endangered.reason, dir.display())))
}

/// One copy, complete or not there at all. An older copy is replaced only by a larger one: a smaller file may be
/// what is left after the loss that the copy is kept for.
fn keep(file: &Path, dir: &Path) -> io::Result<()> {
    let Some(name) = file.file_name() else { return Ok(()) };
    let target = dir.join(name);
    let size = std::fs::metadata(file)?.len();
    if std::fs::metadata(&target).is_ok_and(|kept| kept.len() > size) {
        return Ok(());
    }
    let part = partial(&target);
    let mut to = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    io::copy(&mut std::fs::File::open(file)?, &mut to)?;
    to.sync_all()?;
    std::fs::rename(part, target)
}

fn partial(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// An id as a name of a directory: ids come from files, and a file may say `../..`.
fn safe_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

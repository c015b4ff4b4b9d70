//! Resuming a session in the agent's own program: checks, backups, command.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::children;
use super::keep::Archive;
use crate::agent::{self, Environment};
use crate::config::paths::create_private_dir;
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Session, SessionKey};
use crate::stdx::{exact, files, program};

/// Obstacles to a resume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumeObstacles {
    /// Process that has the session open, as text.
    pub open_elsewhere: Option<String>,
    /// Pid of that process.
    pub pid: Option<u32>,
    /// True if the session's directory does not exist.
    pub directory_gone: bool,
    /// True if the agent's program is not on `PATH`.
    pub not_installed: bool,
    /// Reason why the agent cannot resume the session, with a remedy.
    pub refused: Option<String>,
}

/// Checks for obstacles to starting `launch` on a session.
pub fn obstacles(session: &Session, launch: &Launch, environment: &Environment) -> ResumeObstacles {
    let format = agent::format(session.key.agent);
    // A process through which others may control the session is no obstacle.
    let status = live_status(&session.key, environment).filter(|status| !format.is_shared(environment, status));
    ResumeObstacles {
        open_elsewhere: status.as_ref().map(|status| describe_owner(&session.key, status)),
        pid: status.and_then(|status| status.pid),
        directory_gone: !launch.cwd.as_os_str().is_empty() && !launch.cwd.is_dir(),
        not_installed: program::find(&launch.program, environment.var("PATH")).is_none(),
        refused: id_refusal(&session.key).or_else(|| format.resume_refusal(session)).or_else(|| moved_refusal(session)),
    }
}

/// Returns the live status of a session. Reads it now, because the catalog may be some seconds old.
pub fn live_status(key: &SessionKey, environment: &Environment) -> Option<LiveStatus> {
    let format = agent::format(key.agent);
    let statuses = format.roots(environment).into_iter().flat_map(|root| format.live(&root));
    statuses.into_iter().find(|status| status.key == *key)
}

/// Describes the process that has a session open.
pub fn describe_owner(key: &SessionKey, status: &LiveStatus) -> String {
    let label = key.agent.label();
    let state = status.state.name().replace('_', " ");
    status.pid.map_or_else(|| format!("{label} ({state})"), |pid| format!("{label} (pid {pid}, {state})"))
}

/// Returns the reason why a session's id cannot be given to the agent's program.
pub fn id_refusal(key: &SessionKey) -> Option<String> {
    let id = exact::visible_line(&key.id);
    (!key.is_valid_argument())
        .then(|| format!("the session's id \"{id}\" is not one that {} writes", key.agent.label()))
}

/// Returns the reason why an agent does not find a session in the directory to which its project moved.
fn moved_refusal(session: &Session) -> Option<String> {
    let moved = session.annotated.as_deref().filter(|applied| applied.annotation.directory.is_some())?;
    let (_, began, _) = &moved.derived;
    let label = session.key.agent.label();
    agent::format(session.key.agent)
        .is_bound_to_directory()
        .then(|| format!("{label} finds this session only in {}, where it began", exact::visible_line(began)))
}

/// Returns the launch that resumes a session, in its own directory or in `cwd`.
pub fn launch(session: &Session, extra: &[String], cwd: Option<&Path>) -> Launch {
    let mut launch = agent::format(session.key.agent).resume(session, extra);
    if let Some(cwd) = cwd {
        cwd.clone_into(&mut launch.cwd);
    }
    launch
}

/// Returns the launch that opens a session in its agent: attaches to it if it runs in the background, else resumes it.
pub fn open(session: &Session, extra: &[String], cwd: Option<&Path>, environment: &Environment) -> Launch {
    let Some(mut attached) = attach(session, environment) else { return launch(session, extra, cwd) };
    if let Some(cwd) = cwd {
        cwd.clone_into(&mut attached.cwd);
    }
    attached
}

/// Checks for obstacles to opening a session with [`open`]: a session in the background may be open.
pub fn obstacles_to_open(session: &Session, launch: &Launch, environment: &Environment) -> ResumeObstacles {
    let found = obstacles(session, launch, environment);
    let refused = agent::format(session.key.agent).open_refusal(session);
    let found = ResumeObstacles { refused: refused.or(found.refused), ..found };
    match attach(session, environment) {
        Some(_) => ResumeObstacles { open_elsewhere: None, pid: None, ..found },
        None => found,
    }
}

fn attach(session: &Session, environment: &Environment) -> Option<Launch> {
    agent::format(session.key.agent).attach(session, environment)
}

/// Builds the command of a launch.
pub fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.program);
    command.args(&launch.args);
    if !launch.cwd.as_os_str().is_empty() {
        // Shells set `PWD` too: a program that reads it must not see the directory in which salon started.
        command.current_dir(&launch.cwd).env("PWD", &launch.cwd);
    }
    children::clean_environment(&mut command);
    command
}

/// Replaces this process by the agent's program. Returns only on failure.
pub fn become_agent(launch: &Launch) -> io::Error {
    command(launch).exec()
}

/// Copies files that the agent's program may destroy when it starts. Returns a message with the reason and the target.
pub fn back_up_at_risk_files(session: &Session, backups: &Path) -> io::Result<Option<String>> {
    let Some(at_risk) = agent::format(session.key.agent).at_risk_files(session) else { return Ok(None) };
    let dir = backups.join(session.key.agent.name()).join(safe_name(&session.key.id));
    create_private_dir(&dir)?;
    for file in &at_risk.files {
        back_up(file, &dir)?;
    }
    Ok(Some(format!("{} A backup is in {}.", at_risk.reason, dir.display())))
}

/// Copies a file atomically. A larger older copy is kept, because the smaller file may be the result of the loss.
fn back_up(file: &Path, dir: &Path) -> io::Result<()> {
    let Some(name) = file.file_name() else { return Ok(()) };
    let target = dir.join(name);
    let size = std::fs::metadata(file)?.len();
    if std::fs::metadata(&target).is_ok_and(|backups| backups.len() > size) {
        return Ok(());
    }
    let part = partial(&target);
    let mut to = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    io::copy(&mut files::open(file)?, &mut to)?;
    to.sync_all()?;
    std::fs::rename(part, target)
}

/// Brings the files of a session back that its agent deleted, from salon's archive. Returns a message if there were any.
pub fn restore_kept(session: &Session, environment: &Environment) -> io::Result<Option<String>> {
    let archive = environment.archive.as_ref().filter(|archive| session.path.starts_with(archive));
    archive.map_or(Ok(None), |archive| Archive::new(archive.clone(), environment).restore(session))
}

fn partial(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Converts an id to a safe directory name, because ids come from files and may contain `../..`.
fn safe_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

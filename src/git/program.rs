//! Runs `git` with an argument list, a clean environment, a time limit and a process group. Never uses a shell.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use super::error::GitError;
use crate::stdx::process::child::{kill_group, read_pipe, wait};
use crate::stdx::text::one_line;

/// Maximum time of a command that reads, because a network file system may not answer.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// Maximum bytes of output, because a repository of any size may be looked at.
const MAX_OUTPUT_BYTES: usize = 256 << 20;

/// Maximum bytes of error messages that are read.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Maximum wait for a pipe after the end of git, because a process that left the group may keep it open.
const PIPE_LIMIT: Duration = Duration::from_secs(2);

/// Settings of each command. They replace those of the repository, and reach the commands that git itself starts.
const SETTINGS: [(&str, &str); 15] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.pager", "cat"),
    ("core.editor", "false"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("log.showSignature", "false"),
    ("submodule.recurse", "false"),
    ("safe.bareRepository", "explicit"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.graftFileDeprecated", "false"),
    // Patches are parsed.
    ("diff.suppressBlankEmpty", "false"),
];

/// Variables of each command.
const VARIABLES: [(&str, &str); 10] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "false"),
    ("SSH_ASKPASS", "false"),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "false"),
    // Messages are compared with English ones.
    ("LC_ALL", "C"),
];

/// Usual path of the system's attributes.
const SYSTEM_ATTRIBUTES: &str = "/etc/gitattributes";

/// Variables with directories of agents' data.
const DATA_VARIABLES: [&str; 2] = ["CLAUDE_CONFIG_DIR", "CODEX_HOME"];

/// The program `git` with the environment of its commands.
#[derive(Clone)]
pub struct Git {
    program: PathBuf,
    vars: Vec<(String, String)>,
    limit: Duration,
    /// True once the version is known to be new enough.
    is_checked: Arc<AtomicBool>,
    /// Path of the system's attributes, once it is known.
    system_attributes: Arc<OnceLock<PathBuf>>,
}

impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The variables contain API keys.
        f.debug_struct("Git").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Git {
    /// Creates a handle from the user's variables. Those that would change what git does are not passed on.
    pub fn new(user: impl IntoIterator<Item = (String, String)>) -> Self {
        let passes = |name: &str| !name.starts_with("GIT_") && !name.starts_with("SSH_ASKPASS") && name != "PWD";
        let mut vars: Vec<_> = user.into_iter().filter(|(name, _)| passes(name)).collect();
        vars.extend(VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (is_checked, system_attributes) = (Arc::default(), Arc::default());
        Self { program: PathBuf::from("git"), vars, limit: READ_LIMIT, is_checked, system_attributes }
    }

    /// Checks that the program respects the settings of its commands. An older one would run what a repository names.
    pub(super) fn check_version(&self, dir: &Path) -> Result<(), GitError> {
        if self.is_checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let line = self.command(dir, "version").line()?;
        let line = String::from_utf8_lossy(&line);
        let version = line.trim_start_matches("git version ");
        if !is_supported(version) {
            return Err(GitError::TooOld(one_line(version)));
        }
        self.is_checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the home directory of the user.
    pub(super) fn home(&self) -> Option<PathBuf> {
        let (_, home) = self.vars.iter().find(|(name, value)| name == "HOME" && !value.is_empty())?;
        Some(PathBuf::from(home))
    }

    /// Returns the directories that variables name for the data of agents.
    pub(super) fn data_directories(&self) -> impl Iterator<Item = PathBuf> {
        let named =
            self.vars.iter().filter(|(name, value)| DATA_VARIABLES.contains(&name.as_str()) && !value.is_empty());
        named.map(|(_, value)| PathBuf::from(value))
    }

    /// Returns the paths of the attributes of all repositories, unless the configuration names another one: of the user
    /// and of the system.
    pub(super) fn common_attributes(&self) -> impl Iterator<Item = PathBuf> {
        let system = self.system_attributes.get_or_init(|| {
            let named = self.command(Path::new("/"), "var").args(["GIT_ATTR_SYSTEM"]).line().ok();
            // Older versions do not know the variable.
            named.map_or_else(|| PathBuf::from(SYSTEM_ATTRIBUTES), |name| PathBuf::from(OsString::from_vec(name)))
        });
        self.user_attributes().into_iter().chain([system.clone()])
    }

    fn user_attributes(&self) -> Option<PathBuf> {
        let var = |name: &str| {
            let (_, value) = self.vars.iter().find(|(known, value)| known == name && !value.is_empty())?;
            Some(PathBuf::from(value))
        };
        let folder = var("XDG_CONFIG_HOME").or_else(|| Some(var("HOME")?.join(".config")))?;
        Some(folder.join("git/attributes"))
    }

    /// Replaces the time limit of commands that read.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Begins a command in a directory.
    pub fn command(&self, dir: &Path, subcommand: &'static str) -> GitCommand {
        let settings = SETTINGS.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        GitCommand {
            git: self.clone(),
            dir: dir.to_owned(),
            subcommand,
            args: Vec::new(),
            settings,
            vars: Vec::new(),
            input: None,
        }
    }
}

/// A git command that is not started yet.
#[derive(Debug)]
pub struct GitCommand {
    git: Git,
    dir: PathBuf,
    subcommand: &'static str,
    args: Vec<OsString>,
    settings: Vec<(OsString, OsString)>,
    vars: Vec<(&'static str, OsString)>,
    input: Option<Vec<u8>>,
}

impl GitCommand {
    /// Appends arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets configuration for this command. Later settings win.
    #[must_use]
    pub fn settings<'a>(mut self, settings: impl IntoIterator<Item = &'a (OsString, OsString)>) -> Self {
        self.settings.extend(settings.into_iter().cloned());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn var(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.vars.push((name, value.as_ref().to_owned()));
        self
    }

    /// Passes bytes on stdin.
    #[must_use]
    pub fn input(mut self, input: Vec<u8>) -> Self {
        self.input = Some(input);
        self
    }

    /// Replaces the time limit.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.git.limit = limit;
        self
    }

    /// Runs the command and returns its output. An exit code other than 0 is an error.
    pub fn run(self) -> Result<Vec<u8>, GitError> {
        let (subcommand, dir) = (self.subcommand, self.dir.clone());
        let ended = self.run_any()?;
        if ended.status.success() {
            return Ok(ended.stdout);
        }
        Err(GitError::failed(subcommand, ended.status.code(), &ended.stderr, &dir))
    }

    /// Runs the command and returns its output without the newline at its end.
    pub fn line(self) -> Result<Vec<u8>, GitError> {
        let mut line = self.run()?;
        line.pop_if(|last| *last == b'\n');
        Ok(line)
    }

    /// Runs a command that answers with its exit code: 0 for true, 1 for false.
    pub fn is_true(self) -> Result<bool, GitError> {
        self.answer().map(|(is_true, _)| is_true)
    }

    /// Runs a command that answers with its exit code, 0 for true and 1 for false, and with its output.
    pub fn answer(self) -> Result<(bool, Vec<u8>), GitError> {
        let (subcommand, dir) = (self.subcommand, self.dir.clone());
        let ended = self.run_any()?;
        match ended.status.code() {
            Some(code @ (0 | 1)) => Ok((code == 0, ended.stdout)),
            code => Err(GitError::failed(subcommand, code, &ended.stderr, &dir)),
        }
    }

    /// Runs a command that answers with its exit code: 0 for valid, any other for invalid.
    pub fn is_valid(self) -> Result<bool, GitError> {
        self.run_any().map(|ended| ended.status.success())
    }

    fn run_any(self) -> Result<EndedCommand, GitError> {
        let mut child = self.spawn()?;
        let group = child.id();
        let stdout = read_pipe(child.stdout.take(), MAX_OUTPUT_BYTES);
        let stderr = read_pipe(child.stderr.take(), MAX_ERROR_BYTES);
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.input) {
            // A command that ends early closes the pipe, and reports why.
            thread::spawn(move || stdin.write_all(&input).ok());
        }
        let status = wait(child, self.git.limit).ok_or_else(|| GitError::TimedOut {
            command: self.subcommand.to_owned(),
            seconds: self.git.limit.as_secs(),
        })?;
        let status = status.map_err(|error| GitError::io(&self.git.program, error))?;
        let (stdout, stderr) = (stdout.recv_timeout(PIPE_LIMIT), stderr.recv_timeout(PIPE_LIMIT));
        let (Ok(stdout), Ok(stderr)) = (stdout, stderr) else {
            kill_group(group);
            return Err(GitError::TimedOut { command: self.subcommand.to_owned(), seconds: PIPE_LIMIT.as_secs() });
        };
        if stdout.len() > MAX_OUTPUT_BYTES {
            return Err(GitError::TooLarge { command: self.subcommand.to_owned(), limit: MAX_OUTPUT_BYTES >> 20 });
        }
        Ok(EndedCommand { status, stdout, stderr })
    }

    fn spawn(&self) -> Result<Child, GitError> {
        let mut command = Command::new(&self.git.program);
        command
            .args(["--no-optional-locks", "--no-pager", self.subcommand])
            .args(&self.args)
            .env_clear()
            .envs(self.git.vars.iter().map(|(name, value)| (name, value)))
            .envs(self.setting_variables())
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if self.dir.is_dir() => GitError::NotInstalled,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => GitError::NoDirectory(self.dir.clone()),
            _ => GitError::io(&self.git.program, error),
        })
    }

    /// Returns the settings as variables: unlike `-c`, they allow any character in a name.
    fn setting_variables(&self) -> Vec<(OsString, OsString)> {
        let mut vars = vec![("GIT_CONFIG_COUNT".into(), self.settings.len().to_string().into())];
        for (at, (name, value)) in self.settings.iter().enumerate() {
            vars.push((format!("GIT_CONFIG_KEY_{at}").into(), name.clone()));
            vars.push((format!("GIT_CONFIG_VALUE_{at}").into(), value.clone()));
        }
        vars
    }
}

/// Returns true for version 2.36 and newer: 2.31 has settings in the environment, 2.36 lists of worktrees with any name.
fn is_supported(version: &str) -> bool {
    let mut parts = version.split(['.', ' ', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next(), parts.next()) >= (Some(2), Some(36))
}

struct EndedCommand {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

//! Commands of a workspace that prepare a worktree or run before its removal.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Worktrees;
use crate::config::worktrees::WorkspaceSettings;
use crate::domain::worktree::Worktree;
use crate::runtime::children;
use crate::stdx::process::child::{kill_group, read_pipe, wait};
use crate::store::worktrees;

/// Maximum time of a command that prepares a worktree.
pub(super) const SETUP_LIMIT: Duration = Duration::from_mins(15);

/// Maximum time of a command that runs before a removal.
pub(super) const TEARDOWN_LIMIT: Duration = Duration::from_mins(1);

/// Maximum bytes of output that are kept, because only a failure is read.
const MAX_OUTPUT_BYTES: usize = 256 << 10;

/// Maximum wait for the rest of the output, because a process that left the group may keep the pipe open.
const OUTPUT_LIMIT: Duration = Duration::from_secs(1);

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRun {
    /// Command line, quoted for a shell.
    pub command: String,
    /// Exit code; `None` after a signal, or if it could not be started.
    pub exit_code: Option<i32>,
    /// Both outputs.
    pub output: String,
    /// Reason of a failure.
    pub failure: Option<String>,
}

impl Worktrees {
    /// Returns the commands that prepared a worktree, with their output.
    pub fn setup_of(&self, worktree: &Worktree) -> Result<Vec<CommandRun>, String> {
        let json = self.with_store(|db| worktrees::setup(db, &worktree.id))?;
        serde_json::from_str(&json).map_err(|error| format!("the output of the setup cannot be read: {error}"))
    }

    /// Keeps the output of the commands that prepared a worktree.
    pub(super) fn keep_setup(&self, worktree: &Worktree, runs: &[CommandRun]) -> Result<(), String> {
        let json = serde_json::to_string(runs).map_err(|error| error.to_string())?;
        self.with_store(|db| worktrees::set_setup(db, &worktree.id, &json))
    }

    /// Returns the settings of a worktree's workspace.
    pub(super) fn workspace_settings(&self, worktree: &Worktree) -> WorkspaceSettings {
        let is_it = |name: &str| {
            let path = name.strip_prefix("~/").map_or_else(|| name.into(), |rest| self.home.join(rest));
            path.canonicalize().is_ok_and(|path| path == worktree.workspace)
        };
        self.settings
            .workspaces
            .iter()
            .find(|(name, _)| is_it(name))
            .map_or_else(Default::default, |(_, of)| of.clone())
    }

    /// Runs commands in a worktree until one fails.
    pub(super) fn run_commands(
        &self,
        worktree: &Worktree,
        commands: &[Vec<String>],
        (settings, limit): (&WorkspaceSettings, Duration),
    ) -> Vec<CommandRun> {
        let mut runs = Vec::new();
        for words in commands {
            let run = self.run_command(worktree, words, settings, limit);
            let failed = run.failure.is_some();
            runs.push(run);
            if failed {
                break;
            }
        }
        runs
    }

    fn run_command(
        &self,
        worktree: &Worktree,
        words: &[String],
        settings: &WorkspaceSettings,
        limit: Duration,
    ) -> CommandRun {
        let command = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        let failed = |reason: String| CommandRun {
            command: command.clone(),
            exit_code: None,
            output: String::new(),
            failure: Some(reason),
        };
        let spawned = self.spawn(worktree, words, settings);
        let (child, output) = match spawned {
            Ok(spawned) => spawned,
            Err(error) => return failed(format!("could not be started: {error}")),
        };
        let group = child.id();
        let output = read_pipe(Some(output), MAX_OUTPUT_BYTES);
        let status = wait(child, limit);
        // A command must leave nothing running that would hold the worktree.
        kill_group(group);
        let output = output.recv_timeout(OUTPUT_LIMIT).unwrap_or_default();
        let (exit_code, failure) = match status {
            None => (None, Some(format!("did not end within {} s", limit.as_secs()))),
            Some(Err(error)) => (None, Some(error.to_string())),
            Some(Ok(status)) if status.success() => (Some(0), None),
            Some(Ok(status)) => (status.code(), Some(status.to_string())),
        };
        CommandRun {
            output: String::from_utf8_lossy(&output).into_owned(),
            exit_code,
            failure,
            ..failed(String::new())
        }
    }

    /// Spawns a command; both of its outputs are one pipe.
    fn spawn(
        &self,
        worktree: &Worktree,
        words: &[String],
        settings: &WorkspaceSettings,
    ) -> io::Result<(std::process::Child, io::PipeReader)> {
        let (program, args) = words.split_first().ok_or_else(|| io::Error::other("no program"))?;
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .env("PWD", &worktree.path)
            .envs(worktree.variables())
            .envs(&settings.env)
            .current_dir(&worktree.path)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        children::prepare(&mut command);
        Ok((command.spawn()?, reader))
    }
}

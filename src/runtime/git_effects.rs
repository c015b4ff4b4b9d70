//! Effects of the commands that change the user's repository: each runs in the foreground, with the user's own
//! configuration, after its line was shown.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::command_sequence::CommandSequence;
use super::effects::Step;
use super::git_menu::GitMenuRequest;
use super::shell::Shell;
use super::task_message::TaskMessage;
use super::terminal_owner::Purpose;
use super::{children, edited_text, env};
use crate::app::Msg;
use crate::config::paths::Paths;
use crate::domain::git_menu::{CommandPlan, DRAFT, GitMenu, command_line};
use crate::domain::{Session, SessionKey};
use crate::git::Git;
use crate::stdx::{program, text};

/// Variables that would lead git to another repository.
const REDIRECTING: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"];

impl Shell {
    /// Finds the commands for the work tree of a session.
    pub(super) fn load_git_menu(&mut self, key: SessionKey, file: Option<PathBuf>) {
        let Some(session) = self.session(&key) else { return };
        let (paths, messages) = (self.runner.paths.clone(), self.runner.messages.clone());
        tokio::task::spawn_blocking(move || {
            let menu = menu(&paths, &session, file.as_deref());
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::GitMenu(key, menu)))));
        });
    }

    /// Runs commands that the user chose, in the foreground.
    pub(super) fn run_commands(&mut self, plan: CommandPlan) -> Step {
        if plan.host.is_some() {
            return self.run_commands_there(plan);
        }
        let draft = match plan.draft.as_deref().map(edited_text::draft).transpose() {
            Ok(draft) => draft,
            Err(error) => return self.notice(format!("Could not create a file for the message: {error}"), true),
        };
        let with_draft = |word: String| match &draft {
            Some(file) => word.replace(DRAFT, &file.to_string_lossy()),
            None => word,
        };
        let commands = plan.commands.into_iter().map(|words| words.into_iter().map(with_draft).collect());
        let rest = commands.collect::<Vec<Vec<String>>>().into_iter();
        self.run_next_command(CommandSequence { dir: plan.dir, rest, draft, done: plan.done })
    }

    /// Runs the next command of a sequence.
    pub(super) fn run_next_command(&mut self, mut sequence: CommandSequence) -> Step {
        let Some(words) = sequence.rest.next() else {
            let msg = sequence.finish(None);
            return self.return_to_screen(msg);
        };
        let Some(mut command) = command(&words, &sequence.dir) else { return Step::Continue(()) };
        let line = format!("$ {}\r\n", text::one_line(&command_line(&words)));
        let name = words.first().cloned().unwrap_or_default();
        self.run_in_foreground((&mut command, Some(&line)), &name, Purpose::Commands(sequence))
    }
}

/// Returns the commands for the work tree of a session. Blocks: not for the event loop.
pub(super) fn menu(paths: &Paths, session: &Session, file: Option<&Path>) -> Result<GitMenu, String> {
    let request = GitMenuRequest {
        git: &Git::new(env::vars()),
        own: &paths.repositories(),
        state_db: &paths.state_db(),
        session,
        file,
        has_program: |name| program::find(name, env::var("PATH").as_deref()).is_some(),
    };
    request.menu()
}

fn command(words: &[String], dir: &Path) -> Option<Command> {
    let (program, args) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(args).current_dir(dir);
    children::clean_environment(&mut command);
    REDIRECTING.iter().for_each(|name| _ = command.env_remove(name));
    Some(command)
}

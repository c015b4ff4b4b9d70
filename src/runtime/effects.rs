//! Runs the effects that the app state requests.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clipboard::{self, ClipboardProgram};
use super::effect_runner::EffectRunner;
use super::file_history::ContentSources;
use super::foreground::ForegroundChild;
use super::path_completion::CompletionRequest;
use super::resume_check::{CheckContext, check_open};
use super::shell::Shell;
use super::shown_transcript::ShownTranscript;
use super::task_message::TaskMessage;
use super::terminal_owner::{Purpose, TerminalOwner};
use super::{editor, env, extract, relocate, resume};
use crate::app::msg::{RequestTicket, Timer};
use crate::app::{Effect, Msg};
use crate::domain::annotation::AnnotationEdit;
use crate::domain::document::ExportOptions;
use crate::domain::file_history::FileView;
use crate::domain::{Session, SessionKey};
use crate::git::Git;
use crate::stdx::program;

pub(super) type Step = ControlFlow<()>;

impl Shell {
    /// Runs an effect.
    pub(super) fn run_effect(&mut self, effect: Effect) -> Step {
        let effect = match self.run_remote_effect(effect) {
            Ok(step) => return step,
            Err(effect) => effect,
        };
        match effect {
            Effect::OpenTranscript(ticket, key) => self.runner.index.open(ticket.0, key),
            Effect::CloseTranscript(ticket) => self.runner.index.close(ticket.0),
            Effect::ReadEntries(ticket, range) => self.runner.index.read(ticket.0, range),
            Effect::FindInTranscript(ticket, query) => self.runner.index.find(ticket.0, query),
            Effect::FindPositions(ticket, keys) => self.runner.index.positions(ticket.0, keys),
            Effect::FindForkPoint(ticket, prompt) => self.runner.index.fork_point(ticket.0, prompt),
            Effect::Locate(ticket, place) => self.runner.index.locate(ticket.0, place),
            Effect::ShowBranch(ticket, branch) => self.runner.index.show_branch(ticket.0, branch),
            Effect::ReadOutline(ticket) => self.runner.index.outline(ticket.0),
            Effect::Search(request) => self.runner.index.search(request, self.clock.now()),
            Effect::CountValues(field, typed) => self.runner.index.count_values(field, typed),
            Effect::Rank { query } => self.runner.index.rank(query),
            Effect::Rescan => self.runner.index.rescan(),
            // Without sources there are none that wait.
            Effect::ConnectSource(_) => {}
            Effect::CheckResume(key) => self.check_resume(key),
            Effect::Resume { key, cwd } => return self.resume(&key, cwd.as_deref().map(Path::new)),
            Effect::CopyResumeCommand(key) => return self.copy_command(&key),
            Effect::Copy(text) => return self.copy(&text),
            Effect::EditTranscript(key) => return self.edit_transcript(&key),
            Effect::EditEntry(ticket, entry) => return self.edit_entry(ticket, entry),
            Effect::EditFileVersion(ticket, entry, view) => return self.edit_file_version(ticket, entry, view),
            Effect::OpenAttachment(ticket, entry) => return self.open_attachment(ticket, entry),
            Effect::ShowImage(ticket, entry) => return self.show_image(ticket, entry, false),
            Effect::ResizeImage(ticket, entry) => return self.show_image(ticket, entry, true),
            Effect::EditFile { path, line } => return self.edit_file(&path, line),
            Effect::OpenPage(address) => return self.open_page(&address),
            Effect::SaveState { name, value } => self.runner.save_state(name, &value),
            Effect::Annotate { keys, edit } => return self.annotate(keys, &edit),
            // An error means that the thread has failed; the states stay unknown.
            Effect::ReadWorkTrees(directories) => drop(self.runner.work_trees.send(directories)),
            Effect::CreateWorktree { ticket, host: _, dir, name } => self.create_worktree(ticket, dir, name),
            Effect::RestoreFiles { ticket, key, restoration } => self.restore_files(ticket, &key, restoration),
            Effect::PlanRewind { key, entry, branch } => self.plan_rewind(key, entry, branch),
            Effect::RevertConversation { key, revert, prompt } => self.revert_conversation(key, revert, prompt),
            Effect::RewindFiles { key, target } => self.rewind_files(key, target),
            Effect::LoadGitMenu { key, file } => self.load_git_menu(key, file),
            Effect::RunCommands(plan) => return self.run_commands(*plan),
            Effect::EditRemarks { key, edit } => self.edit_remarks(key, edit),
            Effect::LoadChanges { ticket, key, scope, branch } => self.load_changes(ticket, &key, (scope, branch)),
            Effect::Trash { keys, cancel_queued } => return self.trash(keys, cancel_queued),
            Effect::Restore(keys) => return self.restore(keys),
            Effect::LoadTrash => return self.load_trash(),
            Effect::DeleteTrashed(keys) => return self.delete_trashed(keys),
            Effect::Export { keys, format, with_secrets, folder } => {
                self.export(&keys, ExportOptions { format, with_secrets, kinds: Vec::new() }, &folder);
            }
            Effect::WriteBrief(key) => self.write_brief(key),
            Effect::Keep { keys, kept, silent } => return self.keep(keys, kept, silent),
            Effect::Relocate { from, to } => return self.relocate(from, to),
            Effect::RememberProjects => self.remember_projects(),
            Effect::WriteTitle { key, title } => self.write_title(&key, title),
            Effect::CheckSessions(keys) => self.runner.index.check_sessions(keys),
            Effect::LoadUserData => self.load_user_data(),
            Effect::CaptureMouse(capture) => self.log_terminal_error(|shell| shell.terminal.capture_mouse(capture)),
            Effect::Debounce(ticket, millis) => {
                self.debounce = Some((Instant::now() + Duration::from_millis(millis.into()), ticket));
            }
            Effect::StartTimer(timer, millis) => self.start_timer(timer, Duration::from_millis(millis.into())),
            Effect::Redraw => self.redraw(),
            Effect::Run(request) => self.with_runs(|runs| runs.send(request)),
            Effect::StartRun { ticket, agent, start, prompt } => return self.start_run(ticket, agent, start, prompt),
            Effect::WatchRun(run, cursor) => self.with_runs(|runs| runs.watch(run, cursor)),
            Effect::UnwatchRun(run) => self.with_runs(|runs| runs.unwatch(&run)),
            Effect::CheckContinue(key) => self.check_run(key),
            Effect::LoadModels { source, refresh } => self.with_runs(|runs| runs.load_models(source.agent, refresh)),
            Effect::LoadBackends => self.with_runs(|runs| runs.load_backends()),
            Effect::LoadAgents => self.load_agents(),
            Effect::FindFiles { below, query } => {
                self.with_runs(|runs| runs.complete(CompletionRequest::Files { below, query }));
            }
            Effect::FindDirectories { query } => {
                let home = self.runner.environment.home.clone();
                self.with_runs(|runs| runs.complete(CompletionRequest::Directories { query, home }));
            }
            Effect::SaveDraft { key, text } => self.with_runs(|runs| runs.save_draft(key, text)),
            Effect::LoadDraft { key } => self.with_runs(|runs| runs.load_draft(key)),
            Effect::RunCommand { ticket, line, cwd } => {
                let EffectRunner { environment, commands, messages, .. } = &self.runner;
                commands.run((ticket, &line, &cwd), environment.var("SHELL"), messages);
            }
            Effect::EndCommand(ticket) => self.runner.commands.end(ticket),
            Effect::LoadChangeContext(id) => self.load_change_context(id),
            Effect::EditText(text) => return self.edit_text(&text),
            Effect::Notify { title, body, needs_you: _ } => self.notify(&title, &body),
            Effect::Suspend => self.suspend(),
            Effect::Drain(drains) => self.with_runs(|runs| runs.drain(drains)),
            Effect::Detach => return self.detach(),
            Effect::Quit => return Step::Break(()),
        }
        Step::Continue(())
    }

    /// Sends a message after some time.
    fn start_timer(&self, timer: Timer, after: Duration) {
        let messages = self.runner.messages.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::TimerElapsed(timer)))));
        });
    }

    /// Draws all cells and images again.
    fn redraw(&mut self) {
        self.log_terminal_error(|shell| {
            shell.view.inline_pictures().clear();
            shell.terminal.redraw()
        });
    }

    fn detach(&mut self) -> Step {
        self.detaches = true;
        Step::Break(())
    }

    pub(super) fn session(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.app.sessions.catalog.get(key).cloned()
    }

    /// Runs a terminal operation and logs its error. It fails only if the terminal is gone, which the next read
    /// detects.
    pub(super) fn log_terminal_error(&mut self, act: impl FnOnce(&mut Self) -> io::Result<()>) {
        if let Err(error) = act(self) {
            tracing::info!(%error, "the terminal does not respond");
        }
    }

    pub(super) fn notice(&mut self, text: impl Into<String>, error: bool) -> Step {
        self.update(Msg::Notice { text: text.into(), error })
    }

    fn annotate(&mut self, keys: Vec<SessionKey>, edit: &AnnotationEdit) -> Step {
        match &self.runner.writer {
            Some(writer) => {
                writer.annotate(keys, edit);
                Step::Continue(())
            }
            None => self.notice("Not saved: state.db cannot be used; see salon doctor", true),
        }
    }

    /// Returns what a check of a session needs.
    pub(super) fn check_context(&self) -> CheckContext {
        CheckContext {
            environment: self.runner.environment.clone(),
            backups: self.runner.paths.backups(),
            store: self.runner.store.clone(),
            workspaces: relocate::workspaces(self.own_sessions()),
        }
    }

    fn check_resume(&mut self, key: SessionKey) {
        let Some(session) = self.session(&key) else { return };
        let (context, messages) = (self.check_context(), self.runner.messages.clone());
        tokio::task::spawn_blocking(move || {
            let check = check_open(&session, &context);
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::ResumeChecked { key, check }))));
        });
    }

    fn resume(&mut self, key: &SessionKey, cwd: Option<&Path>) -> Step {
        let Some(session) = self.session(key) else {
            return self.notice("The session no longer exists", true);
        };
        if let Some(reason) = resume::id_refusal(key) {
            return self.notice(&reason, true);
        }
        let launch = resume::open(&session, &[], cwd, &self.runner.environment);
        self.run_in_foreground((&mut resume::command(&launch), None), &launch.program, Purpose::Resume(key.clone()))
    }

    fn copy_command(&mut self, key: &SessionKey) -> Step {
        let Some(session) = self.session(key) else {
            return self.notice("The session no longer exists", true);
        };
        if let Some(reason) = resume::id_refusal(key) {
            return self.notice(&reason, true);
        }
        let line = resume::open(&session, &[], None, &self.runner.environment).shell_line();
        self.copy(&line)
    }

    /// Copies a text, and says so unless a notice does already.
    pub(super) fn copy(&mut self, text: &str) -> Step {
        let within_tmux = self.runner.environment.var("TMUX").is_some();
        let sequence = clipboard::copy(text, within_tmux);
        self.log_terminal_error(|shell| shell.terminal.write(sequence.as_bytes()));
        self.copy_to_display(text.to_owned());
        if self.app.notices.current().is_some_and(|notice| notice.text.starts_with("Copied")) {
            return Step::Continue(());
        }
        self.notice(clipboard::describe(text), false)
    }

    /// Copies a text with a program, which may take a while.
    fn copy_to_display(&self, text: String) {
        let environment = &self.runner.environment;
        let var = |name: &str| environment.var(name).map(str::to_owned);
        let find = |name: &str| program::find(name, environment.var("PATH"));
        let Some((program, file)) = ClipboardProgram::choose(var, find) else { return };
        tokio::task::spawn_blocking(move || {
            if let Err(error) = program.run(&file, &text) {
                tracing::warn!(%error, "the clipboard program failed");
            }
        });
    }

    fn edit_transcript(&mut self, key: &SessionKey) -> Step {
        let Some(session) = self.session(key) else {
            return self.notice("The session no longer exists", true);
        };
        // A database or a compressed file is not readable as text: show the session's own records.
        if session.path.extension().is_none_or(|extension| extension != "db" && extension != "zst") {
            return self.edit(&session.path, None);
        }
        let generate = move || extract::records(&session);
        self.edit_generated(generate)
    }

    fn edit_entry(&mut self, ticket: RequestTicket, entry: usize) -> Step {
        let Some(shown) = self.shown_transcript(ticket) else {
            return self.notice("The session no longer exists", true);
        };
        let state_db = self.runner.paths.state_db();
        self.edit_generated(move || extract::entry(&shown, entry, &state_db))
    }

    fn edit_file_version(&mut self, ticket: RequestTicket, entry: usize, view: FileView) -> Step {
        let Some(shown) = self.shown_transcript(ticket) else {
            return self.notice("The session no longer exists", true);
        };
        let (paths, store) = (self.runner.paths.clone(), self.runner.store.clone());
        self.edit_generated(move || {
            let (git, own) = (Git::new(env::vars()), paths.repositories());
            let sources = ContentSources { git: &git, own: &own, store: store.as_deref() };
            extract::file_version(&shown, entry, view, (&paths.state_db(), sources))
        })
    }

    /// Returns an open transcript.
    pub(super) fn shown_transcript(&self, ticket: RequestTicket) -> Option<ShownTranscript> {
        let reader = self.app.stack.open_transcript(ticket)?;
        let branch = reader.opened().map(|opened| opened.branch);
        Some(ShownTranscript { session: self.session(&reader.key)?, branch })
    }

    /// Opens a file that an entry names in the editor.
    fn edit_file(&mut self, path: &Path, line: Option<u32>) -> Step {
        // A relative path would be one of the directory in which salon runs.
        if !path.is_absolute() {
            return self
                .notice(format!("Cannot open {}: the directory of the session is unknown", path.display()), true);
        }
        if !path.is_file() {
            return self.notice(format!("Cannot open {}: not a file, or deleted since", path.display()), true);
        }
        self.edit_at(path, line, Purpose::Edit(None))
    }

    /// Generates a file on a blocking thread, then opens it in the editor.
    fn edit_generated(&mut self, generate: impl FnOnce() -> io::Result<PathBuf> + Send + 'static) -> Step {
        let messages = self.runner.messages.clone();
        tokio::task::spawn_blocking(move || {
            let message = match generate() {
                Ok(file) => TaskMessage::Edit(file),
                Err(error) => {
                    let text = format!("Could not create a file for the editor: {error}");
                    TaskMessage::Msg(Box::new(Msg::Notice { text, error: true }))
                }
            };
            // An error means that salon is shutting down.
            drop(messages.send(message));
        });
        Step::Continue(())
    }

    /// Opens a file in the user's editor.
    pub(super) fn edit(&mut self, file: &Path, temporary: Option<PathBuf>) -> Step {
        self.edit_for(file, Purpose::Edit(temporary))
    }

    /// Opens a file in the editor for the given purpose.
    pub(super) fn edit_for(&mut self, file: &Path, purpose: Purpose) -> Step {
        self.edit_at(file, None, purpose)
    }

    fn edit_at(&mut self, file: &Path, line: Option<u32>, purpose: Purpose) -> Step {
        match editor::command(env::var, file, line) {
            Ok(mut command) => {
                let name = command.get_program().to_string_lossy().into_owned();
                self.run_in_foreground((&mut command, None), &name, purpose)
            }
            Err(reason) => self.notice(reason, true),
        }
    }

    /// Lends the terminal to a program, after a line that announces it.
    pub(super) fn run_in_foreground(
        &mut self,
        (command, line): (&mut Command, Option<&str>),
        name: &str,
        purpose: Purpose,
    ) -> Step {
        self.terminal.leave();
        if let Some(line) = line {
            self.log_terminal_error(|shell| shell.terminal.write(line.as_bytes()));
        }
        match ForegroundChild::start(command) {
            Ok(child) => {
                self.owner = TerminalOwner::Program { child, purpose, since: Instant::now() };
                Step::Continue(())
            }
            Err(error) => {
                self.log_terminal_error(|shell| shell.terminal.enter());
                self.frames.request_now();
                self.notice(format!("Cannot start {name}: {error}"), true)
            }
        }
    }
}

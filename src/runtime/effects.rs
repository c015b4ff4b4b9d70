//! What the state wants done, done.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::lend::Lent;
use super::runs::Runs;
use super::shell::{Holder, Purpose, Shell, Told};
use super::{clipboard, colours, editor, extract, lives, resume, runs, surroundings};
use crate::agent::Environment;
use crate::app::layer::Layer;
use crate::app::msg::{ResumeCheck, Ticket};
use crate::app::runs::RunMsg;
use crate::app::{Effect, Msg};
use crate::config::paths::Paths;
use crate::config::theme::Background;
use crate::domain::{Session, SessionKey};
use crate::index::{Index, Sought};
use crate::store::{Store, choices};

/// What is needed to do effects.
#[derive(Debug)]
pub struct Performer {
    /// Where agents keep their files, and the variables.
    pub environment: Environment,
    /// Where salon keeps its own.
    pub paths: Paths,
    /// Which sessions exist.
    pub index: Index,
    /// What salon remembers; `None` where it cannot.
    pub store: Option<Arc<Store>>,
    /// The runs; `None` where `state.db` cannot be used.
    pub runs: Option<Runs>,
    /// To the loop.
    pub tell: mpsc::UnboundedSender<Told>,
}

type Step = ControlFlow<()>;

impl Shell {
    /// Does one effect.
    pub(super) fn perform(&mut self, effect: Effect) -> Step {
        match effect {
            Effect::OpenTranscript(ticket, key) => self.performer.index.open(ticket.0, key),
            Effect::CloseTranscript(ticket) => self.performer.index.close(ticket.0),
            Effect::ReadEntries(ticket, range) => self.performer.index.read(ticket.0, range),
            Effect::FindInTranscript(ticket, query) => self.performer.index.find(ticket.0, query),
            Effect::Locate(ticket, place) => self.performer.index.locate(ticket.0, place),
            Effect::Search { query, order, within } => {
                self.performer.index.search(Sought { query, order, within, now: self.clock.now() });
            }
            Effect::CountValues(field, typed) => self.performer.index.count_values(field, typed),
            Effect::Rank { query } => self.performer.index.rank(query),
            Effect::Rescan => self.performer.index.rescan(),
            Effect::CheckResume(key) => self.check_resume(key),
            Effect::Resume { key, cwd } => return self.resume(&key, cwd.as_deref().map(Path::new)),
            Effect::CopyResumeCommand(key) => return self.copy_command(&key),
            Effect::Copy(text) => return self.copy(&text),
            Effect::EditTranscript(key) => return self.edit_transcript(&key),
            Effect::EditEntry(ticket, entry) => return self.edit_entry(ticket, entry),
            Effect::Remember { name, value } => self.performer.remember(name, &value),
            Effect::CaptureMouse(capture) => self.tried(|shell| shell.terminal.capture_mouse(capture)),
            Effect::Rest(rest, millis) => {
                self.rest = Some((Instant::now() + Duration::from_millis(millis.into()), rest));
            }
            Effect::Wake(alarm, millis) => {
                let tell = self.performer.tell.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(millis.into())).await;
                    // Nobody listens once salon ends.
                    drop(tell.send(Told::Msg(Box::new(Msg::Woke(alarm)))));
                });
            }
            Effect::Redraw => self.tried(|shell| shell.terminal.redraw()),
            Effect::Run(effect) => return self.ask_run(effect),
            Effect::Suspend => self.suspend(),
            Effect::Quit => return Step::Break(()),
        }
        Step::Continue(())
    }

    pub(super) fn session(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.app.known.catalog.get(key).cloned()
    }

    /// Something at the terminal that can only fail when the terminal is gone, which the next read will tell.
    pub(super) fn tried(&mut self, act: impl FnOnce(&mut Self) -> io::Result<()>) {
        if let Err(error) = act(self) {
            tracing::info!(%error, "the terminal does not answer");
        }
    }

    pub(super) fn notice(&mut self, text: impl Into<String>, error: bool) -> Step {
        self.update(Msg::Notice { text: text.into(), error })
    }

    fn check_resume(&mut self, key: SessionKey) {
        let Some(session) = self.session(&key) else { return };
        let (environment, kept) = (self.performer.environment.clone(), self.performer.paths.kept());
        let tell = self.performer.tell.clone();
        let store = self.performer.store.clone();
        tokio::task::spawn_blocking(move || {
            let check = check(&session, &environment, &kept, store.as_deref());
            // Nobody listens once salon ends.
            drop(tell.send(Told::Msg(Box::new(Msg::ResumeChecked { key, check }))));
        });
    }

    fn resume(&mut self, key: &SessionKey, cwd: Option<&Path>) -> Step {
        let Some(session) = self.session(key) else {
            return self.notice("the session is gone", true);
        };
        let launch = resume::launch(&session, &[], cwd);
        self.lend(&mut resume::command(&launch), &launch.program, Purpose::Resume(key.clone()))
    }

    fn copy_command(&mut self, key: &SessionKey) -> Step {
        let Some(session) = self.session(key) else {
            return self.notice("the session is gone", true);
        };
        let line = resume::launch(&session, &[], None).shell_line();
        self.copy(&line)
    }

    fn copy(&mut self, text: &str) -> Step {
        let within_tmux = self.performer.environment.var("TMUX").is_some();
        let told = clipboard::copy(text, within_tmux);
        self.tried(|shell| shell.terminal.write(told.as_bytes()));
        Step::Continue(())
    }

    fn edit_transcript(&mut self, key: &SessionKey) -> Step {
        let Some(session) = self.session(key) else {
            return self.notice("the session is gone", true);
        };
        // A database is no text: of it the session's own records are shown.
        if session.path.extension().is_none_or(|ending| ending != "db") {
            return self.edit(&session.path, None);
        }
        let made = move || extract::records(&session);
        self.edit_made(made)
    }

    fn edit_entry(&mut self, ticket: Ticket, entry: usize) -> Step {
        let mut readers = self.app.layers.iter().filter_map(Layer::reader);
        let key = readers.find(|reader| reader.ticket == ticket).map(|reader| reader.key.clone());
        let Some(session) = key.and_then(|key| self.session(&key)) else {
            return self.notice("the session is gone", true);
        };
        self.edit_made(move || extract::entry(&session, entry))
    }

    /// Makes a file beside the loop, and opens it in the editor once it is there.
    fn edit_made(&mut self, make: impl FnOnce() -> io::Result<PathBuf> + Send + 'static) -> Step {
        let tell = self.performer.tell.clone();
        tokio::task::spawn_blocking(move || {
            let told = match make() {
                Ok(file) => Told::Edit(file),
                Err(error) => {
                    let text = format!("nothing to edit could be made: {error}");
                    Told::Msg(Box::new(Msg::Notice { text, error: true }))
                }
            };
            // Nobody listens once salon ends.
            drop(tell.send(told));
        });
        Step::Continue(())
    }

    /// Opens a file in the user's editor.
    pub(super) fn edit(&mut self, file: &Path, made_for_it: Option<PathBuf>) -> Step {
        self.edit_for(file, Purpose::Edit(made_for_it))
    }

    /// The same, for another purpose.
    pub(super) fn edit_for(&mut self, file: &Path, purpose: Purpose) -> Step {
        match editor::command(surroundings::var, file) {
            Ok(mut command) => {
                let name = command.get_program().to_string_lossy().into_owned();
                self.lend(&mut command, &name, purpose)
            }
            Err(reason) => self.notice(reason, true),
        }
    }

    fn lend(&mut self, command: &mut Command, name: &str, purpose: Purpose) -> Step {
        self.terminal.leave();
        match Lent::start(command) {
            Ok(lent) => {
                self.holder = Holder::Program { lent, purpose, since: Instant::now() };
                Step::Continue(())
            }
            Err(error) => {
                self.tried(|shell| shell.terminal.enter());
                self.frames.asked();
                self.notice(format!("cannot start {name}: {error}"), true)
            }
        }
    }
}

impl Performer {
    /// What the state is told when a program gave the terminal back.
    pub(super) fn after(purpose: Purpose, failure: Option<&str>) -> Msg {
        match purpose {
            Purpose::Resume(key) => Msg::Returned { key, failure: failure.map(str::to_owned) },
            Purpose::EditText(file) => match (runs::edited(&file), failure) {
                (Ok(text), None) => Msg::Run(RunMsg::Edited(text)),
                (Ok(_), Some(failure)) => Msg::Notice { text: format!("the editor {failure}"), error: true },
                (Err(error), _) => Msg::Notice { text: format!("what was written is lost: {error}"), error: true },
            },
            Purpose::Edit(made) => {
                if let Some(Err(error)) = made.map(std::fs::remove_file) {
                    tracing::warn!(%error, "a file made for the editor was not removed");
                }
                match failure {
                    Some(failure) => Msg::Notice { text: format!("the editor {failure}"), error: true },
                    None => Msg::Notice { text: "back from the editor".to_owned(), error: false },
                }
            }
        }
    }

    pub(super) fn remember(&self, name: &str, value: &str) {
        let Some(store) = &self.store else { return };
        if let Err(error) = store.with(|db| choices::remember(db, name, value)) {
            tracing::warn!(%error, name, "a choice was not remembered");
        }
    }

    pub(super) fn remember_background(&self, background: Background) {
        self.remember(colours::REMEMBERED, colours::background_name(background));
    }

    /// In a debug build a key named in `SALON_PANIC` panics, so that a test can see what is left of the terminal.
    pub(super) fn watch_for_panic(&self, msg: &Msg) {
        if cfg!(debug_assertions)
            && let (Msg::Key(key), Some(word)) = (msg, self.environment.var("SALON_PANIC"))
        {
            assert!(key.to_string() != word, "SALON_PANIC: {word} was pressed");
        }
    }
}

pub(super) fn check(session: &Session, environment: &Environment, kept: &Path, store: Option<&Store>) -> ResumeCheck {
    let launch = resume::launch(session, &[], None);
    let found = resume::obstacles(session, &launch, environment);
    let startable = !found.not_installed && found.refused.is_none();
    let warning = if startable { keep(session, kept) } else { None };
    ResumeCheck {
        held: store.and_then(|store| lives::other_salon(&session.key, store)),
        open_elsewhere: found.open_elsewhere,
        directory_gone: found.directory_gone,
        not_installed: found.not_installed,
        refused: found.refused,
        warning,
    }
}

/// A copy that cannot be made is said as well: the user decides whether to go on without one.
fn keep(session: &Session, kept: &Path) -> Option<String> {
    resume::keep_endangered(session, kept)
        .unwrap_or_else(|error| Some(format!("No copy of its files could be kept: {error}.")))
}

//! Navigation from a session to its live state: its run in this salon, or the transcript that another program writes.

use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::layer::Layer;
use super::runs;
use super::{Action, App, Effect, quit, split};
use crate::config::settings::ListScope;
use crate::domain::run::{Phase, RunId};
use crate::domain::run_request::RunRequest;
use crate::domain::{SessionKey, SessionState};

/// Maximum background tasks with a choice each, because a dialog must fit a small screen.
const MAX_TASK_CHOICES: usize = 6;

impl App {
    /// Goes to a run's chat.
    pub(super) fn go_to_run(&mut self, run: &RunId) -> Vec<Effect> {
        let Some(info) = self.runs.get(run) else { return Vec::new() };
        let key = runs::key_of(info);
        let open = |layer: &Layer| layer.chat().is_some_and(|chat| chat.run.as_ref() == Some(run));
        if self.pinned.iter().chain(&self.layers).any(open) {
            return self.open_chat(run);
        }
        // Closing the chat then leads home, with its session selected.
        let mut effects = self.close_layers();
        self.reveal_session(&key);
        effects.extend(self.selection_moved());
        effects.extend(self.open_chat(run));
        effects
    }

    /// Selects the next session that needs the user, wherever it is listed.
    pub(super) fn next_needs_you(&mut self) -> Vec<Effect> {
        let needs =
            |session: &&std::sync::Arc<crate::domain::Session>| self.sessions.state(session) == SessionState::NeedsYou;
        let mut waiting: Vec<_> = self.sessions.catalog.iter().chain(&self.sessions.unsaved).filter(needs).collect();
        waiting.sort_by(|a, b| a.last_activity.cmp(&b.last_activity).then_with(|| a.key.cmp(&b.key)));
        let here = self.session_or_run();
        let now = waiting.iter().position(|session| here.as_ref() == Some(&session.key));
        let next = now.map_or(0, |at| (at + 1) % waiting.len());
        let Some(key) = waiting.get(next).map(|session| session.key.clone()) else {
            self.notices.info("No session needs you");
            return Vec::new();
        };
        if let Some(run) = self.runs.of_session(&key).map(|info| info.id.clone()) {
            return self.go_to_run(&run);
        }
        let mut effects = self.close_layers();
        self.reveal_session(&key);
        effects.extend(self.selection_moved());
        effects
    }

    /// Opens the run's chat, or watches the transcript that another program writes.
    pub(super) fn attach(&mut self) -> Vec<Effect> {
        let Some(key) = self.session().cloned() else {
            self.notices.info("No session selected");
            return Vec::new();
        };
        let live = self.runs.of_session(&key).filter(|info| !matches!(info.phase, Phase::Stopped(_)));
        if let Some(run) = live.map(|info| info.id.clone()) {
            return self.go_to_run(&run);
        }
        self.watch(key)
    }

    /// Updates the descriptions of who writes the watched transcripts.
    pub(super) fn refresh_watched(&mut self) {
        let sessions = &self.sessions;
        let readers = split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::reader_mut);
        for reader in readers.filter(|reader| reader.watched_by.is_some()) {
            reader.watched_by = Some(match sessions.live.get(&reader.key) {
                Some(sign) => {
                    let pid = sign.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
                    format!("open in {}{pid}", reader.key.agent.label())
                }
                None => "not open in any program".to_owned(),
            });
        }
    }

    /// Stops the session's run, or asks first if a turn is open.
    pub(super) fn stop_run(&mut self) -> Vec<Effect> {
        let run = self.session_or_run().and_then(|key| self.runs.of_session(&key).cloned());
        let Some(info) = run.filter(|info| !matches!(info.phase, Phase::Stopped(_))) else {
            self.notices.info("Not running in salon");
            return Vec::new();
        };
        let open = runs::is_open(&info.phase);
        if !open && info.tasks.is_empty() {
            return vec![Effect::Run(RunRequest::Stop(info.id.clone()))];
        }
        let label = info.agent.label();
        let working = format!("{label} is working. Its work so far is kept; the rest of the turn is lost.");
        let mut text: Vec<String> = open.then_some(working).into_iter().collect();
        text.extend(quit::tasks_text(&info.tasks, "They end with the run"));
        let choice = |label: String, outcome| DialogChoice { label, outcome };
        let mut choices = vec![
            choice("Cancel".to_owned(), DialogOutcome::Cancel),
            choice(format!("Stop {label}"), DialogOutcome::StopRun(info.id.clone())),
        ];
        choices.extend(info.tasks.iter().take(MAX_TASK_CHOICES).map(|task| {
            let outcome = DialogOutcome::StopTask(info.id.clone(), task.id.clone());
            choice(format!("Stop only: {}", quit::short_description(task)), outcome)
        }));
        self.push(Layer::Dialog(Dialog { title: "Stop the run".to_owned(), text, choices, selected: 0 }))
    }

    /// Returns the session that actions apply to, including the provisional key of a run without a session.
    pub(super) fn session_or_run(&self) -> Option<SessionKey> {
        let run = self.screen().and_then(Layer::chat).and_then(|chat| self.runs.get(chat.run.as_ref()?));
        run.map(|info| runs::key_of(info)).or_else(|| self.session().cloned())
    }

    /// Selects a session in the list; widens scope and filters if it is not listed.
    fn reveal_session(&mut self, key: &SessionKey) {
        if self.home.list.select(key) {
            return;
        }
        self.home.set_scope(ListScope::All);
        self.home.filter.clear();
        self.home.refresh(&self.sessions);
        if !self.home.list.select(key) {
            self.home.show_hidden = true;
            self.home.refresh(&self.sessions);
            self.home.list.select(key);
        }
    }

    /// Watches a session: opens its transcript and follows the end. The header names the program that writes it.
    pub fn watch(&mut self, key: SessionKey) -> Vec<Effect> {
        let effects = self.perform(DialogOutcome::Watch(key));
        if let Some(reader) = self.layers.last_mut().and_then(Layer::reader_mut) {
            reader.watched_by = Some(String::new());
        }
        self.refresh_watched();
        effects
    }

    /// Closes all layers.
    pub(super) fn close_layers(&mut self) -> Vec<Effect> {
        self.layers.drain(..).flat_map(Layer::closed).collect()
    }

    /// Turns the notifications of the session's run on or off.
    pub(super) fn mute(&mut self) -> Vec<Effect> {
        let run = self.session_or_run().and_then(|key| self.runs.of_session(&key).map(|info| info.id.clone()));
        let Some(run) = run else {
            self.notices.info("Not running in salon");
            return Vec::new();
        };
        if self.muted.remove(&run) {
            self.notices.info("Notifications on for this session");
        } else {
            self.muted.insert(run);
            self.notices.info("Notifications off for this session");
        }
        Vec::new()
    }

    /// Performs an action about runs. `None` if it is another action.
    pub(super) fn act_on_runs(&mut self, action: Action) -> Option<Vec<Effect>> {
        Some(match action {
            Action::Inbox => self.toggle_inbox(),
            Action::NextNeedsYou => self.next_needs_you(),
            Action::Attach => self.attach(),
            Action::StopRun => self.stop_run(),
            Action::Mute => self.mute(),
            Action::Models => self.open_picker(),
            Action::New => self.open_new_session(),
            Action::Quit => self.quit(),
            _ => return None,
        })
    }
}

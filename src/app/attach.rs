//! From a session to what lives of it: its run in this salon, or its transcript while another program writes it.

use super::dialog::{Choice, Dialog, Outcome};
use super::layer::Layer;
use super::runs::{self, RunEffect};
use super::{Action, App, Effect, split};
use crate::config::settings::Scope;
use crate::domain::run::{Phase, RunId};
use crate::domain::{SessionKey, State};

impl App {
    /// Goes to a run's conversation.
    pub(super) fn go_to_run(&mut self, run: &RunId) -> Vec<Effect> {
        let Some(info) = self.runs.get(run) else { return Vec::new() };
        let key = runs::key_of(info);
        let open = |layer: &Layer| layer.chat().is_some_and(|chat| chat.run.as_ref() == Some(run));
        if self.beside.iter().chain(&self.layers).any(open) {
            return self.open_chat(run);
        }
        // Leaving the chat one is at home, where the session is selected.
        let mut effects = self.close_layers();
        self.reveal_session(&key);
        effects.extend(self.selection_moved());
        effects.extend(self.open_chat(run));
        effects
    }

    /// Goes to the next session that waits for the user, wherever it is listed.
    pub(super) fn next_needs_you(&mut self) -> Vec<Effect> {
        let needs = |session: &&std::sync::Arc<crate::domain::Session>| self.known.state(session) == State::NeedsYou;
        let mut waiting: Vec<_> = self.known.catalog.iter().chain(&self.known.fresh).filter(needs).collect();
        waiting.sort_by(|a, b| a.last_activity.cmp(&b.last_activity).then_with(|| a.key.cmp(&b.key)));
        let here = self.place();
        let now = waiting.iter().position(|session| here.as_ref() == Some(&session.key));
        let next = now.map_or(0, |at| (at + 1) % waiting.len());
        let Some(key) = waiting.get(next).map(|session| session.key.clone()) else {
            self.notices.tell("no session needs you");
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

    /// To the run's chat, or to the end of the transcript that another program writes.
    pub(super) fn attach(&mut self) -> Vec<Effect> {
        let Some(key) = self.session().cloned() else {
            self.notices.tell("no session is selected");
            return Vec::new();
        };
        let living = self.runs.of_session(&key).filter(|info| !matches!(info.phase, Phase::Stopped(_)));
        if let Some(run) = living.map(|info| info.id.clone()) {
            return self.go_to_run(&run);
        }
        self.follow(key)
    }

    /// Why transcripts are followed, as it stands now.
    pub(super) fn refresh_attached(&mut self) {
        let known = &self.known;
        let readers = split::all(&mut self.layers, &mut self.beside).filter_map(Layer::reader_mut);
        for reader in readers.filter(|reader| reader.attached.is_some()) {
            reader.attached = Some(match known.live.get(&reader.key) {
                Some(sign) => {
                    let pid = sign.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
                    format!("open in {}{pid}", reader.key.agent.label())
                }
                None => "no program has it open".to_owned(),
            });
        }
    }

    /// Ends the run of the session, after a question where a turn is open.
    pub(super) fn stop_run(&mut self) -> Vec<Effect> {
        let run = self.place().and_then(|key| self.runs.of_session(&key).cloned());
        let Some(info) = run.filter(|info| !matches!(info.phase, Phase::Stopped(_))) else {
            self.notices.tell("no run of this salon is selected");
            return Vec::new();
        };
        if !runs::is_open(&info.phase) {
            return vec![Effect::Run(RunEffect::Stop(info.id.clone()))];
        }
        let label = info.agent.label();
        self.push(Layer::Dialog(Dialog {
            title: "Stop the run".to_owned(),
            text: vec![format!("{label} is at work. What it did so far stays; the rest of the turn is lost.")],
            choices: vec![
                Choice { label: "cancel".to_owned(), outcome: Outcome::Cancel },
                Choice { label: format!("stop {label}"), outcome: Outcome::StopRun(info.id.clone()) },
            ],
            selected: 0,
        }))
    }

    /// The session that keys are about, also where it is only a run so far.
    pub(super) fn place(&self) -> Option<SessionKey> {
        let run = self.screen().and_then(Layer::chat).and_then(|chat| self.runs.get(chat.run.as_ref()?));
        run.map(|info| runs::key_of(info)).or_else(|| self.session().cloned())
    }

    /// Selects a session in the list, and makes the list show it where it does not.
    fn reveal_session(&mut self, key: &SessionKey) {
        if self.home.list.select(key) {
            return;
        }
        self.home.set_scope(Scope::All);
        self.home.filter.clear();
        self.home.refresh(&self.known);
        if !self.home.list.select(key) {
            self.home.show_hidden = true;
            self.home.refresh(&self.known);
            self.home.list.select(key);
        }
    }

    /// Opens a session's transcript and follows its end; the header says who writes it.
    pub fn follow(&mut self, key: SessionKey) -> Vec<Effect> {
        let effects = self.decided(Outcome::Follow(key));
        if let Some(reader) = self.layers.last_mut().and_then(Layer::reader_mut) {
            reader.attached = Some(String::new());
        }
        self.refresh_attached();
        effects
    }

    /// Closes everything that lies over the home screen.
    pub(super) fn close_layers(&mut self) -> Vec<Effect> {
        self.layers.drain(..).flat_map(Layer::closed).collect()
    }

    /// Switches the notifications of the session's run off or on.
    pub(super) fn mute(&mut self) -> Vec<Effect> {
        let run = self.place().and_then(|key| self.runs.of_session(&key).map(|info| info.id.clone()));
        let Some(run) = run else {
            self.notices.tell("no run of this salon is selected");
            return Vec::new();
        };
        if self.muted.remove(&run) {
            self.notices.tell("notifications of this session are on");
        } else {
            self.muted.insert(run);
            self.notices.tell("notifications of this session are off");
        }
        Vec::new()
    }

    /// The action is about runs, if it is one of these.
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

//! Before a session is resumed: what stands in the way is said with what can be done, and only then the terminal is
//! lent. Afterwards everything is where it was.

use std::sync::Arc;

use super::action::Action;
use super::dialog::{Choice, Dialog, Outcome};
use super::layer::Layer;
use super::msg::ResumeCheck;
use super::runs::RunEffect;
use super::{App, Effect};
use crate::domain::SessionKey;
use crate::domain::run::Setting;

impl App {
    pub(super) fn resume_checked(&mut self, key: SessionKey, check: ResumeCheck) -> Vec<Effect> {
        // The answer comes late: another question, or another session, may be on the screen by now.
        if self.session() != Some(&key) || matches!(self.layers.last(), Some(Layer::Dialog(_))) {
            return Vec::new();
        }
        match self.obstacle(&key, check) {
            Some(dialog) => self.push(Layer::Dialog(dialog)),
            None => vec![Effect::Resume { key, cwd: None }],
        }
    }

    pub(super) fn returned(&mut self, key: &SessionKey, failure: Option<String>) -> Vec<Effect> {
        match failure {
            Some(failure) => self.notices.fail(format!("{}: {failure}", key.agent.label())),
            None => self.notices.tell(format!("back from {}", key.agent.label())),
        }
        Vec::new()
    }

    /// Does what a dialog's answer says.
    pub(super) fn decided(&mut self, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Resume { key, cwd } => vec![Effect::Resume { key, cwd }],
            Outcome::CopyCommand(key) => vec![Effect::CopyResumeCommand(key)],
            Outcome::GoOn { key, cwd, fork } => self.go_on(&key, cwd, fork),
            Outcome::StopRun(run) => vec![Effect::Run(RunEffect::Stop(run))],
            Outcome::SkipPermissions(run, mode) => vec![Effect::Run(RunEffect::Set(run, Setting::Mode(mode)))],
            Outcome::BeginNew => self.begin_chosen(),
            Outcome::QuitWhenDone => self.quit_when_done(),
            Outcome::QuitNow => self.quit_now(),
            Outcome::Stay => {
                self.quitting = false;
                Vec::new()
            }
            Outcome::Cancel => Vec::new(),
            Outcome::Follow(key) => {
                let reading = self.layers.last().and_then(Layer::reader).is_some_and(|reader| reader.key == key);
                let mut effects = if reading { Vec::new() } else { self.open(key) };
                // What was just opened stands at its end and follows already.
                if self.layers.last().and_then(Layer::reader).is_some_and(|reader| !reader.is_following()) {
                    effects.extend(self.act(Action::Follow));
                }
                effects
            }
        }
    }

    /// The question to ask: all that is the matter at once, and the safest answer first.
    fn obstacle(&self, key: &SessionKey, check: ResumeCheck) -> Option<Dialog> {
        if check == ResumeCheck::default() {
            return None;
        }
        let agent = key.agent.label();
        let resume = |label, cwd| Choice { label, outcome: Outcome::Resume { key: key.clone(), cwd } };
        let copy = Choice { label: "copy the command".to_owned(), outcome: Outcome::CopyCommand(key.clone()) };
        let (mut text, mut choices) = (Vec::new(), Vec::new());
        let anyway = if check.held.is_some() || check.open_elsewhere.is_some() { " anyway" } else { "" };
        let holder = check.held.map(|pid| format!("another salon, process {pid}")).or(check.open_elsewhere);
        if let Some(holder) = holder {
            text.push(format!("Open elsewhere: {holder}. Two writers can lose messages."));
            choices.push(Choice { label: "follow it".to_owned(), outcome: Outcome::Follow(key.clone()) });
        }
        if check.not_installed {
            text.push(format!("{agent} is not installed: there is no program \"{}\" on PATH.", key.agent.name()));
            choices.push(copy);
        } else if let Some(reason) = check.refused {
            text.push(reason);
            choices.push(copy);
        } else if check.directory_gone {
            let cwd = self.known.catalog.get(key).map(|session| session.cwd.to_string()).unwrap_or_default();
            text.push(format!("Its directory is gone: {cwd}"));
            let in_here = |here: &Arc<str>| resume(format!("resume in {here}{anyway}"), Some(here.to_string()));
            choices.extend(self.home.here.as_ref().map(in_here));
        } else {
            choices.push(resume(format!("resume{anyway}"), None));
        }
        text.extend(check.warning);
        choices.push(Choice { label: "cancel".to_owned(), outcome: Outcome::Cancel });
        Some(Dialog { title: format!("Resume in {agent}"), text, choices, selected: 0 })
    }
}

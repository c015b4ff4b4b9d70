//! Opening a session in its agent's own program: checks for obstacles, asks, and releases the terminal. Afterwards the
//! interface is unchanged.

use std::sync::Arc;

use super::action::Action;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::layer::Layer;
use super::msg::ResumeCheck;
use super::{App, Effect};
use crate::domain::SessionKey;
use crate::domain::run::RunSetting;
use crate::domain::run_request::RunRequest;

impl App {
    pub(super) fn resume_checked(&mut self, key: SessionKey, check: ResumeCheck) -> Vec<Effect> {
        // The response can be late: a dialog or another session may be on the screen by now.
        if self.session() != Some(&key) || matches!(self.layers.last(), Some(Layer::Dialog(_))) {
            return Vec::new();
        }
        match self.resume_dialog(&key, check) {
            Some(dialog) => self.push(Layer::Dialog(dialog)),
            None => vec![Effect::Resume { key, cwd: None }],
        }
    }

    pub(super) fn returned(&mut self, key: &SessionKey, failure: Option<String>) -> Vec<Effect> {
        match failure {
            Some(failure) => self.notices.error(format!("{}: {failure}", key.agent.label())),
            None => self.notices.info(format!("Back from {}", key.agent.label())),
        }
        Vec::new()
    }

    /// Performs the outcome of a dialog.
    pub(super) fn perform(&mut self, outcome: DialogOutcome) -> Vec<Effect> {
        match outcome {
            DialogOutcome::Resume { key, cwd } => vec![Effect::Resume { key, cwd }],
            DialogOutcome::CopyCommand(key) => vec![Effect::CopyResumeCommand(key)],
            DialogOutcome::ContinueHere { key, cwd, fork } => self.continue_here(&key, cwd, fork),
            DialogOutcome::StopRun(run) => vec![Effect::Run(RunRequest::Stop(run))],
            DialogOutcome::StopTask(run, task) => vec![Effect::Run(RunRequest::StopTask(run, task))],
            DialogOutcome::SkipPermissions(run, mode) => {
                vec![Effect::Run(RunRequest::Set(run, RunSetting::Mode(mode)))]
            }
            DialogOutcome::StartNew => self.start_from_form(),
            DialogOutcome::QuitWhenDone => self.quit_when_done(),
            DialogOutcome::QuitNow => self.quit_now(),
            DialogOutcome::CancelQuit => {
                self.quitting = false;
                Vec::new()
            }
            DialogOutcome::Cancel => Vec::new(),
            DialogOutcome::Watch(key) => {
                let reading = self.layers.last().and_then(Layer::reader).is_some_and(|reader| reader.key == key);
                let mut effects = if reading { Vec::new() } else { self.open(key) };
                // A transcript that was just opened is at its end and follows already.
                if self.layers.last().and_then(Layer::reader).is_some_and(|reader| !reader.is_following()) {
                    effects.extend(self.act(Action::Follow));
                }
                effects
            }
        }
    }

    /// Builds the dialog about all obstacles, with the safest choice first. `None` if there are none.
    fn resume_dialog(&self, key: &SessionKey, check: ResumeCheck) -> Option<Dialog> {
        if check == ResumeCheck::default() {
            return None;
        }
        let agent = key.agent.label();
        let resume = |label, cwd| DialogChoice { label, outcome: DialogOutcome::Resume { key: key.clone(), cwd } };
        let copy =
            DialogChoice { label: "Copy the command".to_owned(), outcome: DialogOutcome::CopyCommand(key.clone()) };
        let (mut text, mut choices) = (Vec::new(), Vec::new());
        let anyway = if check.owner_pid.is_some() || check.open_elsewhere.is_some() { " anyway" } else { "" };
        let owner = check.owner_pid.map(|pid| format!("another salon (pid {pid})")).or(check.open_elsewhere);
        if let Some(owner) = owner {
            text.push(format!("Open elsewhere: {owner}. Two writers can lose messages."));
            choices.push(DialogChoice { label: "Watch".to_owned(), outcome: DialogOutcome::Watch(key.clone()) });
        }
        if check.not_installed {
            text.push(format!("{agent} is not installed: \"{}\" was not found on PATH.", key.agent.name()));
            choices.push(copy);
        } else if let Some(reason) = check.refused {
            text.push(reason);
            choices.push(copy);
        } else if check.directory_gone {
            let cwd = self.sessions.catalog.get(key).map(|session| session.cwd.to_string()).unwrap_or_default();
            text.push(format!("Directory not found: {cwd}"));
            let in_here = |here: &Arc<str>| resume(format!("Open in {here}{anyway}"), Some(here.to_string()));
            choices.extend(self.home.here.as_ref().map(in_here));
        } else {
            choices.push(resume(format!("Open{anyway}"), None));
        }
        text.extend(check.warning);
        choices.push(DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel });
        Some(Dialog { title: format!("Open in {agent}"), text, choices, selected: 0 })
    }
}

//! Leaving salon while agents are at work: their turns end with it, so it is asked before.

use super::dialog::{Choice, Dialog, Outcome};
use super::layer::Layer;
use super::runs::{self, RunEffect};
use super::{App, Effect};
use crate::domain::prompt::PromptState;
use crate::domain::run::RunInfo;

impl App {
    /// Quits, after a question where turns are open or prompts are queued.
    pub(super) fn quit(&mut self) -> Vec<Effect> {
        let open = self.runs.iter().filter(|info| runs::is_open(&info.phase)).count();
        let queued: usize = self.runs.iter().map(|info| self.queued(info)).sum();
        if open == 0 && queued == 0 {
            return vec![Effect::Quit];
        }
        let mut text = Vec::new();
        match open {
            0 => {}
            1 => text.push("A turn is open: the agent ends with salon.".to_owned()),
            open => text.push(format!("{open} turns are open: the agents end with salon.")),
        }
        match queued {
            0 => {}
            1 => text.push("A prompt is queued: it is kept, and not sent before you say so.".to_owned()),
            queued => text.push(format!("{queued} prompts are queued: they are kept, and not sent before you say so.")),
        }
        let waits: usize = self.runs.iter().map(|info| info.approvals.len()).sum();
        if waits > 0 {
            text.push("Some of it waits for an answer of yours.".to_owned());
        }
        let choice = |label: &str, outcome| Choice { label: label.to_owned(), outcome };
        let choices = vec![
            choice("quit when all of it is done", Outcome::QuitWhenDone),
            choice("stop it and quit", Outcome::QuitNow),
            choice("stay", Outcome::Stay),
        ];
        self.push(Layer::Dialog(Dialog { title: "Quit".to_owned(), text, choices, selected: 2 }))
    }

    /// Does what was answered.
    pub(super) fn quit_now(&mut self) -> Vec<Effect> {
        let open = self.runs.iter().filter(|info| runs::is_open(&info.phase));
        let stops = open.map(|info| Effect::Run(RunEffect::Stop(info.id.clone())));
        stops.chain([Effect::Quit]).collect()
    }

    /// Waits until nothing is left to do.
    pub(super) fn quit_when_done(&mut self) -> Vec<Effect> {
        self.quitting = true;
        self.quit_if_done()
    }

    /// Quits where that was asked for and all is done.
    pub(super) fn quit_if_done(&mut self) -> Vec<Effect> {
        let busy = |info: &&std::sync::Arc<RunInfo>| runs::is_open(&info.phase) || self.queued(info) > 0;
        let done = self.quitting && !self.runs.iter().any(|info| busy(&info));
        if done { vec![Effect::Quit] } else { Vec::new() }
    }

    /// Prompts of a run that would be sent if salon stayed.
    fn queued(&self, info: &RunInfo) -> usize {
        let waits = |state| matches!(state, PromptState::Pending | PromptState::Sending);
        if info.paused {
            return 0;
        }
        // What stands behind a prompt that is kept back waits with it.
        self.runs.queue(&info.id).iter().take_while(|prompt| waits(prompt.state)).count()
    }
}

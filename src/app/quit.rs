//! Quitting salon while agents work: their turns would be stopped, so the user is asked before.

use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::layer::Layer;
use super::runs;
use super::{App, Effect};
use crate::domain::prompt::PromptState;
use crate::domain::run::{BackgroundTask, RunInfo};
use crate::domain::run_request::RunRequest;
use crate::stdx::text::{first_chars, one_line};

impl App {
    /// Quits, or asks first if turns are open or prompts are queued.
    pub(super) fn quit(&mut self) -> Vec<Effect> {
        let open = self.runs.iter().filter(|info| runs::is_open(&info.phase)).count();
        let queued: usize = self.runs.iter().map(|info| self.queued(info)).sum();
        let tasks: Vec<BackgroundTask> = self.runs.iter().flat_map(|info| info.tasks.iter().cloned()).collect();
        if open == 0 && queued == 0 && tasks.is_empty() {
            return vec![Effect::Quit];
        }
        let mut text = Vec::new();
        match open {
            0 => {}
            1 => text.push("An agent is still working; quitting stops it.".to_owned()),
            open => text.push(format!("{open} agents are still working; quitting stops them.")),
        }
        match queued {
            0 => {}
            1 => text.push("A queued prompt is kept until you release it.".to_owned()),
            queued => text.push(format!("{queued} queued prompts are kept until you release them.")),
        }
        text.extend(tasks_text(&tasks, "Quitting stops them"));
        let approvals: usize = self.runs.iter().map(|info| info.approvals.len()).sum();
        if approvals > 0 {
            text.push("An agent is waiting for your answer.".to_owned());
        }
        let choice = |label: &str, outcome| DialogChoice { label: label.to_owned(), outcome };
        let choices = vec![
            choice("Quit when finished", DialogOutcome::QuitWhenDone),
            choice("Stop and quit", DialogOutcome::QuitNow),
            choice("Cancel", DialogOutcome::CancelQuit),
        ];
        self.push(Layer::Dialog(Dialog { title: "Quit".to_owned(), text, choices, selected: 2 }))
    }

    /// Stops all open turns and quits.
    pub(super) fn quit_now(&mut self) -> Vec<Effect> {
        let open = self.runs.iter().filter(|info| runs::is_open(&info.phase));
        let stops = open.map(|info| Effect::Run(RunRequest::Stop(info.id.clone())));
        stops.chain([Effect::Quit]).collect()
    }

    /// Quits as soon as all turns and queues are finished.
    pub(super) fn quit_when_done(&mut self) -> Vec<Effect> {
        self.quitting = true;
        self.quit_if_done()
    }

    /// Quits if a deferred quit is pending and everything is finished.
    pub(super) fn quit_if_done(&mut self) -> Vec<Effect> {
        let busy = |info: &&std::sync::Arc<RunInfo>| {
            runs::is_open(&info.phase) || self.queued(info) > 0 || !info.tasks.is_empty()
        };
        let done = self.quitting && !self.runs.iter().any(|info| busy(&info));
        if done { vec![Effect::Quit] } else { Vec::new() }
    }

    /// Counts the prompts of a run that would be sent if salon kept running. A prompt that the agent has already, and
    /// only its record is awaited, is not one of them.
    fn queued(&self, info: &RunInfo) -> usize {
        if info.paused {
            return 0;
        }
        let queue = self.runs.queue(&info.id).iter();
        // Prompts behind a blocked prompt wait for it.
        let moving = queue.take_while(|prompt| matches!(prompt.state, PromptState::Pending | PromptState::Sending));
        moving.filter(|prompt| prompt.state == PromptState::Pending).count()
    }
}

/// Names the background tasks that end with a run, and the consequence; nothing without tasks.
pub(super) fn tasks_text(tasks: &[BackgroundTask], consequence: &str) -> Option<String> {
    /// Maximum tasks named in a sentence.
    const NAMED: usize = 3;
    let names: Vec<String> = tasks.iter().take(NAMED).map(short_description).collect();
    let more = if tasks.len() > NAMED { format!(" and {} more", tasks.len() - NAMED) } else { String::new() };
    (!tasks.is_empty()).then(|| format!("Running in the background: {}{more}. {consequence}.", names.join(", ")))
}

/// Description of a task on one line, cut to fit a dialog.
pub(super) fn short_description(task: &BackgroundTask) -> String {
    let line = one_line(&task.description);
    let cut = first_chars(&line, 40);
    if cut.len() < line.len() { format!("{cut}…") } else { line }
}

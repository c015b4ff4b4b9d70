//! Quitting salon while agents work: their turns would be stopped, so the user is asked before.

use std::sync::Arc;

use super::ctx::Ctx;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::effect::Effect;
use super::flow::Flow;
use super::layer::Layer;
use super::pending_quit::PendingQuit;
use super::runs::{self, RunTable};
use crate::domain::prompt::PromptState;
use crate::domain::run::{BackgroundTask, RunInfo};
use crate::domain::run_request::RunRequest;
use crate::stdx::text::{first_chars, one_line};

/// Quits, or asks first if quitting stops open turns or holds queued prompts.
pub(super) fn quit(ctx: &mut Ctx) -> Flow {
    let runs = &*ctx.runs;
    let open = runs.ending().filter(|info| runs::is_open(&info.phase)).count();
    let queued: usize = runs.ending().map(|info| queued(info, runs)).sum();
    let tasks: Vec<BackgroundTask> = runs.ending().flat_map(|info| info.tasks.iter().cloned()).collect();
    if runs.outlive() || (open == 0 && queued == 0 && tasks.is_empty()) {
        ctx.effects.push(Effect::Quit);
        return Flow::Stay;
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
    if open > 0 {
        text.push("Detach waits for the end of the open turn, because its process belongs to this window.".to_owned());
    }
    text.extend(tasks_text(&tasks, "Quitting stops them"));
    let approvals: usize = runs.ending().map(|info| info.approvals.len()).sum();
    if approvals > 0 {
        text.push("An agent is waiting for your answer.".to_owned());
    }
    let choice = |label: &str, outcome| DialogChoice { label: label.to_owned(), outcome };
    let choices = vec![
        choice("Quit when finished", DialogOutcome::QuitWhenDone),
        choice("Stop and quit", DialogOutcome::QuitNow),
        choice("Detach: continue in background", DialogOutcome::Detach),
        choice("Cancel", DialogOutcome::CancelQuit),
    ];
    Flow::Push(Layer::Dialog(Dialog { title: "Quit".to_owned(), text, choices, selected: 3 }))
}

/// Leaves runs and queues to the background process, once no turn is open.
pub(super) fn detach(ctx: &mut Ctx) {
    *ctx.quitting = Some(PendingQuit::Detach);
    ctx.effects.push(Effect::Drain(true));
    if ctx.runs.ending().any(|info| runs::is_open(&info.phase)) {
        ctx.notices.info("Detaches when the open turn has ended");
    }
    quit_if_done(ctx);
}

/// Cancels quitting, also a deferred quit.
pub(super) fn cancel(ctx: &mut Ctx) {
    if ctx.quitting.take() == Some(PendingQuit::Detach) {
        ctx.effects.push(Effect::Drain(false));
    }
}

/// Stops all open turns and quits.
pub(super) fn quit_now(ctx: &mut Ctx) {
    let open = ctx.runs.ending().filter(|info| runs::is_open(&info.phase));
    let stops = open.map(|info| Effect::Run(RunRequest::Stop(info.id.clone())));
    ctx.effects.extend(stops.chain([Effect::Quit]));
}

/// Quits if a deferred quit is pending and all turns and queues are finished.
pub(super) fn quit_if_done(ctx: &mut Ctx) {
    let runs = &*ctx.runs;
    let open = runs.ending().any(|info| runs::is_open(&info.phase));
    let busy = |info: &Arc<RunInfo>| queued(info, runs) > 0 || !info.tasks.is_empty();
    match *ctx.quitting {
        Some(PendingQuit::WhenDone) if !open && !runs.ending().any(busy) => ctx.effects.push(Effect::Quit),
        Some(PendingQuit::Detach) if !open => ctx.effects.push(Effect::Detach),
        Some(PendingQuit::WhenDone | PendingQuit::Detach) | None => {}
    }
}

/// Counts the prompts of a run that would be sent if salon kept running. A prompt that the agent has already, and only
/// its record is awaited, is not one of them.
fn queued(info: &RunInfo, runs: &RunTable) -> usize {
    if info.paused {
        return 0;
    }
    let queue = runs.queue(&info.id).iter();
    // Prompts behind a blocked prompt wait for it.
    let moving = queue.take_while(|prompt| {
        // A continuation goes on in the next salon as well.
        matches!(prompt.state, PromptState::Pending | PromptState::Sending) && prompt.not_before.is_none()
    });
    moving.filter(|prompt| prompt.state == PromptState::Pending).count()
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

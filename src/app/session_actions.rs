//! Actions on the session that is read or selected, and on its run.

use super::action::Action;
use super::ctx::Ctx;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::effect::Effect;
use super::flow::Flow;
use super::layer::Layer;
use super::picker::Picker;
use super::ticket::RequestTicket;
use super::{quit, runs, worktree_move};
use crate::domain::run::{Phase, RunInfo};
use crate::domain::run_request::RunRequest;
use crate::domain::{Agent, SessionKey, SessionState};

/// Maximum background tasks with a choice each, because a dialog must fit a small screen.
const MAX_TASK_CHOICES: usize = 6;

/// Continues the session here: in its run, else after checking for obstacles.
pub(super) fn resume_here(session: Option<SessionKey>, ctx: &mut Ctx) -> Flow {
    let Some(key) = runnable(session, ctx) else { return Flow::Stay };
    if let Some(info) = ctx.runs.of_session(&key) {
        return Flow::OpenChat(info.id.clone());
    }
    ctx.effects.push(Effect::CheckContinue(key));
    Flow::Stay
}

/// Opens the session in the agent's own program after checking for obstacles. A run of this salon must be stopped first.
pub(super) fn open_in_agent(session: Option<SessionKey>, ctx: &mut Ctx) -> Flow {
    let Some(key) = selected(session, ctx) else { return Flow::Stay };
    let Some(info) = ctx.runs.of_session(&key).filter(|info| !matches!(info.phase, Phase::Stopped(_))) else {
        ctx.effects.push(Effect::CheckResume(key));
        return Flow::Stay;
    };
    let label = info.agent.label();
    let mut text = vec![format!("The session runs in salon. {label} is stopped here before its own program opens it.")];
    let open = runs::is_open(&info.phase);
    text.extend(open.then(|| format!("{label} is working: the rest of the turn is lost.")));
    text.extend(quit::tasks_text(&info.tasks, "They end with the run"));
    let harmless = text.len() == 1;
    let choice = |label: String, outcome| DialogChoice { label, outcome };
    let choices = vec![
        choice(format!("Stop here, open in {label}"), DialogOutcome::HandOver(info.id.clone(), key)),
        choice("Cancel".to_owned(), DialogOutcome::Cancel),
    ];
    let selected = usize::from(!harmless);
    Flow::Push(Layer::Dialog(Dialog { title: format!("Open in {label}"), text, choices, selected }))
}

/// Forks the session. At a prompt of an opened transcript, asks whether to fork there.
pub(super) fn fork(session: Option<SessionKey>, prompt: Option<(RequestTicket, usize)>, ctx: &mut Ctx) -> Flow {
    let Some(key) = runnable(session, ctx) else { return Flow::Stay };
    let Some((ticket, prompt)) = prompt else { return Flow::Continue { key, cwd: None, fork: true } };
    let choice = |label: &str, outcome| DialogChoice { label: label.to_owned(), outcome };
    let choices = vec![
        choice("Fork the whole session", DialogOutcome::ContinueHere { key, cwd: None, fork: true }),
        choice("Fork before this prompt, and edit it", DialogOutcome::Open(Effect::FindForkPoint(ticket, prompt))),
        choice("Cancel", DialogOutcome::Cancel),
    ];
    let text = vec!["A fork is a new session that begins with a copy of this one.".to_owned()];
    Flow::Push(Layer::Dialog(Dialog { title: "Fork".to_owned(), text, choices, selected: 0 }))
}

/// Asks how the session continues in a new worktree.
pub(super) fn continue_in_worktree(session: Option<SessionKey>, ctx: &mut Ctx) -> Flow {
    runnable(session, ctx).map_or(Flow::Stay, |key| worktree_move::ask(&key, ctx))
}

/// Opens the run's chat, or watches the transcript that another program writes.
pub(super) fn attach(session: Option<SessionKey>, ctx: &mut Ctx) -> Flow {
    let Some(key) = selected(session, ctx) else { return Flow::Stay };
    let live = ctx.runs.of_session(&key).filter(|info| !matches!(info.phase, Phase::Stopped(_)));
    let run = live.map(|info| info.id.clone());
    run.map_or(Flow::Watch(key), Flow::GoToRun)
}

/// Goes to the next session that needs the user, wherever it is listed.
pub(super) fn next_needs_you(here: Option<&SessionKey>, ctx: &mut Ctx) -> Flow {
    let sessions = &ctx.sessions;
    let all = sessions.catalog.iter().chain(&sessions.unsaved);
    let mut waiting: Vec<_> = all.filter(|session| sessions.state(session) == SessionState::NeedsYou).collect();
    waiting.sort_by(|a, b| a.last_activity.cmp(&b.last_activity).then_with(|| a.key.cmp(&b.key)));
    let now = waiting.iter().position(|session| here == Some(&session.key));
    let next = now.map_or(0, |at| (at + 1) % waiting.len());
    let Some(key) = waiting.get(next).map(|session| session.key.clone()) else {
        ctx.notices.info("No session needs you");
        return Flow::Stay;
    };
    let run = ctx.runs.of_session(&key).map(|info| info.id.clone());
    run.map_or(Flow::GoToSession(key), Flow::GoToRun)
}

/// Stops the session's run, or asks first if a turn is open.
pub(super) fn stop_run(session: Option<SessionKey>, ctx: &mut Ctx) -> Flow {
    let run = session.and_then(|key| ctx.runs.of_session(&key));
    let Some(info) = run.filter(|info| !matches!(info.phase, Phase::Stopped(_))) else {
        ctx.notices.info("Not running in salon");
        return Flow::Stay;
    };
    if !runs::is_open(&info.phase) && info.tasks.is_empty() {
        ctx.effects.push(Effect::Run(RunRequest::Stop(info.id.clone())));
        return Flow::Stay;
    }
    ask_to_stop(info)
}

/// Asks whether to stop a run.
pub(super) fn ask_to_stop(info: &RunInfo) -> Flow {
    let label = info.agent.label();
    let state = if runs::is_open(&info.phase) {
        format!("{label} is working. Its work so far is kept; the rest of the turn is lost.")
    } else {
        format!("No turn is open. Stopping ends {label}; your next prompt restarts it.")
    };
    let mut text = vec![state];
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
    Flow::Push(Layer::Dialog(Dialog { title: "Stop the run".to_owned(), text, choices, selected: 0 }))
}

/// Turns the notifications of the session's run on or off.
pub(super) fn mute(session: Option<SessionKey>, ctx: &mut Ctx) {
    let run = session.and_then(|key| ctx.runs.of_session(&key));
    let Some(run) = run.map(|info| info.id.clone()) else {
        ctx.notices.info("Not running in salon");
        return;
    };
    if ctx.muted.remove(&run) {
        ctx.notices.info("Notifications on for this session");
    } else {
        ctx.muted.insert(run);
        ctx.notices.info("Notifications off for this session");
    }
}

/// Opens the picker for the session's run.
pub(super) fn open_picker(session: Option<SessionKey>, ctx: &mut Ctx) -> Flow {
    let Some(info) = session.and_then(|key| ctx.runs.of_session(&key)) else {
        ctx.notices.info("No run yet: it starts with the first prompt");
        return Flow::Stay;
    };
    ctx.effects.push(Effect::LoadModels { source: runs::ModelSource::of_run(info), refresh: false });
    Flow::Push(Layer::Picker(Picker::new(info.id.clone())))
}

/// Returns the session, or notifies the user that there is none.
fn selected(session: Option<SessionKey>, ctx: &mut Ctx) -> Option<SessionKey> {
    if session.is_none() {
        ctx.notices.info("No session selected");
    }
    session
}

/// Returns the session if salon can run its agent; otherwise shows a hint.
fn runnable(session: Option<SessionKey>, ctx: &mut Ctx) -> Option<SessionKey> {
    let key = selected(session, ctx)?;
    let is_known = |agent: Agent| ctx.runs.agents().iter().any(|(known, _)| *known == agent);
    if is_known(key.agent) {
        return Some(key);
    }
    let own = ctx.keymap.hint(Action::Resume);
    let own = own.map(|key| format!(": press {key} to open it in the agent")).unwrap_or_default();
    ctx.notices.info(format!("Salon cannot run {}{own}", key.agent.label()));
    None
}

//! Rewind of a session to before a prompt: the dialog that says what it takes back, and what it does.

use super::ctx::Ctx;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::effect::Effect;
use super::flow::Flow;
use super::runs;
use super::sessions::Undo;
use super::undo;
use crate::domain::SessionKey;
use crate::domain::rewind::{RewindChoice, RewindPlan, RewindTarget, RewoundFiles};

/// Requests the plan of a rewind to before the prompt of an entry. While a turn is open, its files still change.
pub(super) fn request(key: SessionKey, entry: usize, ctx: &mut Ctx) {
    if ctx.runs.of_session(&key).is_some_and(|info| runs::is_open(&info.phase)) {
        return ctx.notices.info("A turn is open: interrupt it before a rewind");
    }
    ctx.effects.push(Effect::PlanRewind { key, entry });
}

/// Creates the dialog of a plan.
pub(super) fn dialog(key: &SessionKey, plan: &RewindPlan) -> Dialog {
    let text = plan.text();
    let choose = |files: bool, conversation: bool| {
        let conversation = plan.conversation.clone().ok().filter(|_| conversation);
        let (key, turn, prompt) = (key.clone(), plan.turn, plan.prompt.clone());
        DialogOutcome::Rewind(Box::new(RewindChoice { key, turn, files, conversation, prompt }))
    };
    let (files, conversation) = (plan.changes_files(), plan.conversation.is_ok());
    let all = [
        ("Take back files and conversation", true, true),
        ("Take back the files", true, false),
        ("Take back the conversation", false, true),
    ];
    let is_possible = |(_, of_files, of_conversation): &(&str, bool, bool)| {
        (files || !of_files) && (conversation || !of_conversation)
    };
    let choice = |(label, files, conversation): (&str, bool, bool)| DialogChoice {
        label: label.to_owned(),
        outcome: choose(files, conversation),
    };
    let mut choices: Vec<_> = all.into_iter().filter(is_possible).map(choice).collect();
    choices.push(DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel });
    // Nothing is taken back by a key too many.
    let selected = choices.len() - 1;
    Dialog { title: "Rewind".to_owned(), text, choices, selected }
}

/// Carries out a choice.
pub(super) fn perform(choice: RewindChoice, ctx: &mut Ctx) -> Flow {
    let RewindChoice { key, turn, files, conversation, prompt } = choice;
    if files {
        let target = RewindTarget::BeforeTurn(turn);
        ctx.effects.push(Effect::RewindFiles { key: key.clone(), target });
    }
    match conversation {
        Some(start) => Flow::pop_then(Flow::ContinueBefore { key, start, prompt }),
        None => Flow::Pop,
    }
}

/// Reports the result of a rewind of files, and remembers how it is undone.
pub(super) fn rewound(
    key: SessionKey,
    target: RewindTarget,
    result: Result<RewoundFiles, String>,
    ctx: &mut Ctx,
) -> Result<String, String> {
    let RewoundFiles { count, undo, left, problem } = result?;
    let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let is_rewind = matches!(target, RewindTarget::BeforeTurn(_));
    let done = match &undo {
        None if left.is_empty() => "No file differs".to_owned(),
        None => "No file was changed".to_owned(),
        Some(_) if is_rewind => format!("{files} rewound{}", undo::hint(ctx)),
        Some(_) => format!("Rewind undone: {files}"),
    };
    ctx.sessions.undo.extend(undo.filter(|_| is_rewind).map(|snapshot| Undo::Rewind { key, snapshot }));
    if let Some(problem) = problem {
        return Err(format!("{problem} · {done}"));
    }
    let names = left.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    Ok(match left.len() {
        0 => done,
        1..=3 => format!("{done} · left as is (ignored, large or just changed): {names}"),
        more => format!("{done} · {more} files left as they are (ignored, large or just changed): {names} …"),
    })
}

//! Rewind of a session to before a prompt: the dialog that says what it takes back, and what it does.

use super::ctx::Ctx;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::effect::Effect;
use super::flow::Flow;
use super::reader::Reader;
use super::runs;
use super::sessions::Undo;
use super::undo;
use crate::domain::SessionKey;
use crate::domain::rewind::{ConversationRevert, RewindChoice, RewindPlan, RewindTarget, RewoundFiles};

/// Requests the plan of a rewind to before the prompt of the current entry. While a turn is open, its files still change.
pub(super) fn request(reader: &Reader, ctx: &mut Ctx) {
    let key = reader.key.clone();
    if ctx.runs.of_session(&key).is_some_and(|info| runs::is_open(&info.phase)) {
        return ctx.notices.info("A turn is open: interrupt it before a rewind");
    }
    ctx.effects.push(Effect::PlanRewind { key, entry: reader.cursor(), branch: reader.shown_branch() });
}

/// Creates the dialog of a plan.
pub(super) fn dialog(key: &SessionKey, plan: &RewindPlan) -> Dialog {
    let text = plan.text();
    let choose = |files: bool, conversation: bool| {
        let conversation = plan.conversation.clone().ok().filter(|_| conversation);
        let (key, turn, prompt) = (key.clone(), plan.turn, plan.prompt.clone());
        RewindChoice { key, turn, files, conversation, in_place: None, prompt }
    };
    let (files, conversation) = (plan.changes_files(), plan.conversation.is_ok());
    let (both, own) = match &plan.in_place {
        // Both are taken back in the session itself.
        Some(_) => (None, "Take back the conversation in a fork, and keep the files"),
        None => (Some(("Take back files and conversation", true, true)), "Take back the conversation"),
    };
    let all = both.into_iter().chain([("Take back the files", true, false), (own, false, true)]);
    let is_possible = |(_, of_files, of_conversation): &(&str, bool, bool)| {
        (files || !of_files) && (conversation || !of_conversation)
    };
    let choice = |(label, files, conversation): (&str, bool, bool)| DialogChoice {
        label: label.to_owned(),
        outcome: DialogOutcome::Rewind(Box::new(choose(files, conversation))),
    };
    let in_place = plan.in_place.as_ref().map(|record| DialogChoice {
        label: "Take back files and conversation".to_owned(),
        outcome: DialogOutcome::Rewind(Box::new(RewindChoice {
            in_place: Some(record.clone()),
            ..choose(files, false)
        })),
    });
    let mut choices: Vec<_> = in_place.into_iter().chain(all.filter(is_possible).map(choice)).collect();
    choices.push(DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel });
    // Nothing is taken back by a key too many.
    let selected = choices.len() - 1;
    Dialog { title: "Rewind".to_owned(), text, choices, selected }
}

/// Carries out a choice.
pub(super) fn perform(choice: RewindChoice, ctx: &mut Ctx) -> Flow {
    let RewindChoice { key, turn, files, conversation, in_place, prompt } = choice;
    if let Some(record) = in_place {
        let revert = ConversationRevert::From { record, files: files.then_some(turn) };
        ctx.notices.info("Taking back the conversation …");
        ctx.effects.push(Effect::RevertConversation { key, revert, prompt });
        return Flow::Pop;
    }
    if files {
        let target = RewindTarget::BeforeTurn(turn);
        ctx.effects.push(Effect::RewindFiles { key: key.clone(), target });
    }
    match conversation {
        Some(start) => Flow::pop_then(Flow::ContinueBefore { key, start, prompt }),
        None => Flow::Pop,
    }
}

/// Reports the result of a change of a conversation within its session. Returns true if the prompt can be edited now.
pub(super) fn reverted(
    key: &SessionKey,
    revert: ConversationRevert,
    result: Result<RewoundFiles, String>,
    ctx: &mut Ctx,
) -> bool {
    match (revert, result) {
        (_, Err(reason)) => ctx.notices.error(reason),
        (ConversationRevert::Undo { .. }, Ok(RewoundFiles { problem: Some(problem), .. })) => {
            ctx.notices.error(format!("{problem} · the conversation is as it was before"));
        }
        (ConversationRevert::Undo { .. }, Ok(RewoundFiles { left, .. })) => {
            ctx.notices.info(format!("The conversation is as it was before{}", left_hint(&left)));
        }
        (ConversationRevert::From { .. }, Ok(RewoundFiles { undo, left, .. })) => {
            ctx.sessions.undo.push(Undo::Conversation { key: key.clone(), snapshot: undo });
            let hint = undo::hint(ctx);
            let hint = if hint.is_empty() { hint } else { format!("{hint} it until the next prompt") };
            ctx.notices.info(format!("The conversation is taken back{hint}{}", left_hint(&left)));
            return true;
        }
    }
    false
}

/// Reports the result of a rewind of files, and remembers how it is undone.
pub(super) fn rewound(
    key: SessionKey,
    target: &RewindTarget,
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
    Ok(done + &left_hint(&left))
}

/// Names files that were left as they are, for notices; empty without any.
fn left_hint(left: &[String]) -> String {
    let names = left.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    match left.len() {
        0 => String::new(),
        1..=3 => format!(" · left as is (ignored, large or just changed): {names}"),
        more => format!(" · {more} files left as they are (ignored, large or just changed): {names} …"),
    }
}

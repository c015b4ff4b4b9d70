//! Dialogs about the obstacles to resuming a session: in its agent's own program, or in salon's chat.

use std::sync::Arc;

use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::runs::ResumeCheck;
use super::sessions::Sessions;
use crate::domain::SessionKey;

/// Builds the dialog about the obstacles to opening a session in its agent, with the safest choice first. `None` if there are none.
pub(super) fn resume_dialog(
    key: &SessionKey,
    check: ResumeCheck,
    here: Option<&Arc<str>>,
    sessions: &Sessions,
) -> Option<Dialog> {
    if check == ResumeCheck::default() {
        return None;
    }
    let agent = key.agent.label();
    let resume = |label, cwd| DialogChoice { label, outcome: DialogOutcome::Resume { key: key.clone(), cwd } };
    let copy = DialogChoice { label: "Copy the command".to_owned(), outcome: DialogOutcome::CopyCommand(key.clone()) };
    let (mut text, mut choices) = (Vec::new(), Vec::new());
    let anyway = if check.owner_pid.is_some() || check.open_elsewhere.is_some() { " anyway" } else { "" };
    let owner = check.owner_pid.map(|pid| format!("another salon (pid {pid})")).or(check.open_elsewhere);
    if let Some(owner) = owner {
        text.push(format!("Open elsewhere: {owner}. Two writers can lose messages."));
        choices.push(DialogChoice { label: "Watch".to_owned(), outcome: DialogOutcome::Watch(key.clone()) });
    }
    if check.not_installed {
        text.push(format!("{agent} is not installed: \"{}\" was not found on PATH.", key.agent.program()));
        choices.push(copy);
    } else if let Some(reason) = check.refused {
        text.push(reason);
        choices.push(copy);
    } else if check.directory_gone {
        let cwd = sessions.catalog.get(key).map(|session| session.cwd.to_string()).unwrap_or_default();
        text.push(format!("Directory not found: {cwd}"));
        let moved = |to: &String| DialogChoice {
            label: format!("Moved to {to}: open there{anyway}"),
            outcome: relocated(&cwd, to, DialogOutcome::Resume { key: key.clone(), cwd: Some(to.clone()) }),
        };
        choices.extend(check.moved_to.iter().map(moved));
        let in_here = |here: &Arc<str>| resume(format!("Open in {here}{anyway}"), Some(here.to_string()));
        choices.extend(here.filter(|here| !check.moved_to.iter().any(|to| **to == ***here)).map(in_here));
    } else {
        choices.push(resume(format!("Open{anyway}"), None));
    }
    text.extend(check.warning);
    choices.push(DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel });
    Some(Dialog { title: format!("Open in {agent}"), text, choices, selected: 0 })
}

/// Remembers that a project moved, then performs the outcome.
fn relocated(from: &str, to: &str, then: DialogOutcome) -> DialogOutcome {
    DialogOutcome::Relocate { from: from.to_owned(), to: to.to_owned(), then: Box::new(then) }
}

/// Builds the dialog about the obstacles to continuing a session in salon, with the safest choice first.
pub(super) fn continue_dialog(
    key: &SessionKey,
    check: ResumeCheck,
    here: Option<&Arc<str>>,
    sessions: &Sessions,
) -> Dialog {
    let agent = key.agent.label();
    let continuing = |label: &str, cwd: Option<String>, fork| DialogChoice {
        label: label.to_owned(),
        outcome: DialogOutcome::ContinueHere { key: key.clone(), cwd, fork },
    };
    let (mut text, mut choices) = (Vec::new(), Vec::new());
    if let Some(owner) = &check.open_elsewhere {
        text.push(format!(
            "Open elsewhere: {owner}. Two writers can lose messages: end it there to continue here, or fork."
        ));
        choices.push(DialogChoice { label: "Watch".to_owned(), outcome: DialogOutcome::Watch(key.clone()) });
    }
    if check.not_installed {
        text.push(format!("{agent} is not installed: \"{}\" was not found on PATH.", key.agent.program()));
    } else if let Some(reason) = check.refused {
        text.push(reason);
    } else if check.directory_gone {
        let cwd = sessions.catalog.get(key).map(|session| session.cwd.to_string()).unwrap_or_default();
        text.push(format!("Directory not found: {cwd}"));
        let in_here = here.map(ToString::to_string);
        // The session is not taken from a program that still has it open.
        let in_here = in_here.filter(|dir| check.open_elsewhere.is_none() && !check.moved_to.contains(dir));
        let there = |to: &String| DialogOutcome::ContinueHere { key: key.clone(), cwd: Some(to.clone()), fork: false };
        let moved = |to: &String| DialogChoice {
            label: format!("Moved to {to}: continue there"),
            outcome: relocated(&cwd, to, there(to)),
        };
        choices.extend(check.moved_to.iter().filter(|_| check.open_elsewhere.is_none()).map(moved));
        choices.extend(in_here.map(|dir| continuing(&format!("Continue in {dir}"), Some(dir.clone()), false)));
    } else {
        let fork = check.open_elsewhere.is_some();
        choices.push(continuing(if fork { "Fork" } else { "Continue" }, None, fork));
    }
    text.extend(check.warning);
    choices.push(DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel });
    Dialog { title: format!("Continue with {agent} here"), text, choices, selected: 0 }
}

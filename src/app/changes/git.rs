//! Dialog with the commands of git for a work tree. Each choice is the very command that runs.

use crate::app::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::domain::git_menu::{CommandPlan, GitMenu};

/// Creates the dialog.
pub fn git_dialog(menu: GitMenu) -> Dialog {
    let GitMenu { state, notes, plans } = menu;
    let choice =
        |plan: CommandPlan| DialogChoice { label: plan.line(), outcome: DialogOutcome::RunCommands(Box::new(plan)) };
    let cancel = DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel };
    let mut text = vec![state];
    if plans.is_empty() && notes.is_empty() {
        text.push("Nothing to stage, commit, push or merge.".to_owned());
    }
    text.extend(notes);
    // A key too many runs nothing.
    let selected = plans.len();
    let choices = plans.into_iter().map(choice).chain([cancel]).collect();
    Dialog { title: "Git".to_owned(), text, choices, selected }
}

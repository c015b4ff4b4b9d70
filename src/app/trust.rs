//! The question about a folder whose settings make the agent run programs, and that the user never trusted.

use std::path::Path;

use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::domain::Agent;
use crate::domain::run::{FolderTrust, UntrustedFolder};
use crate::stdx::exact;

/// Maximum programs in the question, because the choices must fit below.
const MAX_PROGRAMS: usize = 8;

/// Maximum characters of a program in the question.
const MAX_CHARS: usize = 120;

/// Asks about a folder. What would run is shown with visible marks in place of control characters.
pub(super) fn question(agent: Agent, untrusted: &UntrustedFolder) -> Dialog {
    let UntrustedFolder { folder, settings, programs, can_restrict } = untrusted;
    let label = agent.label();
    let path = |path: &Path| exact::visible_line(&path.strip_prefix(folder).unwrap_or(path).to_string_lossy());
    let files: Vec<String> = settings.iter().map(|settings| path(settings)).collect();
    let folder = exact::visible_line(&folder.to_string_lossy());
    let mut text = vec![format!("You have not trusted {folder} in {label}. It has settings: {}.", files.join(", "))];
    if programs.is_empty() {
        text.push("They name no programs, but may change permissions and variables.".to_owned());
    } else {
        text.push(format!("{label} would run:"));
        text.extend(programs.iter().take(MAX_PROGRAMS).map(|program| {
            let program = exact::visible_line(program);
            let shown: String = program.chars().take(MAX_CHARS).collect();
            let mark = if shown.len() < program.len() { "…" } else { "" };
            format!("  {shown}{mark}")
        }));
    }
    if programs.len() > MAX_PROGRAMS {
        text.push(format!("  and {} more", programs.len() - MAX_PROGRAMS));
    }
    let choice = |label: &str, outcome| DialogChoice { label: label.to_owned(), outcome };
    let restricted = DialogOutcome::StartWithTrust(FolderTrust::WithoutSettings);
    let mut choices = vec![
        choice("Start without these settings", restricted),
        choice("Trust this folder, and start", DialogOutcome::StartWithTrust(FolderTrust::Trusted)),
        choice("Cancel", DialogOutcome::Cancel),
    ];
    if !can_restrict {
        text.push(format!("{label} cannot be started without them."));
        choices.remove(0);
    }
    Dialog { title: "Trust this folder?".to_owned(), text, choices, selected: 0 }
}

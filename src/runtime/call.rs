//! Calls for the user who may look elsewhere: the bell, and a notification of the terminal's desktop.

use super::clipboard::pass_through_tmux;
use crate::stdx::text::{one_line, sanitise};

/// Longest text of a notification, in characters.
const LONGEST: usize = 200;

/// How this terminal takes notifications. Most know both ways, and would show two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// OSC 9: one text.
    Nine,
    /// OSC 777: a title and a text.
    Title,
}

/// What to write so that the terminal calls the user.
pub fn call(title: &str, body: &str, bell: bool, var: impl Fn(&str) -> Option<String>) -> String {
    let bell = if bell { "\x07" } else { "" };
    let told = match way(&var) {
        Way::Nine => format!("\x1b]9;{}\x1b\\", plain(&format!("{title}: {body}"))),
        // A semicolon would end the title.
        Way::Title => format!("\x1b]777;notify;{};{}\x1b\\", plain(title).replace(';', ","), plain(body)),
    };
    let told = if var("TMUX").is_some() { pass_through_tmux(&told) } else { told };
    format!("{told}{bell}")
}

fn way(var: impl Fn(&str) -> Option<String>) -> Way {
    let term = var("TERM").unwrap_or_default();
    if ["rxvt", "foot", "xterm-ghostty"].iter().any(|name| term.starts_with(name)) { Way::Title } else { Way::Nine }
}

/// Text that can end no sequence and begin none.
fn plain(text: &str) -> String {
    one_line(&sanitise(text)).chars().take(LONGEST).collect()
}

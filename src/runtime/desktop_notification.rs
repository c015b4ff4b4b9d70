//! Notifications for a user who looks elsewhere: the bell, and a desktop notification of the terminal.

use super::clipboard::pass_through_tmux;
use crate::stdx::text::{one_line, sanitise};

/// Maximum characters per notification text.
const MAX_TEXT_CHARS: usize = 200;

/// Notification protocol of the terminal. Only one is sent, because most terminals support both and would show two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotificationProtocol {
    /// OSC 9: text only.
    Osc9,
    /// OSC 777: title and text.
    Osc777,
}

/// Returns the escape sequence of a notification.
pub fn sequence(title: &str, body: &str, bell: bool, var: impl Fn(&str) -> Option<String>) -> String {
    let bell = if bell { "\x07" } else { "" };
    let sequence = match protocol(&var) {
        NotificationProtocol::Osc9 => format!("\x1b]9;{}\x1b\\", plain(&format!("{title}: {body}"))),
        // A semicolon would end the title.
        NotificationProtocol::Osc777 => {
            format!("\x1b]777;notify;{};{}\x1b\\", plain(title).replace(';', ","), plain(body))
        }
    };
    let sequence = if var("TMUX").is_some() { pass_through_tmux(&sequence) } else { sequence };
    format!("{sequence}{bell}")
}

fn protocol(var: impl Fn(&str) -> Option<String>) -> NotificationProtocol {
    let term = var("TERM").unwrap_or_default();
    if ["rxvt", "foot", "xterm-ghostty"].iter().any(|name| term.starts_with(name)) {
        NotificationProtocol::Osc777
    } else {
        NotificationProtocol::Osc9
    }
}

/// Returns text that cannot start or end an escape sequence.
fn plain(text: &str) -> String {
    one_line(&sanitise(text)).chars().take(MAX_TEXT_CHARS).collect()
}

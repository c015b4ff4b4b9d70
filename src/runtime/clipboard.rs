//! Text for the clipboard of whoever sits at the terminal, also over ssh: OSC 52.

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

/// What to write so that the terminal takes `text` into its clipboard.
pub fn copy(text: &str, within_tmux: bool) -> String {
    let mut told = String::new();
    // Writing to a string cannot fail.
    CopyToClipboard::to_clipboard_from(text).write_ansi(&mut told).ok();
    if within_tmux { pass_through_tmux(&told) } else { told }
}

/// tmux hands a sequence on to its own terminal where it is wrapped and each escape in it is doubled.
pub fn pass_through_tmux(told: &str) -> String {
    format!("\x1bPtmux;{}\x1b\\", told.replace('\x1b', "\x1b\x1b"))
}

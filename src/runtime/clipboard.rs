//! Clipboard access through the terminal (OSC 52), also over ssh.

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

/// Returns the escape sequence that copies `text` to the clipboard.
pub(super) fn copy(text: &str, within_tmux: bool) -> String {
    let mut sequence = String::new();
    // Writing to a string cannot fail.
    CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).ok();
    if within_tmux { pass_through_tmux(&sequence) } else { sequence }
}

/// Wraps a sequence for tmux, which forwards it to the outer terminal. Each escape inside is doubled.
pub(super) fn pass_through_tmux(sequence: &str) -> String {
    format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
}

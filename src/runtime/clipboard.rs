//! Clipboard access: through the terminal (OSC 52), also over ssh, and through a program where there is a local display.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crossterm::Command as _;
use crossterm::clipboard::CopyToClipboard;

use crate::stdx::text::{ellipsis, one_line};

/// Maximum columns of a copied text in a notice.
const MAX_SHOWN: usize = 60;

/// Returns the escape sequences that copy `text` to the clipboard. tmux forwards the first one to the outer terminal if
/// `allow-passthrough` is on, and handles the second one itself if `set-clipboard` is on.
pub(super) fn copy(text: &str, within_tmux: bool) -> String {
    let mut sequence = String::new();
    // Writing to a string cannot fail.
    CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).ok();
    if within_tmux { pass_through_tmux(&sequence) + &sequence } else { sequence }
}

/// Describes a copied text: its first line and the number of all.
pub(super) fn describe(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let first = ellipsis(&one_line(first), MAX_SHOWN);
    match text.trim_end().lines().count() {
        0 | 1 => format!("Copied: {first}"),
        lines => format!("Copied {lines} lines: {first}"),
    }
}

/// Program that sets the clipboard of a local display from its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClipboardProgram {
    name: &'static str,
    args: &'static [&'static str],
    /// True if the input is UTF-16.
    is_utf16: bool,
}

impl ClipboardProgram {
    /// Chooses a program that `find` finds for the display that the variables name. A display that ssh forwards is not
    /// local.
    pub(super) fn choose(
        var: impl Fn(&str) -> Option<String>,
        find: impl Fn(&str) -> Option<PathBuf>,
    ) -> Option<(Self, PathBuf)> {
        let is_set = |name| var(name).is_some_and(|value| !value.is_empty());
        if is_set("SSH_CONNECTION") || is_set("SSH_TTY") {
            return None;
        }
        let program = |name, args| Self { name, args, is_utf16: false };
        let candidates = [
            (is_set("WAYLAND_DISPLAY"), program("wl-copy", &["--type", "text/plain;charset=utf-8"][..])),
            (is_set("DISPLAY"), program("xclip", &["-selection", "clipboard", "-in"])),
            (is_set("DISPLAY"), program("xsel", &["--clipboard", "--input"])),
            (cfg!(target_os = "macos"), program("pbcopy", &[])),
            (is_set("WSL_DISTRO_NAME"), Self { is_utf16: true, ..program("clip.exe", &[]) }),
        ];
        let available = candidates.into_iter().filter(|(has_display, _)| *has_display);
        available.map(|(_, program)| program).find_map(|program| Some((program, find(program.name)?)))
    }

    /// Runs the program with the text. Waits until it has read the text; it may stay alive to serve it.
    pub(super) fn run(self, file: &Path, text: &str) -> std::io::Result<()> {
        let mut command = Command::new(file);
        command.args(self.args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        super::children::prepare(&mut command);
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(&self.input(text))?;
        }
        child.wait().map(drop)
    }

    fn input(self, text: &str) -> Vec<u8> {
        if self.is_utf16 {
            // The byte order mark names the encoding.
            return "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        }
        text.as_bytes().to_vec()
    }
}

/// Wraps a sequence for tmux, which forwards it to the outer terminal. Each escape inside is doubled.
pub(super) fn pass_through_tmux(sequence: &str) -> String {
    format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(set: &[&str], installed: &[&str]) -> Option<&'static str> {
        let var = |name: &str| set.contains(&name).then(|| "x".to_owned());
        let find = |name: &str| installed.contains(&name).then(|| PathBuf::from(name));
        ClipboardProgram::choose(var, find).map(|(program, _)| program.name)
    }

    #[test]
    fn tmux_gets_both_sequences() {
        let (alone, within) = (copy("hi", false), copy("hi", true));
        assert_eq!(alone, "\x1b]52;c;aGk=\x1b\\");
        assert!(within.starts_with("\x1bPtmux;\x1b\x1b]52;") && within.ends_with(&alone), "{within:?}");
    }

    #[test]
    fn a_local_display_is_served_by_its_program() {
        let all = ["wl-copy", "xclip", "xsel", "clip.exe"];
        assert_eq!(chosen(&["WAYLAND_DISPLAY", "DISPLAY"], &all), Some("wl-copy"));
        assert_eq!(chosen(&["WAYLAND_DISPLAY", "DISPLAY"], &all[1..]), Some("xclip"));
        assert_eq!(chosen(&["DISPLAY"], &all[2..]), Some("xsel"));
        assert_eq!(chosen(&["WSL_DISTRO_NAME"], &all), Some("clip.exe"));
        assert_eq!(chosen(&["DISPLAY", "SSH_CONNECTION"], &all), None, "the display is elsewhere");
        assert_eq!(chosen(&[], &all), None);
    }

    #[test]
    fn a_notice_says_what_was_copied() {
        assert_eq!(describe("5d0c\n"), "Copied: 5d0c");
        assert_eq!(describe("\nfirst\nsecond"), "Copied 3 lines: first");
    }
}

//! Edits as diffs, for a terminal.

use std::io::{self, Write};

use similar::TextDiff;

use super::output::OutputStyle;
use crate::domain::transcript::{ChangeKind, FileChange};
use crate::stdx::text::sanitise;

/// Maximum bytes of both texts for a comparison, because it takes quadratic time. Longer ones are shown as a replacement.
const MAX_COMPARED_BYTES: usize = 64 << 10;

/// Number of unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// Writes the changed lines of a file.
pub(super) fn write(out: &mut impl Write, style: OutputStyle, change: &FileChange) -> io::Result<()> {
    match &change.kind {
        ChangeKind::Write(text) => lines(out, style, '+', text),
        ChangeKind::Delete => writeln!(out, "{}", style.red("deleted")),
        ChangeKind::Replace(pairs) => pairs.iter().try_for_each(|(old, new)| replaced(out, style, old, new)),
        ChangeKind::Patch(patch) => patch.lines().try_for_each(|line| patched(out, style, line)),
    }
}

fn replaced(out: &mut impl Write, style: OutputStyle, old: &str, new: &str) -> io::Result<()> {
    if old.len() + new.len() > MAX_COMPARED_BYTES {
        lines(out, style, '-', old)?;
        return lines(out, style, '+', new);
    }
    // The texts are parts of a file, so that the line numbers of hunks would be wrong.
    let diff = TextDiff::from_lines(old, new).unified_diff().context_radius(CONTEXT_LINES).to_string();
    let is_content = |line: &&str| !line.starts_with("@@ ") && !line.starts_with("\\ No newline");
    diff.lines().filter(is_content).try_for_each(|line| patched(out, style, line))
}

/// Writes a line of a patch, coloured by its sign.
fn patched(out: &mut impl Write, style: OutputStyle, line: &str) -> io::Result<()> {
    let clean = sanitise(line);
    let painted = match line.as_bytes().first() {
        Some(b'+') => style.green(&clean),
        Some(b'-') => style.red(&clean),
        Some(b'@') => style.dim(&clean),
        _ => clean.into_owned(),
    };
    writeln!(out, "{painted}")
}

fn lines(out: &mut impl Write, style: OutputStyle, sign: char, text: &str) -> io::Result<()> {
    text.lines().try_for_each(|line| patched(out, style, &format!("{sign}{line}")))
}

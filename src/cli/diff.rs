//! Edits as diffs, for a terminal.

use std::io::{self, Write};

use super::output::OutputStyle;
use crate::domain::transcript::{ChangeKind, FileChange};
use crate::export;
use crate::stdx::text::sanitise;

/// Writes the changed lines of a file.
pub(super) fn write(out: &mut impl Write, style: OutputStyle, change: &FileChange) -> io::Result<()> {
    if change.kind == ChangeKind::Delete {
        return writeln!(out, "{}", style.red("deleted"));
    }
    export::changed_lines(change, &mut |line| patched(out, style, line))
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

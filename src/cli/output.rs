//! Output helpers: buffered stdout, JSON, and ANSI styles.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde::Serialize;

use crate::domain::{Time, units};
pub(super) use crate::export::json_text::write_value as json_value;
use crate::stdx::text::{ellipsis, one_line, sanitise, width};

/// Buffered stdout. The caller flushes it, because dropping the buffer ignores errors.
pub(super) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// Writes one JSON object and a newline, and flushes.
pub(super) fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    json_value(out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Returns true if stdout is a terminal.
pub(super) fn to_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Width of the terminal in columns; 80 if unknown.
pub(super) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if size == 0 { 80 } else { size }
}

/// Formats an age in milliseconds: `just now`, or such as `3h ago`.
pub(super) fn age_ago(millis: i64) -> String {
    match units::age(Time::from_millis(millis), Time::default()).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}

/// ANSI styles; text stays plain if they are off.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutputStyle {
    /// True if styles are written.
    pub on: bool,
}

impl OutputStyle {
    /// Dims secondary text.
    pub(super) fn dim(self, text: &str) -> String {
        self.wrap(text, "2")
    }

    /// Emphasises text.
    pub(super) fn bold(self, text: &str) -> String {
        self.wrap(text, "1")
    }

    /// Marks an error.
    pub(super) fn red(self, text: &str) -> String {
        self.wrap(text, "31")
    }

    /// Marks success or activity.
    pub(super) fn green(self, text: &str) -> String {
        self.wrap(text, "32")
    }

    /// Marks text that needs attention.
    pub(super) fn yellow(self, text: &str) -> String {
        self.wrap(text, "33")
    }

    fn wrap(self, text: &str, code: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Minimum columns of the last cell of a row on a terminal.
const MIN_LAST_CELL: usize = 20;

/// Writes a row whose cells are separated by tabs. On a terminal they are separated by blanks, and the last one is cut at
/// the width of the terminal.
pub(super) fn row(out: &mut impl Write, line: &str) -> io::Result<()> {
    let columns = to_terminal().then(columns);
    writeln!(out, "{}", columns.map_or_else(|| line.to_owned(), |columns| fit(line, columns)))
}

fn fit(line: &str, columns: usize) -> String {
    let mut cells: Vec<_> = line.split('\t').filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
    if let Some(last) = cells.pop() {
        let taken: usize = cells.iter().map(|cell| width(cell) + 2).sum();
        cells.push(ellipsis(&last, columns.saturating_sub(taken).max(MIN_LAST_CELL)));
    }
    cells.join("  ")
}

/// Returns a count with its noun, which gets an s unless the count is 1.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Prints a note for the user on stderr. A reader of stderr that is gone misses it, and the command goes on.
pub(super) fn note(text: &str) -> io::Result<()> {
    match writeln!(io::stderr().lock(), "salon: {}", one_line(&sanitise(text))) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

//! Where output goes and how it looks there: buffered, one JSON object, colours only for a terminal.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde::Serialize;

/// Standard output, buffered. What is left in it must be flushed, so that a failure is noticed.
pub fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// Writes one object and a newline, and flushes.
pub fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Whether a person looks at stdout.
pub fn to_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal behind stdout; 80 where it does not tell.
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if size == 0 { 80 } else { size }
}

/// Styles for text, which vanish where no colours are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether there are any.
    pub on: bool,
}

impl Style {
    /// Less important.
    pub fn dim(self, text: &str) -> String {
        self.wrap(text, "2")
    }

    /// More important.
    pub fn bold(self, text: &str) -> String {
        self.wrap(text, "1")
    }

    /// Went wrong.
    pub fn red(self, text: &str) -> String {
        self.wrap(text, "31")
    }

    /// Went well, or is at work.
    pub fn green(self, text: &str) -> String {
        self.wrap(text, "32")
    }

    /// Wants attention.
    pub fn yellow(self, text: &str) -> String {
        self.wrap(text, "33")
    }

    fn wrap(self, text: &str, code: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

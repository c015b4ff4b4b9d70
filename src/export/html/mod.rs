//! Transcript as one HTML file: style sheet and images inside, no scripts, nothing loaded from elsewhere.
//!
//! Every text is escaped, and the policy in the head forbids what escaping could have missed.

mod entry;
mod escape;
mod markdown;

use std::io::{self, Write};

use escape::write_escaped;

use super::markdown::facts;
use crate::domain::{Entry, EntryKind, Session};
use crate::stdx::text::{ellipsis, one_line};

/// Style sheet for light and dark screens, and for paper.
const STYLE: &str = include_str!("../../../assets/export.css");

/// Maximum columns of a prompt in the table of contents.
const MAX_PROMPT_COLUMNS: usize = 90;

/// Maximum characters of a prompt that are looked at for its line in the table of contents.
const MAX_PROMPT_CHARS: usize = 400;

const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// HTML document in progress.
#[derive(Debug, Default)]
pub(super) struct HtmlDocument {
    /// Indices and lines of the prompts so far. They follow the transcript, because they are known only then, and the
    /// style sheet moves them before it.
    prompts: Vec<(usize, String)>,
}

impl HtmlDocument {
    /// Writes everything before the first entry.
    pub(super) fn begin(out: &mut dyn Write, session: &Session) -> io::Result<()> {
        let title = one_line(&session.title.text);
        let title = if title.is_empty() { "(no title)" } else { &title };
        out.write_all(b"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")?;
        writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">")?;
        out.write_all(b"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")?;
        out.write_all(b"<meta name=\"color-scheme\" content=\"light dark\">\n<title>")?;
        write_escaped(out, title)?;
        writeln!(out, "</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>")?;
        write_escaped(out, title)?;
        out.write_all(b"</h1>\n<p class=\"facts\">")?;
        for (at, fact) in facts(session, one_line).iter().enumerate() {
            out.write_all(if at == 0 { b"<span>" } else { b" <span>" })?;
            write_escaped(out, fact)?;
            out.write_all(b"</span>")?;
        }
        out.write_all(b"</p>\n</header>\n<main>\n")
    }

    /// Writes an entry. `image` is the `data:` address of its image.
    pub(super) fn entry(
        &mut self,
        out: &mut dyn Write,
        index: usize,
        entry: &Entry,
        image: Option<&str>,
    ) -> io::Result<()> {
        if entry.kind == EntryKind::Prompt {
            let start = crate::stdx::text::first_chars(entry.text.trim_start(), MAX_PROMPT_CHARS);
            self.prompts.push((index, ellipsis(&one_line(start), MAX_PROMPT_COLUMNS)));
        }
        entry::write(out, index, entry, image)
    }

    /// Writes the table of contents and everything after it.
    pub(super) fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"</main>\n")?;
        if !self.prompts.is_empty() {
            let count = self.prompts.len();
            writeln!(out, "<nav aria-label=\"Prompts\">\n<details open><summary>Prompts ({count})</summary>\n<ol>")?;
            for (index, line) in &self.prompts {
                write!(out, "<li><a href=\"#e{}\">", index + 1)?;
                write_escaped(out, if line.is_empty() { "(empty)" } else { line })?;
                out.write_all(b"</a></li>\n")?;
            }
            out.write_all(b"</ol>\n</details>\n</nav>\n")?;
        }
        out.write_all(b"</body>\n</html>\n")
    }
}

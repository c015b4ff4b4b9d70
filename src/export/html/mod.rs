//! Transcript as one HTML file: style sheet and images inside, no scripts, nothing loaded from elsewhere.
//!
//! Every text is escaped, and the policy in the head forbids what escaping could have missed.

mod code;
mod entry;
mod escape;
mod markdown;

use std::io::{self, Write};

use code::CodeWriter;
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
    /// Number of sub-agents so far.
    subagents: usize,
    /// Numbers of the sub-agents that are being written, the outermost first.
    open: Vec<usize>,
    code: CodeWriter,
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
        if entry.kind == EntryKind::Prompt && self.open.is_empty() {
            let start = crate::stdx::text::first_chars(entry.text.trim_start(), MAX_PROMPT_CHARS);
            self.prompts.push((index, ellipsis(&one_line(start), MAX_PROMPT_COLUMNS)));
        }
        let anchor = match self.open.last() {
            None => format!("e{}", index + 1),
            Some(subagent) => format!("s{subagent}-e{}", index + 1),
        };
        entry::write(out, (&anchor, entry, image), &mut self.code)
    }

    /// Writes the beginning of a sub-agent's conversation, which is folded.
    pub(super) fn begin_subagent(&mut self, out: &mut dyn Write, session: &Session, len: usize) -> io::Result<()> {
        self.subagents += 1;
        self.open.push(self.subagents);
        out.write_all(b"<section class=\"subagent\"><details><summary><b>Sub-agent</b> ")?;
        write_escaped(out, &one_line(&session.title.text))?;
        let entries = if len == 1 { "entry" } else { "entries" };
        writeln!(out, " <span class=\"facts\">{len} {entries}</span></summary>")
    }

    /// Writes the end of a sub-agent's conversation.
    pub(super) fn end_subagent(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.open.pop();
        out.write_all(b"</details></section>\n")
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

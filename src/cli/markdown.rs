//! Transcript as a Markdown document.

use std::io::{self, Write};

use crate::domain::tool_name::tool_label;
use crate::domain::{Entry, EntryKind, Session, Time, Tool, ToolStatus};
use crate::stdx::text::{one_line, sanitise};

/// Writes the title, agent, id, directory and start time.
pub(super) fn heading(out: &mut impl Write, session: &Session) -> io::Result<()> {
    let title = one_line(&session.title.text);
    writeln!(out, "# {}\n", if title.is_empty() { "(no title)" } else { &title })?;
    let mut facts = vec![session.key.agent.label().to_owned(), code(&session.key.id)];
    if !session.cwd.is_empty() {
        facts.push(code(&session.cwd));
    }
    facts.extend(session.started_at.map(Time::rfc3339));
    writeln!(out, "{}\n", facts.join(" · "))
}

/// Writes one entry.
pub(super) fn entry(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let text = sanitise(&entry.text);
    let text = text.trim();
    match entry.kind {
        EntryKind::Prompt => writeln!(out, "## {}\n\n{text}\n", when("Prompt", entry.time)),
        EntryKind::Plan => {
            writeln!(out, "{text}\n")?;
            match entry.tool.as_ref().filter(|_| entry.plan.is_empty()) {
                Some(proposal) => quoted(out, &decision(proposal)),
                None => Ok(()),
            }
        }
        EntryKind::Text => writeln!(out, "{text}\n"),
        EntryKind::Thinking => details(out, "Thinking", text),
        EntryKind::Notice | EntryKind::Image | EntryKind::Other => quoted(out, text),
        EntryKind::Tool => match &entry.tool {
            Some(called) => tool(out, text, called),
            None => quoted(out, text),
        },
    }
}

/// Formats text as inline code.
fn code(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'"))
}

fn when(word: &str, time: Option<Time>) -> String {
    time.map_or_else(|| word.to_owned(), |time| format!("{word}, {}", time.rfc3339()))
}

fn tool(out: &mut impl Write, headline: &str, tool: &Tool) -> io::Result<()> {
    let name = one_line(&tool_label(&tool.name));
    writeln!(out, "**{name}** `{}` ({})\n", headline.replace('`', "'"), tool.status.name())?;
    let output = sanitise(&tool.output);
    let output = output.trim_end();
    if output.is_empty() {
        return Ok(());
    }
    let fence = fence(output);
    writeln!(out, "{fence}\n{output}\n{fence}\n")
}

/// Decision about a proposed plan, with the reason of a denial.
fn decision(proposal: &Tool) -> String {
    match proposal.status {
        ToolStatus::Done => "Plan approved".to_owned(),
        ToolStatus::Denied => format!("Plan not approved: {}", sanitise(proposal.output.trim())),
        status => format!("Plan {}", status.name()),
    }
}

fn details(out: &mut impl Write, summary: &str, text: &str) -> io::Result<()> {
    writeln!(out, "<details><summary>{summary}</summary>\n\n{text}\n\n</details>\n")
}

fn quoted(out: &mut impl Write, text: &str) -> io::Result<()> {
    for line in text.lines() {
        writeln!(out, "> {line}")?;
    }
    writeln!(out)
}

/// Fence that is longer than any run of backticks in the text.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(3.max(longest + 1))
}

//! Transcript as a Markdown document.

use std::io::{self, Write};

use super::changes::changed_lines;
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::{FileChange, ToolAction};
use crate::domain::{Entry, EntryKind, Session, Time, Tool, ToolStatus};
use crate::stdx::text::{one_line, sanitise};

/// Writes the title, agent, id, directory and start time.
pub fn heading(out: &mut dyn Write, session: &Session) -> io::Result<()> {
    let title = one_line(&session.title.text);
    writeln!(out, "# {}\n", if title.is_empty() { "(no title)" } else { &title })?;
    writeln!(out, "{}\n", facts(session, code).join(" · "))
}

/// Returns the agent, id, directory and start time. `verbatim` formats the id and the directory.
pub(super) fn facts(session: &Session, verbatim: impl Fn(&str) -> String) -> Vec<String> {
    let mut facts = vec![session.key.agent.label().to_owned(), verbatim(&session.key.id)];
    if !session.cwd.is_empty() {
        facts.push(verbatim(&session.cwd));
    }
    facts.extend(session.started_at.map(Time::rfc3339));
    facts
}

/// Writes one entry.
pub fn entry(out: &mut dyn Write, entry: &Entry) -> io::Result<()> {
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

/// Writes the beginning of a sub-agent's conversation, which is folded.
pub(super) fn begin_subagent(out: &mut dyn Write, session: &Session) -> io::Result<()> {
    let title = one_line(&session.title.text).replace('<', "&lt;");
    writeln!(out, "<details><summary>Sub-agent: {title}</summary>\n")
}

/// Writes the end of a sub-agent's conversation.
pub(super) fn end_subagent(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</details>\n")
}

/// Formats text as inline code.
fn code(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'"))
}

fn when(word: &str, time: Option<Time>) -> String {
    time.map_or_else(|| word.to_owned(), |time| format!("{word}, {}", time.rfc3339()))
}

fn tool(out: &mut dyn Write, headline: &str, tool: &Tool) -> io::Result<()> {
    let name = one_line(&tool_label(&tool.name));
    writeln!(out, "**{name}** `{}` ({})\n", headline.replace('`', "'"), tool.status.name())?;
    if let ToolAction::Edit(changes) = &tool.action {
        changes.iter().try_for_each(|change| changed(out, change))?;
        // The output of an edit that succeeded repeats the file.
        if tool.status == ToolStatus::Done {
            return Ok(());
        }
    }
    let output = sanitise(&tool.output);
    block(out, "", output.trim_end())
}

/// Writes the change of a file as a diff.
fn changed(out: &mut dyn Write, change: &FileChange) -> io::Result<()> {
    let mut lines = String::new();
    changed_lines(change, &mut |line| {
        lines.extend([&sanitise(line), "\n"]);
        io::Result::Ok(())
    })?;
    block(out, "diff", lines.trim_end())
}

/// Writes a code block, unless it is empty.
fn block(out: &mut dyn Write, language: &str, code: &str) -> io::Result<()> {
    if code.is_empty() {
        return Ok(());
    }
    let fence = fence(code);
    writeln!(out, "{fence}{language}\n{code}\n{fence}\n")
}

/// Decision about a proposed plan, with the reason of a denial.
fn decision(proposal: &Tool) -> String {
    match proposal.status {
        ToolStatus::Done => "Plan approved".to_owned(),
        ToolStatus::Denied => format!("Plan not approved: {}", sanitise(proposal.output.trim())),
        status => format!("Plan {}", status.name()),
    }
}

fn details(out: &mut dyn Write, summary: &str, text: &str) -> io::Result<()> {
    writeln!(out, "<details><summary>{summary}</summary>\n\n{text}\n\n</details>\n")
}

fn quoted(out: &mut dyn Write, text: &str) -> io::Result<()> {
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

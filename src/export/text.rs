//! Transcript as plain text.

use std::io::{self, Write};

use super::changes::changed_lines;
use super::markdown::facts;
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::ToolAction;
use crate::domain::{Entry, EntryKind, Session, Time, ToolStatus};
use crate::stdx::text::{one_line, sanitise};

/// Writes the title, agent, id, directory and start time.
pub(super) fn heading(out: &mut dyn Write, session: &Session) -> io::Result<()> {
    let title = one_line(&session.title.text);
    let title = if title.is_empty() { "(no title)" } else { &title };
    writeln!(out, "{title}\n{}\n", facts(session, one_line).join(" · "))
}

/// Writes an entry under a line that says what it is.
pub(super) fn entry(out: &mut dyn Write, entry: &Entry) -> io::Result<()> {
    let time = entry.time.map(|time| format!(" {}", Time::rfc3339(time))).unwrap_or_default();
    let reverted = if entry.reverted { " (reverted)" } else { "" };
    writeln!(out, "── {}{reverted}{time}", name(entry))?;
    block(out, &entry.text)?;
    if let Some(tool) = &entry.tool {
        if let ToolAction::Edit(changes) = &tool.action {
            for change in changes {
                changed_lines(change, &mut |line| writeln!(out, "{}", sanitise(line)))?;
            }
        }
        // The output of an edit that succeeded repeats the file.
        if tool.status != ToolStatus::Done || !matches!(tool.action, ToolAction::Edit(_)) {
            block(out, &tool.output)?;
        }
    }
    writeln!(out)
}

/// Writes the line above a sub-agent's conversation.
pub(super) fn begin_subagent(out: &mut dyn Write, session: &Session) -> io::Result<()> {
    writeln!(out, "════ sub-agent: {}\n", one_line(&session.title.text))
}

/// Writes the line below a sub-agent's conversation.
pub(super) fn end_subagent(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "════ end of the sub-agent\n")
}

fn name(entry: &Entry) -> String {
    match (&entry.tool, entry.kind) {
        (Some(tool), EntryKind::Tool) => format!("{} ({})", one_line(&tool_label(&tool.name)), tool.status.name()),
        (_, EntryKind::Text) => "answer".to_owned(),
        (_, kind) => kind.name().to_owned(),
    }
}

fn block(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let text = sanitise(text);
    let text = text.trim_matches('\n');
    if text.is_empty() { Ok(()) } else { writeln!(out, "{text}") }
}

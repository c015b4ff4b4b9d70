//! Entries as HTML elements. Tool calls, thinking and long texts are folded.

use std::io::{self, Write};

use super::code::CodeWriter;
use super::escape::write_escaped;
use super::markdown;
use crate::domain::event::NoticeLevel;
use crate::domain::tool::{PlanItem, PlanStatus};
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::{FileChange, ToolAction};
use crate::domain::{Entry, EntryKind, Time, Tool, ToolStatus};
use crate::export::changes::changed_lines;
use crate::stdx::text::one_line;

/// Writes an entry with its anchor and the `data:` address of its image.
pub(super) fn write(
    out: &mut dyn Write,
    (anchor, entry, image): (&str, &Entry, Option<&str>),
    code: &mut CodeWriter,
) -> io::Result<()> {
    let reverted = if entry.reverted { " reverted" } else { "" };
    writeln!(out, "<section class=\"{}{reverted}\" id=\"{anchor}\">", class(entry))?;
    if entry.reverted {
        out.write_all(b"<p class=\"note\">Reverted: the agent no longer sees this.</p>\n")?;
    }
    match entry.kind {
        EntryKind::Prompt => prompt(out, entry)?,
        EntryKind::Text => markdown::write(out, &entry.text, code)?,
        EntryKind::Thinking => folded(out, "Thinking", |out| markdown::write(out, &entry.text, code))?,
        EntryKind::Plan => plan(out, entry, code)?,
        EntryKind::Image => figure(out, &entry.text, image)?,
        EntryKind::Notice | EntryKind::Other => element(out, "p", &entry.text)?,
        EntryKind::Tool => match &entry.tool {
            Some(called) => tool(out, &entry.text, called, code)?,
            None => element(out, "p", &entry.text)?,
        },
    }
    out.write_all(b"</section>\n")
}

fn class(entry: &Entry) -> &'static str {
    match (entry.kind, entry.level, entry.tool.as_ref().map(|tool| tool.status)) {
        (EntryKind::Prompt, ..) => "prompt",
        (EntryKind::Text, ..) => "answer",
        (EntryKind::Thinking, ..) => "thinking",
        (EntryKind::Tool, _, Some(ToolStatus::Failed | ToolStatus::Denied | ToolStatus::Interrupted)) => "tool failed",
        (EntryKind::Tool, ..) => "tool",
        (EntryKind::Notice, NoticeLevel::Error | NoticeLevel::Warning, _) => "notice failed",
        (EntryKind::Notice, ..) => "notice",
        (EntryKind::Plan, ..) => "plan",
        (EntryKind::Image, ..) => "image",
        (EntryKind::Other, ..) => "notice",
    }
}

fn prompt(out: &mut dyn Write, entry: &Entry) -> io::Result<()> {
    out.write_all(b"<h2>Prompt")?;
    if let Some(sender) = &entry.sender {
        out.write_all(b" from ")?;
        write_escaped(out, &one_line(sender))?;
    }
    if let Some(time) = entry.time.map(Time::rfc3339) {
        let shown = time.get(..16).unwrap_or(&time).replace('T', " ");
        write!(out, " <time datetime=\"{time}\">{shown} UTC</time>")?;
    }
    out.write_all(b"</h2>\n")?;
    element(out, "div", entry.text.trim_matches('\n'))
}

/// Writes a text with its line breaks.
fn element(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    write!(out, "<{name} class=\"text\">")?;
    write_escaped(out, text)?;
    writeln!(out, "</{name}>")
}

fn folded(
    out: &mut dyn Write,
    summary: &str,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    writeln!(out, "<details><summary>{summary}</summary>")?;
    content(out)?;
    out.write_all(b"</details>\n")
}

fn plan(out: &mut dyn Write, entry: &Entry, code: &mut CodeWriter) -> io::Result<()> {
    if entry.plan.is_empty() {
        markdown::write(out, &entry.text, code)?;
        return match &entry.tool {
            Some(proposal) => writeln!(out, "<p class=\"note\">Plan {}</p>", proposal.status.name()),
            None => Ok(()),
        };
    }
    items(out, &entry.plan)
}

fn items(out: &mut dyn Write, items: &[PlanItem]) -> io::Result<()> {
    out.write_all(b"<ul>\n")?;
    for item in items {
        let mark = match item.status {
            PlanStatus::Pending => "☐",
            PlanStatus::Active => "▶",
            PlanStatus::Done => "☑",
            PlanStatus::Cancelled => "☒",
        };
        write!(out, "<li>{mark} ")?;
        write_escaped(out, &one_line(&item.text))?;
        out.write_all(b"</li>\n")?;
    }
    out.write_all(b"</ul>\n")
}

fn figure(out: &mut dyn Write, label: &str, image: Option<&str>) -> io::Result<()> {
    out.write_all(b"<figure>")?;
    if let Some(address) = image {
        write!(out, "<img src=\"{address}\" alt=\"")?;
        write_escaped(out, &one_line(label))?;
        out.write_all(b"\">")?;
    }
    out.write_all(b"<figcaption>")?;
    write_escaped(out, &one_line(label))?;
    out.write_all(b"</figcaption></figure>\n")
}

fn tool(out: &mut dyn Write, headline: &str, tool: &Tool, code: &mut CodeWriter) -> io::Result<()> {
    out.write_all(b"<details><summary><b>")?;
    write_escaped(out, &one_line(&tool_label(&tool.name)))?;
    out.write_all(b"</b> <code>")?;
    write_escaped(out, headline)?;
    out.write_all(b"</code>")?;
    if tool.status != ToolStatus::Done {
        write!(out, " <span class=\"status\">{}</span>", tool.status.name())?;
    }
    if let Some(millis) = tool.duration_ms.filter(|millis| *millis >= 1_000) {
        write!(out, " <span class=\"facts\">{}.{} s</span>", millis / 1_000, millis % 1_000 / 100)?;
    }
    out.write_all(b"</summary>\n")?;
    action(out, headline, tool, code)?;
    // The output of an edit that succeeded repeats the file.
    let repeats = matches!(tool.action, ToolAction::Edit(_)) && tool.status == ToolStatus::Done;
    if !repeats {
        preformatted(out, "output", tool.output.trim_end())?;
    }
    out.write_all(b"</details>\n")
}

/// Writes what the headline leaves out of an operation.
fn action(out: &mut dyn Write, headline: &str, tool: &Tool, code: &mut CodeWriter) -> io::Result<()> {
    match &tool.action {
        ToolAction::Command { command, .. } if command == headline => Ok(()),
        ToolAction::Command { command, .. } => preformatted(out, "command", command),
        ToolAction::Edit(changes) => changes.iter().try_for_each(|change| changed(out, change, changes.len() > 1)),
        ToolAction::Task { prompt, .. } => preformatted(out, "command", prompt),
        ToolAction::Plan(plan) => items(out, plan),
        ToolAction::PlanText(plan) => markdown::write(out, plan, code),
        ToolAction::Other(_) if !tool.input.is_null() => {
            let input = serde_json::to_string_pretty(&tool.input).unwrap_or_default();
            preformatted(out, "command", &input)
        }
        ToolAction::Read { .. }
        | ToolAction::Search { .. }
        | ToolAction::Web { .. }
        | ToolAction::Question { .. }
        | ToolAction::Other(_) => Ok(()),
    }
}

fn changed(out: &mut dyn Write, change: &FileChange, is_named: bool) -> io::Result<()> {
    if is_named {
        element(out, "p", &one_line(&change.path))?;
    }
    out.write_all(b"<pre class=\"diff\">")?;
    changed_lines(change, &mut |line| {
        let name = match line.as_bytes().first() {
            Some(b'+') => "ins",
            Some(b'-') => "del",
            Some(b'@') => "i",
            _ => "span",
        };
        write!(out, "<{name}>")?;
        write_escaped(out, line)?;
        writeln!(out, "</{name}>")
    })?;
    out.write_all(b"</pre>\n")
}

fn preformatted(out: &mut dyn Write, class: &str, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    write!(out, "<pre class=\"{class}\">")?;
    write_escaped(out, text)?;
    out.write_all(b"</pre>\n")
}

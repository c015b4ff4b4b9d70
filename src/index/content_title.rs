//! Titles of sessions that have content but no prompt and no name: the beginning of their most telling early entry.

use std::borrow::Cow;

use crate::agent::{Format, TextLimit};
use crate::domain::session::TitleSource;
use crate::domain::tool_name::tool_label;
use crate::domain::{Entry, EntryKind, Session, Title};

/// Maximum number of entries to choose from, because a title tells how a session begins.
const MAX_ENTRIES: usize = 32;

/// Maximum bytes of each text, because a title is one line.
const TEXT_LIMIT: TextLimit = TextLimit(4 << 10);

/// Maximum bytes of a session that is opened for its title, because it is opened again each time it grows.
const MAX_BYTES: u64 = 8 << 20;

/// Sets the title of a session that has content but no title. Of a deleted one, only prompts are left.
pub(super) fn complete(format: &dyn Format, session: &mut Session) {
    let is_titled = !session.title.text.is_empty() || session.flags.purged;
    if is_titled || session.messages == 0 || session.bytes > MAX_BYTES {
        return;
    }
    // A session that cannot be opened now has no title; its reader reports the problem.
    let Ok(mut reader) = format.open(session) else { return };
    let entries = reader.read(0..reader.len().min(MAX_ENTRIES), TEXT_LIMIT);
    session.title = title(&entries).unwrap_or_default();
}

/// Returns the title of the first of the most telling entries.
fn title(entries: &[Entry]) -> Option<Title> {
    let titles = entries.iter().map(|entry| (rank(entry.kind), Title::new(&line(entry), TitleSource::Prompt)));
    titles.filter(|(_, title)| !title.text.is_empty()).min_by_key(|(rank, _)| *rank).map(|(_, title)| title)
}

/// Rank of a kind, most telling first. A prompt with a text is a title already, so one here has only images.
fn rank(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::Text => 0,
        EntryKind::Tool => 1,
        EntryKind::Plan => 2,
        EntryKind::Prompt | EntryKind::Image => 3,
        EntryKind::Notice => 4,
        EntryKind::Thinking => 5,
        EntryKind::Other => 6,
    }
}

fn line(entry: &Entry) -> Cow<'_, str> {
    match &entry.tool {
        Some(tool) if entry.text.trim().is_empty() => tool_label(&tool.name),
        Some(tool) => format!("{}: {}", tool_label(&tool.name), entry.text).into(),
        None => entry.text.as_str().into(),
    }
}

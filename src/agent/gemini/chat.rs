//! Access to one chat by its file, whichever agent wrote it: early versions of Qwen Code wrote the same documents.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

pub(crate) use super::content::label as attachment_label;
pub(crate) use super::paths::{folder_hash, remember};
use super::reader::ChatReader;
pub(crate) use super::tools::{exit_code, has_failed_command};
use super::{message, paths, shape, summary};
use crate::agent::texts::{RecordDecoder, SearchText, StoredRecord, TextScope, body_texts};
use crate::agent::{Source, SourceSummary, SummaryProgress, TextLimit, TranscriptReader};
use crate::domain::{Entry, EntryKey, Session};

/// Returns the list row of a chat that is small enough to be replayed at once.
pub(crate) fn peek(source: &Source) -> Vec<Session> {
    /// Maximum bytes of a chat to replay for a preliminary row, because replaying a larger one takes too long.
    const MAX_PEEK: u64 = 256 << 10;
    if source.stamp.size == 0 || source.stamp.size > MAX_PEEK {
        return Vec::new();
    }
    let Ok(chat) = ChatReader::open_alone(&source.path) else { return Vec::new() };
    if chat.len() == 0 { Vec::new() } else { vec![summary::session(source, &chat, false)] }
}

/// Summarises a chat, or what was appended to it.
pub(crate) fn summarise(source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
    summary::summarise(source, progress)
}

/// Opens the transcript of a chat.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn TranscriptReader>> {
    Ok(Box::new(ChatReader::open(path)?))
}

/// Reads the newest entries of a chat.
pub(crate) fn tail(path: &Path, count: usize) -> io::Result<Vec<Entry>> {
    let mut chat = ChatReader::open(path)?;
    let len = chat.len();
    Ok(chat.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
}

/// True for a document of an early version.
pub(crate) fn is_document(path: &Path) -> bool {
    paths::kind(path) == Some(paths::DOCUMENT)
}

/// Visits the messages of a chat and of the other files of its session, as stored, until `visit` breaks. On all branches, but
/// only those with texts: with entries, or results of calls in other messages.
pub(crate) fn records(path: &Path, visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>) -> io::Result<()> {
    let mut chat = ChatReader::open_with(path, paths::known_files_of_session(path))?;
    let session = chat.log.session_id(path);
    for stored in &chat.with_texts() {
        let (id, bytes) = (stored.key_id(), chat.json(stored));
        let record = StoredRecord { session: &session, id: &id, hint: "", offset: stored.offset, bytes: &bytes };
        if visit(&record).is_break() {
            break;
        }
    }
    Ok(())
}

/// Decoder of the messages that [`records`] visits.
#[derive(Debug)]
pub(crate) struct MessageDecoder;

impl RecordDecoder for MessageDecoder {
    fn texts(&self, record: &StoredRecord<'_>, wanted: TextScope, sink: &mut dyn FnMut(&SearchText<'_>)) {
        let Some((value, _)) = shape::message(record.bytes) else { return };
        let parts = message::parts(&value).into_iter();
        let in_scope =
            |part: &message::MessagePart| wanted != TextScope::Indexed || *part != message::MessagePart::Thinking;
        for event in parts.filter(in_scope).flat_map(|part| message::events(&value, record.id, part)) {
            body_texts(event.key, &event.body, sink);
        }
        // Most messages with results only repeat those of the list of calls; search does not visit them.
        if wanted != TextScope::Indexed {
            for (call, body) in message::results(&value) {
                body_texts(EntryKey::new(call, u32::MAX), &body, sink);
            }
        }
    }
}

//! Segment of the index: indexed texts of one source, and its builder.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::block::{BlockLayout, ENTRY_BYTES};
use super::stored_bytes::{StoredBytes, path_of, to_path};
use crate::agent::texts::SearchText;
use crate::agent::{Source, SummaryCursor};
use crate::domain::query::TextKind;
use crate::index::encoding::checksum;

/// Earlier segments of the source that a segment replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Replaces {
    /// None: it continues the last one.
    Nothing,
    /// All.
    Source,
    /// Its own sessions in earlier segments.
    Sessions,
}

/// Kinds of the texts in a segment.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TextKinds {
    /// Kinds as bits. A title counts only if there are several.
    kinds: u16,
    /// Checksum of the only title; 0 without one.
    title: u32,
}

impl TextKinds {
    fn insert(&mut self, kind: TextKind, text: &[u8]) {
        let title = if kind == TextKind::Title { checksum(text) } else { 0 };
        if title != 0 && (self.title == 0 || self.title == title) {
            self.title = title;
        } else {
            self.kinds |= TextKind::ALL.iter().position(|other| *other == kind).map_or(0, |at| 1 << at);
        }
    }

    /// Iterates the kinds of a session's texts, except for its current title.
    pub(crate) fn iter(self, current_title: &str) -> impl Iterator<Item = TextKind> {
        let has_other_title = self.title != 0 && self.title != checksum(current_title.as_bytes());
        let kinds = (0..).zip(TextKind::ALL).filter(move |(at, _)| self.kinds & (1 << at) != 0).map(|(_, kind)| kind);
        kinds.chain(has_other_title.then_some(TextKind::Title))
    }
}

/// Segment, as recorded in the manifest.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Bytes of the source's path.
    pub(super) path: Arc<[u8]>,
    /// Replaced segments.
    pub replaces: Replaces,
    /// Progress in the source.
    pub cursor: SummaryCursor,
    /// For sources of records: the watermark of the next update. For sources of lines: a checksum of the last bytes.
    pub watermark: u64,
    /// Location of the compressed block.
    pub stored: StoredBytes,
    /// Layout of the block.
    pub layout: BlockLayout,
    /// Kinds of its texts.
    pub kinds: TextKinds,
    /// Ids of the sessions.
    pub sessions: Box<[Box<str>]>,
}

impl Segment {
    /// Returns the path of the source.
    pub(crate) fn path(&self) -> &Path {
        to_path(&self.path)
    }
}

/// Builder of a segment.
#[derive(Debug)]
pub(crate) struct SegmentBuilder {
    path: Arc<[u8]>,
    /// Replaced segments.
    pub replaces: Replaces,
    sessions: Vec<Arc<str>>,
    tools: Vec<Arc<str>>,
    /// Table of the block; see [`super::block`].
    entries: Vec<u8>,
    text: String,
    kinds: TextKinds,
}

impl SegmentBuilder {
    /// Creates an empty builder for a source.
    pub(crate) fn new(source: &Source, replaces: Replaces) -> Self {
        Self::of(path_of(source), replaces)
    }

    /// Creates the builder of a segment that deletes all texts of a removed source.
    pub(crate) fn tombstone(last: &Segment) -> Self {
        Self::of(last.path.clone(), Replaces::Source)
    }

    fn of(path: Arc<[u8]>, replaces: Replaces) -> Self {
        let tools = vec![Arc::from("")];
        Self {
            path,
            replaces,
            sessions: vec![],
            tools,
            entries: vec![],
            text: String::new(),
            kinds: TextKinds::default(),
        }
    }

    /// Returns true if the segment must be finished.
    pub(crate) fn is_full(&self) -> bool {
        self.text.len() >= MAX_TEXT_BYTES || self.sessions.len() >= usize::from(u16::MAX) - 1
    }

    /// Returns the texts so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Adds a session that the segment replaces, with or without texts.
    pub(crate) fn add_session(&mut self, id: &str) -> u16 {
        index_of(&mut self.sessions, id)
    }

    /// Adds a text.
    pub(crate) fn push(&mut self, session: &str, text: &SearchText<'_>) {
        let session = self.add_session(session);
        let tool = index_of(&mut self.tools, text.tool);
        let kind = TextKind::ALL.iter().position(|kind| *kind == text.kind).unwrap_or_default();
        let start = self.text.len();
        self.push_text(text.text);
        self.kinds.insert(text.kind, &self.text.as_bytes()[start..]);
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.push(SEPARATOR);
        self.entries.extend_from_slice(&end.to_le_bytes());
        self.entries.extend_from_slice(&text.key.raw().to_le_bytes());
        self.entries.extend_from_slice(&session.to_le_bytes());
        self.entries.extend_from_slice(&tool.to_le_bytes());
        self.entries.push(u8::try_from(kind).unwrap_or_default());
    }

    fn push_text(&mut self, text: &str) {
        if text.is_ascii() && !text.contains(SEPARATOR) {
            self.text.push_str(text);
            return;
        }
        let is_text = |c: &char| *c != SEPARATOR;
        match is_nfc_quick(text.chars()) {
            IsNormalized::Yes => self.text.extend(text.chars().filter(is_text)),
            IsNormalized::No | IsNormalized::Maybe => self.text.extend(text.nfc().filter(is_text)),
        }
    }

    /// Finishes the segment and compresses its block.
    pub(crate) fn finish(self, cursor: SummaryCursor, watermark: u64) -> EncodedSegment {
        let Self { path, replaces, sessions, tools, entries, text, kinds } = self;
        let names = tools.join("\0");
        let sessions = sessions.iter().map(|id| Box::from(&**id)).collect();
        let layout = BlockLayout { count: entries.len() / ENTRY_BYTES, tools: names.len(), text: text.len() };
        let mut block = entries;
        block.extend_from_slice(names.as_bytes());
        block.extend_from_slice(text.as_bytes());
        let empty = layout.count == 0;
        let bytes = if empty { Vec::new() } else { lz4_flex::block::compress(&block) };
        let stored = StoredBytes::new(&bytes);
        let segment = Segment { path, replaces, cursor, watermark, stored, layout, kinds, sessions };
        EncodedSegment { segment, bytes }
    }
}

/// Segment before its write.
#[derive(Debug)]
pub(crate) struct EncodedSegment {
    /// Record; the offset of the block is set by the writer.
    pub segment: Segment,
    /// Compressed block.
    pub bytes: Vec<u8>,
}

/// Separator of texts; occurs in no text.
const SEPARATOR: char = '\0';

/// Bytes of text after which a segment is finished.
const MAX_TEXT_BYTES: usize = 1 << 18;

/// Returns the index of a name, which is added if it is new; 0 once the list is full.
fn index_of(names: &mut Vec<Arc<str>>, name: &str) -> u16 {
    let found = names.iter().rposition(|found| **found == *name);
    let at = found.unwrap_or_else(|| {
        names.push(name.into());
        names.len() - 1
    });
    u16::try_from(at).unwrap_or(0)
}

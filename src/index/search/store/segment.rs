//! Segment of the index: indexed texts of one source, with its record in the manifest and its builder.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::block::{BlockLayout, ENTRY_BYTES};
use super::string_list::StringList;
use crate::agent::texts::SearchText;
use crate::agent::{FileStamp, Source, SummaryCursor};
use crate::domain::Agent;
use crate::domain::query::TextKind;

/// Earlier segments of the source that a segment replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// None: it continues the last one.
    Nothing,
    /// All.
    Source,
    /// Its own sessions in earlier segments.
    Sessions,
    /// None: it contains the n-gram filter of the source instead of texts; see [`super::super::ngram_lines`].
    Filter,
}

impl Replaces {
    /// All variants, by their encoding.
    const ALL: [Self; 4] = [Self::Nothing, Self::Source, Self::Sessions, Self::Filter];
}

/// Segment, as recorded in the manifest.
#[derive(Debug)]
pub struct Segment {
    /// Agent of the source.
    pub agent: Agent,
    /// Bytes of the source's path.
    pub(super) path: Bytes,
    /// Replaced segments.
    pub replaces: Replaces,
    /// Progress in the source.
    pub cursor: SummaryCursor,
    /// For sources of records: the watermark of the next update. For sources of lines: a checksum of the last bytes.
    pub watermark: u64,
    /// Offset of the block in the data file.
    pub at: u64,
    /// Size of the compressed block in bytes.
    pub packed: usize,
    /// Checksum of the compressed block.
    pub sum: u64,
    /// Layout of the block.
    pub layout: BlockLayout,
    /// Ids of the sessions.
    pub sessions: StringList,
    /// Decompressed block, while it is pinned.
    pinned: Mutex<Option<Arc<[u8]>>>,
}

impl Segment {
    /// Returns the path of the source.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// Returns the range of the block in the data file.
    pub fn data_range(&self) -> Range<u64> {
        self.at..self.at + self.packed as u64
    }

    /// Returns the pinned block.
    pub fn pinned(&self) -> Option<Arc<[u8]>> {
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pins or unpins the block.
    pub fn pin(&self, block: Option<Arc<[u8]>>) {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner) = block;
    }

    /// Decodes a record; `None` where it is damaged.
    pub fn decode(bytes: Bytes) -> Option<Self> {
        let mut from = FieldReader(bytes);
        let agent = Agent::from_name(std::str::from_utf8(&from.shared()?).ok()?)?;
        let replaces = *Replaces::ALL.get(usize::try_from(from.number()?).ok()?)?;
        let path = from.shared()?;
        let stamp = FileStamp { inode: from.number()?, size: from.number()?, mtime_ns: from.number()?.cast_signed() };
        let cursor = SummaryCursor { stamp, offset: from.number()? };
        let (watermark, at, packed, sum) = (from.number()?, from.number()?, from.size()?, from.number()?);
        let layout = BlockLayout { count: from.size()?, tools: from.size()?, text: from.size()? };
        let sessions = StringList::read(&mut from)?;
        let valid = layout.count == 0 || sessions.len() > 0;
        let pinned = Mutex::default();
        valid.then_some(Self { agent, path, replaces, cursor, watermark, at, packed, sum, layout, sessions, pinned })
    }

    /// Encodes the record.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = FieldWriter(Vec::with_capacity(256));
        to.bytes(self.agent.name().as_bytes());
        to.number(Replaces::ALL.iter().position(|replaces| *replaces == self.replaces).unwrap_or_default() as u64);
        to.bytes(&self.path);
        let SummaryCursor { stamp, offset } = self.cursor;
        for number in [stamp.inode, stamp.size, stamp.mtime_ns.cast_unsigned(), offset, self.watermark, self.at] {
            to.number(number);
        }
        let BlockLayout { count, tools, text } = self.layout;
        for number in [self.packed as u64, self.sum, count as u64, tools as u64, text as u64] {
            to.number(number);
        }
        self.sessions.write(&mut to);
        to.0
    }
}

/// Builder of a segment.
#[derive(Debug)]
pub struct SegmentBuilder {
    agent: Agent,
    path: Bytes,
    /// Replaced segments.
    pub replaces: Replaces,
    sessions: Vec<Arc<str>>,
    tools: Vec<Arc<str>>,
    /// Table of the block; see [`super::block`].
    entries: Vec<u8>,
    text: String,
}

impl SegmentBuilder {
    /// Creates an empty builder for a source.
    pub fn new(source: &Source, replaces: Replaces) -> Self {
        Self::of(source.agent, path_of(source), replaces)
    }

    /// Creates the builder of a segment that deletes all texts of a removed source.
    pub fn tombstone(last: &Segment) -> Self {
        Self::of(last.agent, last.path.clone(), Replaces::Source)
    }

    fn of(agent: Agent, path: Bytes, replaces: Replaces) -> Self {
        let tools = vec![Arc::from("")];
        Self { agent, path, replaces, sessions: vec![], tools, entries: vec![], text: String::new() }
    }

    /// Returns true if the segment must be finished.
    pub fn is_full(&self) -> bool {
        self.text.len() >= MAX_TEXT_BYTES || self.sessions.len() >= usize::from(u16::MAX) - 1
    }

    /// Adds a session that the segment replaces, with or without texts.
    pub fn add_session(&mut self, id: &str) -> u16 {
        index_of(&mut self.sessions, id)
    }

    /// Adds a text.
    pub fn push(&mut self, session: &str, text: &SearchText<'_>) {
        let session = self.add_session(session);
        let tool = index_of(&mut self.tools, text.tool);
        let kind = TextKind::ALL.iter().position(|kind| *kind == text.kind).unwrap_or_default();
        self.push_text(text.text);
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
    pub fn finish(self, cursor: SummaryCursor, watermark: u64) -> EncodedSegment {
        let Self { agent, path, replaces, sessions, tools, entries, text } = self;
        let names = tools.join("\0");
        let sessions = StringList::new(sessions.iter().map(|id| &**id));
        let layout = BlockLayout { count: entries.len() / ENTRY_BYTES, tools: names.len(), text: text.len() };
        let mut block = entries;
        block.extend_from_slice(names.as_bytes());
        block.extend_from_slice(text.as_bytes());
        let empty = layout.count == 0;
        let bytes = if empty { Vec::new() } else { lz4_flex::block::compress(&block) };
        let (packed, sum, pinned) = (bytes.len(), checksum(&bytes), Mutex::default());
        let segment =
            Segment { agent, path, replaces, cursor, watermark, at: 0, packed, sum, layout, sessions, pinned };
        EncodedSegment { segment, bytes }
    }
}

/// Segment before its write.
#[derive(Debug)]
pub struct EncodedSegment {
    /// Record; the offset of the block is set by the writer.
    pub segment: Segment,
    /// Compressed block.
    pub bytes: Vec<u8>,
}

impl EncodedSegment {
    /// Creates the segment with the n-gram filter of a source, up to a cursor.
    pub fn filter(source: &Source, cursor: SummaryCursor, watermark: u64, bytes: Vec<u8>) -> Self {
        let (packed, sum, pinned) = (bytes.len(), checksum(&bytes), Mutex::default());
        let layout = BlockLayout { text: packed, ..BlockLayout::default() };
        let (path, replaces, sessions) = (path_of(source), Replaces::Filter, StringList::default());
        let segment = Segment {
            agent: source.agent,
            path,
            replaces,
            cursor,
            watermark,
            at: 0,
            packed,
            sum,
            layout,
            sessions,
            pinned,
        };
        Self { segment, bytes }
    }
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

/// Checksum against damage, not against malice: four independent lanes, for instruction parallelism.
pub fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut sums = [0x9e37_79b9_7f4a_7c15 ^ bytes.len() as u64, 1, 2, 3];
    let add = |sum: &mut u64, word: &[u8; 8]| {
        *sum = (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let (fours, others) = words.as_chunks::<4>();
    for four in fours {
        sums.iter_mut().zip(four).for_each(|(sum, word)| add(sum, word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    others.iter().chain([&last]).for_each(|word| add(&mut sums[0], word));
    let [first, others @ ..] = sums;
    others.iter().fold(first, |sum, other| (sum.rotate_left(5) ^ other).wrapping_mul(FACTOR))
}

/// Writer of record fields.
pub(super) struct FieldWriter(pub Vec<u8>);

impl FieldWriter {
    pub fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

/// Reader of record fields.
#[derive(Clone)]
pub(super) struct FieldReader(pub Bytes);

impl FieldReader {
    pub fn number(&mut self) -> Option<u64> {
        let number = u64::from_le_bytes(*self.0.first_chunk()?);
        self.0.advance(8);
        Some(number)
    }

    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// Reads bytes with a length prefix, without a copy.
    pub fn shared(&mut self) -> Option<Bytes> {
        let len = self.size()?;
        (len <= self.0.len()).then(|| self.0.split_to(len))
    }
}

/// Returns the bytes of a source's path.
fn path_of(source: &Source) -> Bytes {
    Bytes::copy_from_slice(source.path.as_os_str().as_bytes())
}

//! A stretch of talk from one unit: its head, as it is stored, and how it is filled.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::block::{ENTRY, Shape};
use super::names::Names;
use crate::agent::texts::Text;
use crate::agent::{Cursor, Stamp, Unit};
use crate::domain::Agent;
use crate::domain::query::Part;

/// What a batch makes obsolete of what was stored of its unit before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// Nothing: it goes on where the last one ended.
    Nothing,
    /// All.
    Unit,
    /// The sessions that it holds.
    Sessions,
    /// It holds no texts, but which letters stand together in the unit; see [`super::Letters`].
    Letters,
}

impl Replaces {
    /// All of them; the index of each is what is stored.
    const ALL: [Self; 4] = [Self::Nothing, Self::Unit, Self::Sessions, Self::Letters];
}

/// A stretch of talk from one unit: what is known of it without reading it.
#[derive(Debug)]
pub struct Batch {
    /// Whose.
    pub agent: Agent,
    /// The unit's file: its path, by its bytes.
    pub(super) path: Bytes,
    /// What it makes obsolete.
    pub replaces: Replaces,
    /// How far the unit was read.
    pub cursor: Cursor,
    /// For units that are not lines: the watermark from which to go on. For lines: a check of what was read last.
    pub mark: u64,
    /// Where its block lies.
    pub at: u64,
    /// How many bytes its block takes there.
    pub packed: usize,
    /// A check of them.
    pub sum: u64,
    /// Parts of the block: texts, bytes of tools' names, bytes of text.
    pub shape: Shape,
    /// Ids of its sessions.
    pub sessions: Names,
    /// Its block, while somebody searches again and again.
    held: Mutex<Option<Arc<[u8]>>>,
}

impl Batch {
    /// The unit's file.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// Where its block lies.
    pub fn place(&self) -> Range<u64> {
        self.at..self.at + self.packed as u64
    }

    /// Its block, if it is held.
    pub fn held(&self) -> Option<Arc<[u8]>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds its block, or lets it go.
    pub fn hold(&self, block: Option<Arc<[u8]>>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = block;
    }

    /// Reads a batch's head; `None` where it is damaged.
    pub fn decode(bytes: Bytes) -> Option<Self> {
        let mut from = Input(bytes);
        let agent = Agent::from_name(std::str::from_utf8(&from.shared()?).ok()?)?;
        let replaces = *Replaces::ALL.get(usize::try_from(from.number()?).ok()?)?;
        let path = from.shared()?;
        let stamp = Stamp { inode: from.number()?, size: from.number()?, mtime_ns: from.number()?.cast_signed() };
        let cursor = Cursor { stamp, offset: from.number()? };
        let (mark, at, packed, sum) = (from.number()?, from.number()?, from.size()?, from.number()?);
        let shape = Shape { count: from.size()?, tools: from.size()?, text: from.size()? };
        let sessions = Names::read(&mut from)?;
        let whole = shape.count == 0 || sessions.len() > 0;
        let held = Mutex::default();
        whole.then_some(Self { agent, path, replaces, cursor, mark, at, packed, sum, shape, sessions, held })
    }

    /// Its head, as it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Output(Vec::with_capacity(256));
        to.bytes(self.agent.name().as_bytes());
        to.number(Replaces::ALL.iter().position(|replaces| *replaces == self.replaces).unwrap_or_default() as u64);
        to.bytes(&self.path);
        let Cursor { stamp, offset } = self.cursor;
        for number in [stamp.inode, stamp.size, stamp.mtime_ns.cast_unsigned(), offset, self.mark, self.at] {
            to.number(number);
        }
        let Shape { count, tools, text } = self.shape;
        for number in [self.packed as u64, self.sum, count as u64, tools as u64, text as u64] {
            to.number(number);
        }
        self.sessions.write(&mut to);
        to.0
    }
}

/// A batch that is being filled.
#[derive(Debug)]
pub struct Draft {
    agent: Agent,
    path: Bytes,
    /// What it makes obsolete.
    pub replaces: Replaces,
    sessions: Vec<Arc<str>>,
    tools: Vec<Arc<str>>,
    /// The block's table; see [`super::block`].
    entries: Vec<u8>,
    text: String,
}

impl Draft {
    /// An empty one for a unit.
    pub fn new(unit: &Unit, replaces: Replaces) -> Self {
        Self::of(unit.agent, path_of(unit), replaces)
    }

    /// One that says that the unit of another is gone.
    pub fn gone(last: &Batch) -> Self {
        Self::of(last.agent, last.path.clone(), Replaces::Unit)
    }

    fn of(agent: Agent, path: Bytes, replaces: Replaces) -> Self {
        let tools = vec![Arc::from("")];
        Self { agent, path, replaces, sessions: vec![], tools, entries: vec![], text: String::new() }
    }

    /// It is as full as it may be.
    pub fn is_full(&self) -> bool {
        self.text.len() >= FULL || self.sessions.len() >= usize::from(u16::MAX) - 1
    }

    /// Names a session that it replaces, though it may have no texts.
    pub fn name_session(&mut self, id: &str) -> u16 {
        number_of(&mut self.sessions, id)
    }

    /// Adds a text.
    pub fn push(&mut self, session: &str, text: &Text<'_>) {
        let session = self.name_session(session);
        let tool = number_of(&mut self.tools, text.tool);
        let part = Part::ALL.iter().position(|part| *part == text.part).unwrap_or_default();
        self.push_text(text.text);
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.push(APART);
        self.entries.extend_from_slice(&end.to_le_bytes());
        self.entries.extend_from_slice(&text.key.raw().to_le_bytes());
        self.entries.extend_from_slice(&session.to_le_bytes());
        self.entries.extend_from_slice(&tool.to_le_bytes());
        self.entries.push(u8::try_from(part).unwrap_or_default());
    }

    fn push_text(&mut self, text: &str) {
        if text.is_ascii() && !text.contains(APART) {
            self.text.push_str(text);
            return;
        }
        let kept = |c: &char| *c != APART;
        match is_nfc_quick(text.chars()) {
            IsNormalized::Yes => self.text.extend(text.chars().filter(kept)),
            IsNormalized::No | IsNormalized::Maybe => self.text.extend(text.nfc().filter(kept)),
        }
    }

    /// Ends it: the batch, and its block as it is to be stored.
    pub fn finish(self, cursor: Cursor, mark: u64) -> Packed {
        let Self { agent, path, replaces, sessions, tools, entries, text } = self;
        let names = tools.join("\0");
        let sessions = Names::new(sessions.iter().map(|id| &**id));
        let shape = Shape { count: entries.len() / ENTRY, tools: names.len(), text: text.len() };
        let mut block = entries;
        block.extend_from_slice(names.as_bytes());
        block.extend_from_slice(text.as_bytes());
        let empty = shape.count == 0;
        let bytes = if empty { Vec::new() } else { lz4_flex::block::compress(&block) };
        let (packed, sum, held) = (bytes.len(), checksum(&bytes), Mutex::default());
        let batch = Batch { agent, path, replaces, cursor, mark, at: 0, packed, sum, shape, sessions, held };
        Packed { batch, bytes }
    }
}

/// A batch on its way to disk.
#[derive(Debug)]
pub struct Packed {
    /// Its head; where its block will lie is not known yet.
    pub batch: Batch,
    /// Its block.
    pub bytes: Vec<u8>,
}

impl Packed {
    /// What is known of the letters of a unit, as far as it was read.
    pub fn letters(unit: &Unit, cursor: Cursor, mark: u64, bytes: Vec<u8>) -> Self {
        let (packed, sum, held) = (bytes.len(), checksum(&bytes), Mutex::default());
        let shape = Shape { text: packed, ..Shape::default() };
        let (path, replaces, sessions) = (path_of(unit), Replaces::Letters, Names::default());
        let batch =
            Batch { agent: unit.agent, path, replaces, cursor, mark, at: 0, packed, sum, shape, sessions, held };
        Self { batch, bytes }
    }
}

/// Keeps texts apart; no text holds it.
const APART: char = '\0';

/// Bytes of text after which a batch is ended.
const FULL: usize = 1 << 18;

/// The name's place in the list; the first one's once the list is full.
fn number_of(names: &mut Vec<Arc<str>>, name: &str) -> u16 {
    let known = names.iter().rposition(|known| **known == *name);
    let at = known.unwrap_or_else(|| {
        names.push(name.into());
        names.len() - 1
    });
    u16::try_from(at).unwrap_or(0)
}

/// A quick check against damage, not against malice: four sums side by side, so that none waits for another.
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

/// What is written, piece by piece.
pub(super) struct Output(pub Vec<u8>);

impl Output {
    pub fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

/// What is read, piece by piece.
#[derive(Clone)]
pub(super) struct Input(pub Bytes);

impl Input {
    pub fn number(&mut self) -> Option<u64> {
        let number = u64::from_le_bytes(*self.0.first_chunk()?);
        self.0.advance(8);
        Some(number)
    }

    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// Bytes with their length before them.
    pub fn shared(&mut self) -> Option<Bytes> {
        let len = self.size()?;
        (len <= self.0.len()).then(|| self.0.split_to(len))
    }
}

/// A unit's path, by its bytes.
fn path_of(unit: &Unit) -> Bytes {
    Bytes::copy_from_slice(unit.path.as_os_str().as_bytes())
}

//! A stretch of talk from one unit, and its form on disk.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::agent::texts::Text;
use crate::agent::{Cursor, Stamp, Unit};
use crate::domain::query::Part;
use crate::domain::{Agent, Key};

/// What a batch makes obsolete of what was stored of its unit before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// Nothing: it goes on where the last one ended.
    Nothing,
    /// All.
    Unit,
    /// The sessions that it holds.
    Sessions,
}

/// A stored text: what is known of it without reading it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its first byte, and the first one after it, in the batch's text.
    pub range: (usize, usize),
    /// The entry in which it is shown.
    pub key: Key,
    /// Which of the batch's sessions.
    pub session: usize,
    /// Which of the batch's tools; the first one has no name.
    pub tool: usize,
    /// What it is.
    pub part: Part,
}

/// Bytes of a stored entry.
const ENTRY: usize = 20;

/// A stretch of talk from one unit.
#[derive(Debug)]
pub struct Batch {
    /// Whose.
    pub agent: Agent,
    /// The unit's file.
    pub path: Arc<Path>,
    /// What it makes obsolete.
    pub replaces: Replaces,
    /// How far the unit was read.
    pub cursor: Cursor,
    /// For units that are not lines: the watermark from which to go on. For lines: a check of what was read last.
    pub mark: u64,
    /// Where its text lies.
    pub at: u64,
    /// How long its text is.
    pub len: usize,
    /// A check of its text.
    pub sum: u64,
    /// Ids of its sessions.
    pub sessions: Vec<Arc<str>>,
    /// Names of tools.
    pub tools: Vec<Arc<str>>,
    entries: Box<[u8]>,
}

impl Batch {
    /// How many texts it holds.
    pub fn count(&self) -> usize {
        self.entries.len() / ENTRY
    }

    /// A text by its number.
    pub fn entry(&self, at: usize) -> Entry {
        let start = if at == 0 { 0 } else { self.end(at - 1) + 1 };
        let bytes = &self.entries[at * ENTRY..][..ENTRY];
        let short = |from: usize| usize::from(u16::from_le_bytes([bytes[from], bytes[from + 1]]));
        let key = bytes[4..12].try_into().map_or(0, u64::from_le_bytes);
        let part = Part::ALL.get(usize::from(bytes[16])).copied().unwrap_or(Part::Notice);
        Entry {
            range: (start.min(self.end(at)), self.end(at)),
            key: Key::from_raw(key),
            session: short(12).min(self.sessions.len().saturating_sub(1)),
            tool: short(14).min(self.tools.len().saturating_sub(1)),
            part,
        }
    }

    /// The text in which a byte of the batch's text lies.
    pub fn entry_of(&self, byte: usize) -> usize {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.end(middle) < byte { low = middle + 1 } else { high = middle }
        }
        low.min(self.count().saturating_sub(1))
    }

    fn end(&self, at: usize) -> usize {
        let bytes = &self.entries[at * ENTRY..][..4];
        bytes.try_into().map_or(0, |bytes| u32::from_le_bytes(bytes) as usize).min(self.len)
    }

    /// Reads a batch's head; `None` where it is damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Input(bytes);
        let agent = Agent::from_name(from.text()?)?;
        let replaces = match from.number()? {
            0 => Replaces::Nothing,
            1 => Replaces::Unit,
            2 => Replaces::Sessions,
            _ => return None,
        };
        let path: Arc<Path> = Path::new(OsStr::from_bytes(from.bytes()?)).into();
        let stamp = Stamp { inode: from.number()?, size: from.number()?, mtime_ns: from.number()?.cast_signed() };
        let cursor = Cursor { stamp, offset: from.number()? };
        let (mark, at, len, sum) = (from.number()?, from.number()?, from.number()?, from.number()?);
        let (sessions, tools) = (from.names()?, from.names()?);
        let entries: Box<[u8]> = from.bytes()?.into();
        let whole =
            entries.len().is_multiple_of(ENTRY) && (entries.is_empty() || !(sessions.is_empty() || tools.is_empty()));
        let len = usize::try_from(len).ok().filter(|_| whole)?;
        Some(Self { agent, path, replaces, cursor, mark, at, len, sum, sessions, tools, entries })
    }

    /// Its head, as it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Output(Vec::with_capacity(self.entries.len() + 256));
        to.bytes(self.agent.name().as_bytes());
        to.number(match self.replaces {
            Replaces::Nothing => 0,
            Replaces::Unit => 1,
            Replaces::Sessions => 2,
        });
        to.bytes(self.path.as_os_str().as_bytes());
        let Cursor { stamp, offset } = self.cursor;
        let numbers = [stamp.inode, stamp.size, stamp.mtime_ns.cast_unsigned(), offset, self.mark, self.at];
        for number in numbers {
            to.number(number);
        }
        to.number(self.len as u64);
        to.number(self.sum);
        to.names(&self.sessions);
        to.names(&self.tools);
        to.bytes(&self.entries);
        to.0
    }
}

/// A batch that is being filled.
#[derive(Debug)]
pub struct Draft {
    agent: Agent,
    path: Arc<Path>,
    /// What it makes obsolete.
    pub replaces: Replaces,
    sessions: Vec<Arc<str>>,
    tools: Vec<Arc<str>>,
    entries: Vec<u8>,
    text: String,
}

impl Draft {
    /// An empty one for a unit.
    pub fn new(unit: &Unit, replaces: Replaces) -> Self {
        Self::of(unit.agent, unit.path.as_path().into(), replaces)
    }

    /// An empty one for the unit of that file.
    pub fn of(agent: Agent, path: Arc<Path>, replaces: Replaces) -> Self {
        let tools = vec!["".into()];
        Self { agent, path, replaces, sessions: vec![], tools, entries: vec![], text: String::new() }
    }

    /// Bytes of text in it.
    pub fn bytes(&self) -> usize {
        self.text.len()
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
        self.entries.extend_from_slice(&[u8::try_from(part).unwrap_or_default(), 0, 0, 0]);
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

    /// Ends it: the batch, to be stored at `at`, and its text.
    pub fn finish(self, cursor: Cursor, mark: u64) -> (Batch, String) {
        let Self { agent, path, replaces, sessions, tools, entries, text } = self;
        let (len, sum) = (text.len(), checksum(text.as_bytes()));
        let entries = entries.into();
        (Batch { agent, path, replaces, cursor, mark, at: 0, len, sum, sessions, tools, entries }, text)
    }
}

/// Keeps texts apart; no text holds it.
const APART: char = '\0';

/// Bytes of text after which a batch is ended.
const FULL: usize = 1 << 20;

/// The name's place in the list; the first one's once the list is full.
fn number_of(names: &mut Vec<Arc<str>>, name: &str) -> u16 {
    let known = names.iter().rposition(|known| **known == *name);
    let at = known.unwrap_or_else(|| {
        names.push(name.into());
        names.len() - 1
    });
    u16::try_from(at).unwrap_or(0)
}

/// A quick check against damage, not against malice.
pub fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = 0x9e37_79b9_7f4a_7c15 ^ bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = (sum.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    sum
}

struct Output(Vec<u8>);

impl Output {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn names(&mut self, names: &[Arc<str>]) {
        self.number(names.len() as u64);
        for name in names {
            self.bytes(name.as_bytes());
        }
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn number(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*head))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn names(&mut self) -> Option<Vec<Arc<str>>> {
        let count = self.number()?;
        (0..count).map(|_| self.text().map(Arc::from)).collect()
    }
}

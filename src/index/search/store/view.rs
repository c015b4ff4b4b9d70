//! What is stored at a moment: a snapshot that stays as it is while others write.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use foldhash::fast::RandomState;

use super::batch::{Batch, Replaces, checksum};
use super::block::{Block, Buffer};

/// Begins `heads`: the form of the files, to be changed with it.
pub(super) const MAGIC: [u8; 8] = *b"salontk3";

/// Bytes before the first head: the magic, and which `talk-N`.
pub(super) const PREAMBLE: u64 = 16;

/// Bytes between two places that are read together all the same.
const NEAR: u64 = 16 << 10;

/// Bytes of heads that are read at once.
const HEADS_AT_ONCE: usize = 64 << 10;

/// Longest head that is believed in: a batch may have tens of thousands of sessions.
const LONGEST_HEAD: u64 = 64 << 20;

/// Bytes that are read at once.
const AT_ONCE: u64 = 256 << 10;

/// Bytes before each head: its length and its check.
const FRAME: usize = 16;

/// A snapshot of what is stored.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Which `talk-N`.
    pub(super) generation: u64,
    /// The open `talk-N`.
    pub(super) talk: Option<Arc<File>>,
    inode: u64,
    /// Bytes of `heads` that are understood.
    pub(super) heads: u64,
    /// Bytes of `talk-N` that heads tell of.
    pub(super) bytes: u64,
    batches: Vec<Live>,
    /// By the bytes of their paths.
    units: HashMap<Bytes, OfUnit, RandomState>,
    /// Something that was read is not as it was written.
    damaged: Arc<AtomicBool>,
}

/// Where the batches of a unit are.
#[derive(Clone, Copy, Debug, Default)]
struct OfUnit {
    /// The last one with its talk.
    last: Option<usize>,
    /// What is known of its letters.
    letters: Option<usize>,
}

/// A stored batch, and what of it is obsolete.
#[derive(Clone, Debug)]
pub struct Live {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Its sessions that a later batch replaced.
    pub dead: Vec<usize>,
    gone: bool,
    /// The batch before it, of the same unit.
    before: Option<usize>,
}

impl Live {
    /// Notes that its sessions which another batch holds are obsolete.
    fn bury(&mut self, other: &Batch) {
        let sessions = self.batch.sessions.iter().enumerate();
        let dead =
            sessions.filter(|(at, id)| !self.dead.contains(at) && other.sessions.iter().any(|other| other == *id));
        let dead: Vec<usize> = dead.map(|(at, _)| at).collect();
        self.dead.extend(dead);
    }
}

impl View {
    /// Reads what lies in a directory.
    pub fn load(dir: &Path) -> io::Result<Self> {
        let mut file = File::open(dir.join("heads"))?;
        let mut preamble = [0; 16];
        file.read_exact(&mut preamble)?;
        let (magic, generation) = preamble.split_at(8);
        if magic != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another version's search index"));
        }
        let generation = generation.try_into().map_or(0, u64::from_le_bytes);
        let talk = Arc::new(File::open(talk_path(dir, generation))?);
        let inode = file.metadata()?.ino();
        let mut view = Self::begun(generation, talk, inode);
        view.read_heads(&mut file)?;
        Ok(view)
    }

    /// What lies there now, if it is not what this view knows.
    pub fn refreshed(&self, dir: &Path) -> Option<Self> {
        let mut file = File::open(dir.join("heads")).ok()?;
        let metadata = file.metadata().ok()?;
        if metadata.ino() != self.inode || metadata.len() < self.heads {
            return Self::load(dir).ok();
        }
        if metadata.len() == self.heads {
            return None;
        }
        let mut view = self.clone();
        view.read_heads(&mut file).ok()?;
        (view.heads > self.heads).then_some(view)
    }

    /// Takes in the heads behind those that are known, up to one that is not whole.
    fn read_heads(&mut self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.heads))?;
        let talk = self.talk.as_ref().map_or(Ok(0), |talk| talk.metadata().map(|metadata| metadata.len()))?;
        let mut rest = Bytes::new();
        loop {
            // What is known of a batch stays where it was read. One head may be longer than what is read at once.
            let mut bytes = BytesMut::zeroed(rest.len() + HEADS_AT_ONCE.max(rest.len()));
            bytes[..rest.len()].copy_from_slice(&rest);
            let read = file.read(&mut bytes[rest.len()..])?;
            bytes.truncate(rest.len() + read);
            rest = bytes.freeze();
            while let Some((head, behind)) = split_frame(&rest) {
                let batch = Batch::decode(head).filter(|batch| batch.at + batch.packed as u64 <= talk);
                let Some(batch) = batch else { return Ok(()) };
                self.heads += (rest.len() - behind.len()) as u64;
                self.add(Arc::new(batch));
                rest = behind;
            }
            if read == 0 || is_damaged(&rest) {
                return Ok(());
            }
        }
    }

    /// Takes a batch in that lies behind all others.
    pub(super) fn add(&mut self, batch: Arc<Batch>) {
        self.bytes = self.bytes.max(batch.at + batch.packed as u64);
        let here = self.batches.len();
        let of_unit = self.units.entry(batch.path.clone()).or_default();
        if batch.replaces == Replaces::Letters {
            of_unit.letters = Some(here);
            self.batches.push(Live { batch, dead: Vec::new(), gone: true, before: None });
            return;
        }
        let before = of_unit.last.replace(here);
        if batch.replaces == Replaces::Unit {
            of_unit.letters = None;
        }
        let mut at = before;
        while let Some(live) = at.map(|at| &mut self.batches[at]) {
            at = live.before;
            match batch.replaces {
                Replaces::Nothing | Replaces::Letters => break,
                Replaces::Unit => live.gone = true,
                Replaces::Sessions => live.bury(&batch),
            }
        }
        let before = if batch.replaces == Replaces::Unit { None } else { before };
        self.batches.push(Live { batch, dead: Vec::new(), gone: false, before });
    }

    fn of(&self, path: &Path) -> OfUnit {
        self.units.get(path.as_os_str().as_bytes()).copied().unwrap_or_default()
    }

    /// The last batch of a unit: how far it was read.
    pub fn last(&self, path: &Path) -> Option<&Batch> {
        self.of(path).last.map(|at| &*self.batches[at].batch)
    }

    /// The last batch of each unit of which something is stored.
    pub fn units(&self) -> impl Iterator<Item = &Batch> {
        self.units.values().filter_map(|of_unit| of_unit.last).map(|at| &*self.batches[at].batch)
    }

    /// What is known of the letters of a unit.
    pub fn letters(&self, path: &Path) -> Option<&Arc<Batch>> {
        self.of(path).letters.map(|at| &self.batches[at].batch)
    }

    /// All live batches of a unit, the last one first.
    pub fn of_unit(&self, path: &Path) -> impl Iterator<Item = &Arc<Batch>> {
        let mut at = self.of(path).last;
        let chain = std::iter::from_fn(move || {
            let live = &self.batches[at?];
            at = live.before;
            Some(live)
        });
        chain.filter(|live| !live.gone).map(|live| &live.batch)
    }

    /// All batches that are not obsolete.
    pub fn live(&self) -> impl Iterator<Item = &Live> {
        self.batches.iter().filter(|live| !live.gone && live.batch.shape.count > 0)
    }

    /// Bytes of text, and how many of them are obsolete.
    pub fn waste(&self) -> (u64, u64) {
        let live: usize = self
            .live()
            .map(|live| if live.dead.len() == live.batch.sessions.len() { 0 } else { live.batch.packed })
            .sum();
        let of_letters = self.units.values().filter_map(|of_unit| of_unit.letters);
        let letters: usize = of_letters.map(|at| self.batches[at].batch.packed).sum();
        (self.bytes, self.bytes.saturating_sub((live + letters) as u64))
    }

    /// What a batch holds, read into `buffer`. Fails where it is gone or damaged.
    pub fn read<'a>(&self, batch: &Batch, buffer: &'a mut Buffer) -> io::Result<Block<'a>> {
        if let Some(held) = batch.held() {
            return buffer.show(held, batch.shape);
        }
        self.read_packed(batch, &mut buffer.packed)?;
        buffer.unpack(batch.shape)
    }

    /// The same, to be held until [`View::release`].
    pub fn hold<'a>(&self, batch: &Batch, buffer: &'a mut Buffer) -> io::Result<Block<'a>> {
        if batch.held().is_none() {
            let mut bytes = vec![0; batch.shape.bytes()];
            self.read_packed(batch, &mut buffer.packed)?;
            let found = lz4_flex::block::decompress_into(&buffer.packed, &mut bytes).unwrap_or_default();
            if found != bytes.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            batch.hold(Some(bytes.into()));
        }
        self.read(batch, buffer)
    }

    /// Lets go of all that is held.
    pub fn release(&self) {
        self.batches.iter().for_each(|live| live.batch.hold(None));
    }

    /// Whether what was read of a batch is as it was written.
    pub fn is_sound(&self, batch: &Batch, bytes: &[u8]) -> bool {
        let sound = checksum(bytes) == batch.sum;
        if !sound {
            self.damaged.store(true, Ordering::Relaxed);
        }
        sound
    }

    /// Whether something was read that is not as it was written.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// What is stored of a batch, as it lies there, if it is as it was written.
    fn read_packed(&self, batch: &Batch, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(batch.packed, 0);
        let talk = self.talk.as_ref().ok_or(io::ErrorKind::NotFound)?;
        talk.read_exact_at(bytes, batch.at)?;
        if self.is_sound(batch, bytes) { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Reads what is stored at some places, which are in order; what lies nearly side by side, at once. Tells of each by
    /// its number, with nothing for what cannot be read.
    pub fn each_place(&self, places: &[Range<u64>], mut tell: impl FnMut(usize, &[u8]) -> ControlFlow<()>) {
        let (mut bytes, mut number) = (Vec::new(), 0);
        while let Some(first) = places.get(number) {
            let near = |pair: &[Range<u64>]| {
                pair[1].start >= pair[0].end
                    && pair[1].start - pair[0].end <= NEAR
                    && pair[1].end - first.start <= AT_ONCE
            };
            let count = 1 + places[number..].windows(2).take_while(|pair| near(pair)).count();
            let together = &places[number..number + count];
            let end = together.last().map_or(first.end, |last| last.end);
            bytes.resize(usize::try_from(end - first.start).unwrap_or(0), 0);
            let talk = self.talk.as_ref().ok_or(io::ErrorKind::NotFound);
            let whole = talk.is_ok_and(|talk| talk.read_exact_at(&mut bytes, first.start).is_ok());
            let at = |offset: u64| usize::try_from(offset - first.start).unwrap_or(0);
            for place in together {
                let read = if whole { &bytes[at(place.start)..at(place.end)] } else { &[] };
                if tell(number, read).is_break() {
                    return;
                }
                number += 1;
            }
        }
    }

    /// Tells apart what was stored at different moments.
    pub fn moment(&self) -> (u64, u64) {
        (self.generation, self.heads)
    }

    /// The part of the view in which every text is as it was written.
    pub(super) fn verified(&self, dir: &Path) -> Self {
        let Some(talk) = self.talk.clone() else { return Self::default() };
        let mut whole = Self::begun(self.generation, talk, self.inode);
        let mut buffer = Vec::new();
        for live in &self.batches {
            let batch = &live.batch;
            if self.read_packed(batch, &mut buffer).is_err() {
                tracing::warn!(dir = %dir.display(), "the search index is damaged; what follows is read again");
                return whole;
            }
            whole.heads += (batch.encode().len() + FRAME) as u64;
            whole.add(batch.clone());
        }
        whole
    }

    /// An empty view of files that were just begun.
    pub(super) fn begun(generation: u64, talk: Arc<File>, inode: u64) -> Self {
        Self { generation, talk: Some(talk), inode, heads: PREAMBLE, ..Self::default() }
    }
}

pub(super) fn talk_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("talk-{generation}"))
}

/// A head with its length and check before it.
pub(super) fn frame(head: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&(head.len() as u64).to_le_bytes());
    to.extend_from_slice(&checksum(head).to_le_bytes());
    to.extend_from_slice(head);
}

/// Whether what lies at the beginning is no head, however much more is read.
fn is_damaged(bytes: &[u8]) -> bool {
    let Some((len, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let len = u64::from_le_bytes(*len);
    len > LONGEST_HEAD || rest.len() as u64 >= len.saturating_add(8)
}

/// The first head, and what lies behind it; `None` where it is not whole.
fn split_frame(bytes: &Bytes) -> Option<(Bytes, Bytes)> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let (head, behind) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    (checksum(head) == u64::from_le_bytes(*sum)).then(|| (bytes.slice_ref(head), bytes.slice_ref(behind)))
}

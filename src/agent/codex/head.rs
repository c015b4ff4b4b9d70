//! The beginning of a rollout, read before the rest: whose it is, and how its lines are to be read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::dialect::{Rollout, Source};
use super::files;
use super::find::{self, field};
use super::line::{Item, Kind, Line};
use super::meta::{Base, Meta};
use crate::agent::jsonl::Text;
use crate::domain::Time;

/// What the beginning of a rollout tells. Remembered between summaries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Stands for the file's first bytes, to notice that another file took its place.
    pub first: u64,
    /// Bytes that had to be read.
    #[serde(skip)]
    pub bytes_read: u64,
    /// The thread.
    pub thread: String,
    /// Where what was said is taken from.
    pub source: Source,
    /// The source cannot be another one, however the file goes on.
    pub decided: bool,
    /// When it began.
    pub started: Option<Time>,
    /// Where it began.
    pub cwd: String,
    /// The branch at its beginning.
    pub branch: Option<String>,
    /// A sub-agent's.
    pub subagent: bool,
    /// Started without a person.
    pub headless: bool,
    /// The thread whose sub-agent it is.
    pub parent: Option<String>,
    /// The thread it was forked from.
    pub forked_from: Option<String>,
    /// Where the history before this file lies.
    pub base: Option<Base>,
}

/// Bytes of the first line that stand for the file.
const FIRST: usize = 256;
/// First bytes that are looked at; doubled until they tell enough.
const PROBE: usize = 32 << 10;
/// Where it is given up to look for events: a conversation of that length without any has none.
const FAR: usize = 8 << 20;

impl Head {
    /// Reads the beginning of a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut bytes = vec![0; PROBE];
        loop {
            let filled = fill(&file, &mut bytes)?;
            let whole = filled < bytes.len();
            let probe = &bytes[..filled];
            let source = source(probe);
            if source.is_some() || whole || bytes.len() >= FAR {
                return Ok(Self::of(path, probe, source, whole));
            }
            let longer = bytes.len() * 4;
            bytes.resize(longer, 0);
        }
    }

    /// Whether the file still begins as it did, and nothing more can be learnt from its beginning.
    pub fn holds(&self, path: &Path) -> bool {
        let mut first = [0; FIRST];
        let filled = File::open(path).and_then(|file| fill(&file, &mut first));
        self.decided && filled.is_ok_and(|filled| Text(&first[..filled]).hash() == self.first)
    }

    /// How the file's lines are to be read.
    pub fn dialect(&self) -> Rollout {
        Rollout { thread: self.thread.clone(), source: self.source, until: None }
    }

    fn of(path: &Path, probe: &[u8], source: Option<Source>, whole: bool) -> Self {
        let meta = lines(probe).filter_map(Line::parse).find(|line| line.kind == Kind::Meta);
        let meta: Meta = meta.and_then(|line| line.read()).unwrap_or_default();
        Self {
            first: Text(&probe[..probe.len().min(FIRST)]).hash(),
            bytes_read: probe.len() as u64,
            source: source.unwrap_or_default(),
            decided: (source.is_some() || !whole) && probe.len() >= FIRST,
            subagent: meta.is_subagent(),
            headless: meta.is_headless(),
            parent: meta.parent().map(str::to_owned),
            started: meta.timestamp.as_deref().and_then(Time::parse),
            thread: meta.id.unwrap_or_else(|| files::thread_of(path).to_owned()),
            cwd: meta.cwd.unwrap_or_default(),
            branch: meta.git.and_then(|git| git.branch),
            forked_from: meta.forked_from_id,
            base: meta.history_base,
        }
    }
}

/// Decides by the first lines that can tell. The prompt is told by an event at once, before any answer; an answer
/// without one means that there are no events.
fn source(probe: &[u8]) -> Option<Source> {
    lines(probe).filter_map(Line::parse).find_map(|line| match line.kind {
        Kind::Meta if field(line.payload, &find::HISTORY_MODE) == Some(b"paginated") => Some(Source::Items),
        Kind::Item(Item::User | Item::Agent | Item::Reasoning | Item::Tool) => Some(Source::Items),
        Kind::UserMessage | Kind::AgentMessage | Kind::AgentReasoning => Some(Source::Events),
        Kind::Message if field(line.payload, &find::ROLE) == Some(b"assistant") => Some(Source::Responses),
        _ => None,
    })
}

/// The complete lines.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    memchr::memchr_iter(b'\n', bytes).map(move |end| {
        let line = &bytes[from..end];
        from = end + 1;
        line
    })
}

fn fill(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

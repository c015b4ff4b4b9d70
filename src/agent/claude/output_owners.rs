//! Owners of long outputs: the tool calls whose results name the files. Tools of sub-agents write into the folder of
//! their parent session.
//!
//! A search asks for each output, so the results in the transcripts of a session are read once, and what was appended
//! later once more. The mere mention of a file in another text names no owner.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use memchr::memmem::Finder;

use super::replay::ReplayedHistory;
use super::{content, parts, preview};
use crate::agent::Discovery;
use crate::agent::json::{self, repair};
use crate::agent::jsonl::walk::{self, SUBAGENT, Walk};
use crate::domain::Agent;
use crate::stdx::files;
use crate::stdx::lines::LineReader;

/// Maximum depth of sub-agents' transcripts below a session's own folder, because the walk must end.
const DEPTH: usize = 3;

/// The tool call whose output is in a file.
#[derive(Clone, Debug)]
struct OutputOwner {
    session: Arc<str>,
    call: Arc<str>,
}

/// Owners of the outputs of a session, and what was read to find them.
#[derive(Debug, Default)]
struct Owners {
    /// Offset after the last line that was read, by transcript.
    read: HashMap<PathBuf, u64>,
    by_name: HashMap<String, OutputOwner>,
}

/// Owners by the session's folder.
static KNOWN: Mutex<Option<HashMap<PathBuf, Owners>>> = Mutex::new(None);

/// Returns the session of an output: the one whose transcript names it, else the one that the folder belongs to.
pub(super) fn session(output: &Path) -> Option<Arc<str>> {
    let folder = output.parent()?.parent()?;
    // Without sub-agents there is no choice.
    let named = if folder.join("subagents").is_dir() { owner(output) } else { None };
    named.map(|owner| owner.session).or_else(|| Some(folder.file_name()?.to_string_lossy().into()))
}

/// Returns the id of the tool call whose output is in a file; empty if no transcript names the file.
pub(super) fn call(output: &Path) -> String {
    owner(output).map(|owner| owner.call.to_string()).unwrap_or_default()
}

fn owner(output: &Path) -> Option<OutputOwner> {
    let (name, folder) = (output.file_name()?.to_str()?, output.parent()?.parent()?);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let owners = known.get_or_insert_default().entry(folder.to_owned()).or_default();
    if !owners.by_name.contains_key(name) {
        owners.read_new(folder);
    }
    owners.by_name.get(name).cloned()
}

impl Owners {
    /// Reads what the transcripts of a session contain by now: its own, then those of its sub-agents.
    fn read_new(&mut self, folder: &Path) {
        for path in parts::files_of(&folder.with_extension("jsonl")) {
            self.read_transcript(&path, |_| 0);
        }
        let mut found = Discovery::default();
        Walk::of(Agent::Claude).files(&folder.join("subagents"), DEPTH, &mut found);
        for source in found.sources.into_iter().filter(|source| source.kind == SUBAGENT) {
            // What a sub-agent repeats of its parent's conversation is the parent's.
            self.read_transcript(&source.path, |path| ReplayedHistory::of(path, None).end);
        }
    }

    /// Reads the lines that were appended to a transcript, from `start` on at first. One that cannot be read names nothing.
    fn read_transcript(&mut self, path: &Path, start: impl FnOnce(&Path) -> u64) {
        let size = path.metadata().map_or(0, |metadata| metadata.len());
        let from = self.read.get(path).copied().filter(|from| *from <= size).unwrap_or_else(|| start(path));
        if from < size
            && let Ok(end) = self.read_lines(path, from)
        {
            self.read.insert(path.to_owned(), end);
        }
    }

    fn read_lines(&mut self, path: &Path, from: u64) -> io::Result<u64> {
        static SAVED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(preview::SAVED));
        let session: Arc<str> = walk::stem(path).into();
        let mut lines = LineReader::from_offset(files::open(path)?, from)?;
        while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
            if SAVED.find(line.bytes).is_none() {
                continue;
            }
            let record = json::parse(line.bytes).unwrap_or_default();
            for result in record["message"]["content"].as_array().into_iter().flatten() {
                let text = content::text(&result["content"]);
                let (Some(name), Some(call)) = (preview::name(&text), result["tool_use_id"].as_str()) else { continue };
                let owner = || OutputOwner { session: session.clone(), call: call.into() };
                self.by_name.entry(name.to_owned()).or_insert_with(owner);
            }
        }
        Ok(lines.offset())
    }
}

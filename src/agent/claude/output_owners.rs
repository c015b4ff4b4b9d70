//! Owners of long outputs: the tool calls whose results name the files. Tools of sub-agents write into the folder of
//! their parent session.
//!
//! A search asks for each output, so the results in the transcripts of a session are read once, and what was appended
//! later once more. An output that none of them names is looked for again when they have changed. The mere mention of a
//! file in another text names no owner.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use memchr::memmem::Finder;

use super::replay::ReplayedHistory;
use super::{
    content, parts,
    preview::{self, CALL_ID},
};
use crate::agent::json::{self, repair};
use crate::agent::jsonl::walk::{self, SUBAGENT, Walk};
use crate::agent::{Discovery, FileStamp, tool_input};
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
    /// Path that its result names, below the folder of outputs.
    path: String,
}

/// Owners of the outputs of a session, and what was read to find them.
#[derive(Debug, Default)]
struct Owners {
    /// Offset after the last line that was read, by transcript.
    read: HashMap<PathBuf, u64>,
    /// By the path below the folder of outputs.
    by_path: HashMap<String, OutputOwner>,
    /// By the file's name, of an output that was moved to another subfolder.
    by_name: HashMap<String, OutputOwner>,
    /// By the call's id, of an output that is named after it; `None` if there is no such call.
    by_call: HashMap<String, Option<OutputOwner>>,
    /// Transcripts and their folders, with their stamps before they were read.
    seen: Vec<(PathBuf, Option<FileStamp>)>,
}

/// Owners by the session's folder. Each has a lock of its own, because transcripts are read under it.
static KNOWN: Mutex<Option<HashMap<PathBuf, Arc<Mutex<Owners>>>>> = Mutex::new(None);

/// Returns the session of an output: the one whose transcript names it, else the one that the folder belongs to.
pub(super) fn session(output: &Path) -> Option<Arc<str>> {
    let (folder, _) = split(output)?;
    // Without sub-agents there is no choice.
    let named = if folder.join("subagents").is_dir() { owner(output) } else { None };
    named.map(|owner| owner.session).or_else(|| Some(folder.file_name()?.to_string_lossy().into()))
}

/// Returns the id of the tool call whose output is in a file; empty if no transcript names the file.
pub(super) fn call(output: &Path) -> String {
    owner(output).map(|owner| owner.call.to_string()).unwrap_or_default()
}

fn owner(output: &Path) -> Option<OutputOwner> {
    let (folder, path) = split(output)?;
    let path = path.to_str()?;
    let owners = owners_of(folder);
    let mut owners = owners.lock().unwrap_or_else(PoisonError::into_inner);
    if !owners.by_path.contains_key(path) && owners.have_changed() {
        owners.read_new(folder);
    }
    let outputs = folder.join(preview::FOLDER);
    let moved = || owners.by_name.get(preview::name(path)).filter(|owner| !outputs.join(&owner.path).is_file());
    let named = owners.by_path.get(path).or_else(moved).cloned();
    named.or_else(|| owners.of_call(&walk::stem(output)))
}

/// Splits the path of an output into its session's folder, and the path below the folder of outputs.
fn split(output: &Path) -> Option<(&Path, &Path)> {
    let outputs = output.ancestors().skip(1).find(|folder| folder.ends_with(preview::FOLDER))?;
    Some((outputs.parent()?, output.strip_prefix(outputs).ok()?))
}

fn owners_of(folder: &Path) -> Arc<Mutex<Owners>> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().entry(folder.to_owned()).or_default().clone()
}

impl Owners {
    /// True if a transcript, or a folder of transcripts, has changed since they were read.
    fn have_changed(&self) -> bool {
        self.seen.is_empty() || self.seen.iter().any(|(path, before)| stamp(path) != *before)
    }

    /// The call with an id that is the name of an output, in the transcripts that were read.
    fn of_call(&mut self, id: &str) -> Option<OutputOwner> {
        if id.len() < CALL_ID {
            return None;
        }
        if let Some(known) = self.by_call.get(id) {
            return known.clone();
        }
        let finder = Finder::new(id);
        let owner = || OutputOwner { session: "".into(), call: id.into(), path: String::new() };
        let found = self.read.keys().find(|path| has_result(path, id, &finder).unwrap_or(false));
        let found = found.map(|path| OutputOwner { session: walk::stem(path).into(), ..owner() });
        self.by_call.insert(id.to_owned(), found.clone());
        found
    }

    /// Reads what the transcripts of a session contain by now: its own, then those of its sub-agents.
    fn read_new(&mut self, folder: &Path) {
        self.by_call.clear();
        let own = parts::files_of(&folder.with_extension("jsonl"));
        let subagents = folder.join("subagents");
        let mut found = Discovery::default();
        Walk::of(Agent::Claude).files(&subagents, DEPTH, &mut found);
        let of_subagents = found.sources.iter().map(|source| source.path.clone());
        let projects = folder.parent().and_then(Path::parent).map(Path::to_owned);
        let mut seen: Vec<PathBuf> = own.iter().cloned().chain(of_subagents).collect();
        let folders: HashSet<PathBuf> = seen.iter().filter_map(|path| path.parent().map(Path::to_owned)).collect();
        seen.extend(folders.into_iter().chain([subagents]).chain(projects));
        self.seen = seen.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        for path in own {
            self.read_transcript(&path, |_| 0);
        }
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
            for result in tool_input::items(&record["message"]["content"]) {
                let text = content::text(&result["content"]);
                let (Some(path), Some(call)) = (preview::path(&text), result["tool_use_id"].as_str()) else { continue };
                let owner = OutputOwner { session: session.clone(), call: call.into(), path: path.clone() };
                self.by_name.entry(preview::name(&path).to_owned()).or_insert_with(|| owner.clone());
                self.by_path.entry(path).or_insert(owner);
            }
        }
        Ok(lines.offset())
    }
}

/// True if a transcript has a result of the call with an id.
fn has_result(transcript: &Path, id: &str, finder: &Finder<'_>) -> io::Result<bool> {
    let mut lines = LineReader::from_offset(files::open(transcript)?, 0)?;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        if finder.find(line.bytes).is_some() {
            let record = json::parse(line.bytes).unwrap_or_default();
            let results = tool_input::items(&record["message"]["content"]);
            if results.into_iter().any(|result| result["tool_use_id"] == id) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn stamp(path: &Path) -> Option<FileStamp> {
    path.metadata().ok().map(|metadata| FileStamp::of(&metadata))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn result(name: &str, call: &str, is_single: bool) -> String {
        let text = format!("<persisted-output>\\nFull output saved to: /x/{name}\\n\\nPreview");
        let block = format!(r#"{{"type":"tool_result","tool_use_id":"{call}","content":"{text}"}}"#);
        let content = if is_single { block } else { format!("[{block}]") };
        format!(r#"{{"type":"user","uuid":"{call}","message":{{"role":"user","content":{content}}}}}"#) + "\n"
    }

    #[test]
    fn an_output_is_owned_by_the_call_that_names_it_in_a_list_or_in_a_single_block() {
        let home = tempfile::tempdir().expect("a folder");
        let session = home.path().join("projects/-p/s1");
        fs::create_dir_all(session.join("subagents")).expect("created");
        fs::write(session.with_extension("jsonl"), result("a.txt", "t1", false)).expect("written");
        fs::write(session.join("subagents/agent-1.jsonl"), result("b.txt", "t2", true)).expect("written");
        let output = |name: &str| session.join("tool-results").join(name);
        assert_eq!((call(&output("a.txt")), call(&output("b.txt"))), ("t1".to_owned(), "t2".to_owned()));
        assert_eq!(super::session(&output("b.txt")).as_deref(), Some("agent-1"));
    }

    #[test]
    fn an_output_that_nothing_names_is_looked_for_again_when_a_transcript_or_a_folder_changes() {
        let home = tempfile::tempdir().expect("a folder");
        let session = home.path().join("projects/-p/s1");
        let subagents = session.join("subagents");
        fs::create_dir_all(&subagents).expect("created");
        fs::write(session.with_extension("jsonl"), result("a.txt", "t1", false)).expect("written");
        let output = session.join("tool-results/b.txt");
        assert_eq!(call(&output), "");
        let before = subagents.metadata().and_then(|folder| folder.modified()).expect("a time");
        fs::write(subagents.join("agent-1.jsonl"), result("b.txt", "t2", false)).expect("written");
        let set_time = |time| {
            let opened = File::options().read(true).open(&subagents);
            opened.and_then(|folder| folder.set_modified(time)).expect("set");
        };
        set_time(before);
        let now = (subagents.clone(), stamp(&subagents));
        let is_unchanged = owners_of(&session).lock().expect("a lock").seen.contains(&now);
        if is_unchanged {
            assert_eq!(call(&output), "", "nothing looks changed, so nothing is listed");
        }
        set_time(before + std::time::Duration::from_secs(1));
        assert_eq!(call(&output), "t2");
    }
}

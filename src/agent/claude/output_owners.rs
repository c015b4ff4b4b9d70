//! Owners of long outputs: the tool calls whose results name the files. Tools of sub-agents write into the folder of
//! their parent session.
//!
//! A search asks for each output, so the results in the transcripts of a session are read once, and what was appended
//! later once more. An output that none of them names is looked for again when they have changed. The mere mention of a
//! file in another text names no owner.
//!
//! An output that no result names may be named after its call. Only the results of such calls are noted, by the names that
//! the folder had. For one that is in the folder later than its call's result, all is read once more.

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
    /// By the call's id, of an output that is named after it.
    by_call: HashMap<String, OutputOwner>,
    /// Names of the outputs, without endings, when lines were last read.
    names: HashSet<String>,
    /// Those whose calls were looked for in all lines.
    looked_for: HashSet<String>,
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
    named.or_else(|| owners.of_call(folder, &walk::stem(output)))
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

    /// The call with an id that is the name of an output, in the session's transcripts.
    fn of_call(&mut self, folder: &Path, id: &str) -> Option<OutputOwner> {
        if id.len() < CALL_ID {
            return None;
        }
        if !self.by_call.contains_key(id) && !self.looked_for.contains(id) {
            self.read.clear();
            self.read_new(folder);
            self.looked_for.clone_from(&self.names);
            self.looked_for.insert(id.to_owned());
        }
        self.by_call.get(id).cloned()
    }

    /// Reads what the transcripts of a session contain by now: its own, then those of its sub-agents.
    fn read_new(&mut self, folder: &Path) {
        self.names = names(&folder.join(preview::FOLDER));
        if self.read.is_empty() {
            self.looked_for.clone_from(&self.names);
        }
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
            if SAVED.find(line.bytes).is_none() && !self.may_be_of_call(line.bytes) {
                continue;
            }
            let record = json::parse(line.bytes).unwrap_or_default();
            for result in tool_input::items(&record["message"]["content"]) {
                let Some(call) = result["tool_use_id"].as_str() else { continue };
                if self.names.contains(call) {
                    let owner = || OutputOwner { session: session.clone(), call: call.into(), path: String::new() };
                    self.by_call.entry(call.to_owned()).or_insert_with(owner);
                }
                let Some(path) = preview::path(&content::text(&result["content"])) else { continue };
                let owner = OutputOwner { session: session.clone(), call: call.into(), path: path.clone() };
                self.by_name.entry(preview::name(&path).to_owned()).or_insert_with(|| owner.clone());
                self.by_path.entry(path).or_insert(owner);
            }
        }
        Ok(lines.offset())
    }

    /// True for a record with the result of a call that an output is named after, as its bytes show.
    fn may_be_of_call(&self, record: &[u8]) -> bool {
        static RESULT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"tool_use_id\""));
        let id = |at: usize| {
            let rest = record[at..].strip_prefix(b"\"tool_use_id\"")?.trim_ascii_start().strip_prefix(b":")?;
            let id = rest.trim_ascii_start().strip_prefix(b"\"")?;
            std::str::from_utf8(&id[..memchr::memchr(b'"', id)?]).ok()
        };
        !self.names.is_empty() && RESULT.find_iter(record).filter_map(id).any(|id| self.names.contains(id))
    }
}

/// Names of the files in a folder of outputs, without their endings, that may be ids of calls.
fn names(outputs: &Path) -> HashSet<String> {
    let mut found = Discovery::default();
    Walk { agent: Agent::Claude, kind: |_| Some(0), links: false }.files(outputs, DEPTH, &mut found);
    found.sources.iter().map(|source| walk::stem(&source.path)).filter(|name| name.len() >= CALL_ID).collect()
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

    /// A session whose sub-agent repeats its result of a call, and has one of its own.
    fn with_replay() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("a folder");
        let session = home.path().join("projects/-p/s1");
        fs::create_dir_all(session.join("subagents")).expect("created");
        let (first, later) = (unnamed(CALLS[0], "same"), unnamed(CALLS[1], "later"));
        fs::write(session.with_extension("jsonl"), &first).expect("written");
        fs::write(session.join("subagents/agent-1.jsonl"), first + &later).expect("written");
        (home, session)
    }

    const CALLS: [&str; 4] = ["toolu_12345678", "toolu_22345678", "toolu_32345678", "toolu_42345678"];

    fn unnamed(call: &str, id: &str) -> String {
        let block = format!(r#"[{{"type":"tool_result","tool_use_id":"{call}","content":"a row"}}]"#);
        format!(r#"{{"type":"user","uuid":"{id}","message":{{"role":"user","content":{block}}}}}"#) + "\n"
    }

    fn put_outputs(session: &Path, calls: &[&str]) {
        fs::create_dir_all(session.join("tool-results")).expect("created");
        for call in calls {
            fs::write(session.join(format!("tool-results/{call}.txt")), "a row").expect("written");
        }
    }

    #[test]
    fn an_output_named_after_its_call_belongs_to_the_session_and_not_to_a_sub_agent_that_repeats_it() {
        // The order of a hash map differs from one to the next.
        for _ in 0..12 {
            let (_home, session) = with_replay();
            put_outputs(&session, &CALLS);
            let owner = |call: &str| owner(&session.join(format!("tool-results/{call}.txt")));
            let sessions = CALLS[..3].iter().map(|call| owner(call).map(|owner| owner.session.to_string()));
            let expected = [Some("s1".to_owned()), Some("agent-1".to_owned()), None];
            assert_eq!(sessions.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn results_that_were_read_are_not_read_again_after_an_append() {
        let (_home, session) = with_replay();
        let transcript = session.with_extension("jsonl");
        put_outputs(&session, &CALLS[..3]);
        let call = |call: &str| super::call(&session.join(format!("tool-results/{call}.txt")));
        assert_eq!((call(CALLS[0]), call(CALLS[2])), (CALLS[0].to_owned(), String::new()));
        // A record of another call in place of the first one would be found, if that were read again.
        fs::write(&transcript, unnamed(CALLS[2], "same") + &unnamed("toolu_52345678", "next")).expect("written");
        assert_eq!((call(CALLS[0]), call(CALLS[2])), (CALLS[0].to_owned(), String::new()));
        // An output that is there later than the result of its call.
        put_outputs(&session, &["toolu_52345678"]);
        assert_eq!(call("toolu_52345678"), "toolu_52345678");
    }
}

//! Long outputs of tools: the record contains a preview and the path of a file with the whole text.
//!
//! Verified with 0.24.4, which deletes the files after a day:
//!
//! - `tmp/<hash of the directory>/tool-results/<call>.txt`, or in a subfolder of that, after `<persisted-output>`; a file
//!   that no record names belongs to the call whose id is its name;
//! - `tmp/<hash of the directory>/<tool>_<random>.output`, after a sentence about truncation.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use memchr::memmem::Finder;

use super::paths;
use crate::agent::gemini::chat;
use crate::agent::json::{self, repair};
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::side_text::{self, NamedFiles, SideTextDecoder};
use crate::agent::texts::SourceDecoder;
use crate::agent::{Discovery, FileStamp, Source, SourceSummary, tool_input};
use crate::domain::{Agent, Entry};
use crate::stdx::files;
use crate::stdx::lines::LineReader;

/// Source kind of an output.
pub(super) const OUTPUT: u8 = 3;

/// Name of the folder of outputs inside a project's temporary folder.
const FOLDER: &str = "tool-results";

/// Maximum depth of subfolders in that folder.
const DEPTH: usize = 3;

/// Minimum length of a call's id by which a file belongs to the call, because short ones are not unique.
const CALL_ID: usize = 8;

/// Beginnings of previews.
const PREVIEWS: [&str; 2] = ["<persisted-output>", "Tool output was too large and has been truncated"];

/// Text before the path of the file.
const SAVED_TO: &str = "saved to: ";

const RESULTS: Walk = Walk { agent: Agent::Qwen, kind: result_kind, links: false };
const TRUNCATED: Walk = Walk { agent: Agent::Qwen, kind: truncated_kind, links: false };

fn result_kind(name: &[u8]) -> Option<u8> {
    name.ends_with(b".txt").then_some(OUTPUT)
}

fn truncated_kind(name: &[u8]) -> Option<u8> {
    name.ends_with(b".output").then_some(OUTPUT)
}

/// Finds the outputs in the temporary folder of a project.
pub(super) fn discover(folder: &Path, discovery: &mut Discovery) {
    TRUNCATED.files(folder, 0, discovery);
    RESULTS.files(&folder.join(FOLDER), DEPTH, discovery);
}

/// Returns the output that a changed path below `tmp` is; `None` for any other file.
pub(super) fn affected(tmp: &Path, path: &Path) -> Option<(PathBuf, Option<Source>)> {
    is_output(tmp, path).then(|| (path.to_owned(), RESULTS.source(path).or_else(|| TRUNCATED.source(path))))
}

/// True for the path of an output.
pub(super) fn is_output(tmp: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(tmp) else { return false };
    let steps: Vec<_> = below.components().map(Component::as_os_str).collect();
    match steps[..] {
        [_, name] => truncated_kind(name.as_encoded_bytes()).is_some(),
        [_, folder, .., name] if steps.len() <= 3 + DEPTH => {
            folder == FOLDER && result_kind(name.as_encoded_bytes()).is_some()
        }
        _ => false,
    }
}

/// Folder of the outputs of a home, in which those of a session are found.
#[derive(Debug)]
pub(super) struct QwenOutputs {
    /// The agent's own folder `tmp`.
    tmp: PathBuf,
    /// Temporary folder of the session's project.
    project: PathBuf,
    /// Outputs of the project by their names.
    named: NamedFiles,
}

impl QwenOutputs {
    /// Creates the folder of a session that runs in a directory.
    pub(super) fn new(tmp: PathBuf, directory: &str) -> Self {
        let project = tmp.join(chat::folder_hash(directory));
        Self { tmp, project, named: NamedFiles::default() }
    }

    /// Finds the file with the whole output of an entry.
    pub(super) fn file(&self, entry: &Entry) -> Option<PathBuf> {
        let tool = entry.tool.as_ref()?;
        if let Some(recorded) = saved_to(&tool.output) {
            return self.recorded(recorded);
        }
        let path = self.named(&tool.id).filter(|_| tool.id.len() >= CALL_ID)?;
        let is_longer = path.metadata().ok()?.len() > tool.output.len() as u64;
        is_longer.then_some(path)
    }

    /// Finds the file that a record names. Only the folder `tmp` is looked in, because a record may name any file.
    fn recorded(&self, recorded: &str) -> Option<PathBuf> {
        let recorded = recorded.replace('\\', "/");
        let steps: Vec<_> = Path::new(&recorded).components().collect();
        let at = steps.iter().rposition(|step| step.as_os_str() == "tmp")?;
        if !steps[at + 1..].iter().all(|step| matches!(step, Component::Normal(_))) {
            return None;
        }
        let below: PathBuf = steps[at + 1..].iter().collect();
        let own = self.tmp.join(&below);
        if !is_output(&self.tmp, &own) {
            return None;
        }
        // The folder has another name where the project or the files were moved; the file's name is unique.
        let in_project = below.components().skip(1).collect::<PathBuf>();
        let projects = || walk::subdirectories(&self.tmp, &mut Vec::new()).into_iter();
        let elsewhere = || projects().map(|folder| folder.join(&in_project)).find(|path| path.is_file());
        let moved = || self.named(&walk::stem(&own));
        if own.is_file() { Some(own) } else { elsewhere().or_else(moved) }
    }

    /// Output of the project by its name without ending.
    fn named(&self, name: &str) -> Option<PathBuf> {
        self.named.find(name, (&RESULTS, &self.project.join(FOLDER), DEPTH))
    }
}

/// Path that a preview names.
fn saved_to(output: &str) -> Option<&str> {
    let is_preview = PREVIEWS.iter().any(|preview| output.starts_with(preview));
    let rest = is_preview.then(|| output.split_once(SAVED_TO))??.1;
    rest.lines().next().map(str::trim)
}

/// Summarises an output: its size counts for its session.
pub(super) fn summarise(source: &Source) -> SourceSummary {
    match owner(&source.path) {
        Some(owner) => side_text::summary(source, owner.session),
        None => SourceSummary::none(),
    }
}

/// Session whose output is in a file.
pub(super) fn session(source: &Source) -> Option<Arc<str>> {
    owner(&source.path).map(|owner| owner.session)
}

/// Creates the decoder of an output's text.
pub(super) fn decoder(source: &Source) -> io::Result<SourceDecoder> {
    let OutputOwner { session, call } = owner(&source.path).ok_or(io::ErrorKind::NotFound)?;
    Ok(SourceDecoder { session, decode: Box::new(SideTextDecoder { call }) })
}

/// The tool call whose output is in a file.
struct OutputOwner {
    session: Arc<str>,
    call: String,
}

/// Finds the call in the transcripts of the project. The record is written after the file.
fn owner(output: &Path) -> Option<OutputOwner> {
    let results = output.ancestors().skip(1).take(DEPTH + 1).find(|folder| folder.ends_with(FOLDER));
    let folder = results.unwrap_or(output).parent()?;
    let mut discovery = Discovery::default();
    match paths::project_of(folder) {
        Some((project, _)) => paths::project(&project, &mut discovery),
        // The files were moved, or the project was: any transcript of the home may name the output.
        None => paths::discover(folder.ancestors().nth(2)?, &mut discovery),
    }
    let written = FileStamp::of(&output.metadata().ok()?).mtime_ns;
    // A copy of the files may have other times.
    let mut transcripts = discovery.sources;
    transcripts.sort_by_key(|source| source.stamp.mtime_ns < written);
    let (name, stem) = (output.file_name()?.to_str()?, walk::stem(output));
    let finder = Finder::new(stem.as_bytes());
    let owner = |source: &Source| {
        let call = call_in(&source.path, (name, &stem), &finder)?;
        Some(OutputOwner { session: walk::stem(&source.path).into(), call })
    };
    transcripts.iter().find_map(owner)
}

/// Id of the call whose result names a file, or else of one that the file is named after. The mere mention of the file is no
/// result, and one without an id is of no call.
fn call_in(transcript: &Path, (name, stem): (&str, &str), finder: &Finder<'_>) -> Option<String> {
    let mut lines = LineReader::from_offset(files::open(transcript).ok()?, 0).ok()?;
    let mut of_same_name = None;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole).ok()? {
        if finder.find(line.bytes).is_none() {
            continue;
        }
        let record = json::parse(line.bytes).unwrap_or_default();
        let is_named = |output: &str| saved_to(output).and_then(|path| path.rsplit(['/', '\\']).next()) == Some(name);
        for part in super::decode::parts(&record) {
            let response = &part["functionResponse"];
            let answer = &response["response"];
            let fields = ["output", "error", "content"].map(|field| tool_input::flat(&answer[field]));
            let ids = [&response["id"], &record["toolCallResult"]["callId"]].map(tool_input::flat);
            let Some(id) = ids.into_iter().find(|id| !id.is_empty()) else { continue };
            if fields.iter().any(|output| is_named(output)) {
                return Some(id);
            }
            if !response.is_null() && id == stem && id.len() >= CALL_ID {
                of_same_name = Some(id);
            }
        }
    }
    of_same_name
}

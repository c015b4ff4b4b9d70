//! Long outputs of tools: the record contains a preview and the path of a file with the whole text.
//!
//! Verified with 0.24.4, which deletes the files after a day:
//!
//! - `tmp/<hash of the directory>/tool-results/<call>.txt`, after `<persisted-output>`;
//! - `tmp/<hash of the directory>/<tool>_<random>.output`, after a sentence about truncation.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use memchr::memmem::Finder;

use super::paths;
use crate::agent::json::{self, repair};
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::side_text::{self, SideTextDecoder};
use crate::agent::texts::SourceDecoder;
use crate::agent::{Discovery, FileStamp, Source, SourceSummary, tool_input};
use crate::domain::{Agent, Entry};
use crate::stdx::files;
use crate::stdx::lines::LineReader;

/// Source kind of an output.
pub(super) const OUTPUT: u8 = 3;

/// Name of the folder of outputs inside a project's temporary folder.
const FOLDER: &str = "tool-results";

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
    RESULTS.files(&folder.join(FOLDER), 0, discovery);
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
        [_, folder, name] => folder == FOLDER && result_kind(name.as_encoded_bytes()).is_some(),
        _ => false,
    }
}

/// Finds the file with the whole output of an entry. Only the agent's own folder `tmp` is looked in, because a record may
/// name any file.
pub(super) fn file(tmp: &Path, entry: &Entry) -> Option<PathBuf> {
    let recorded = saved_to(&entry.tool.as_ref()?.output)?.replace('\\', "/");
    let recorded = Path::new(&recorded);
    let steps: Vec<_> = recorded.components().collect();
    let at = steps.iter().rposition(|step| step.as_os_str() == "tmp")?;
    if !steps[at + 1..].iter().all(|step| matches!(step, Component::Normal(_))) {
        return None;
    }
    let below: PathBuf = steps[at + 1..].iter().collect();
    let own = tmp.join(&below);
    if !is_output(tmp, &own) {
        return None;
    }
    // The folder has another name where the project or the files were moved; the file's name is unique.
    let in_project = below.components().skip(1).collect::<PathBuf>();
    let elsewhere = || walk::subdirectories(tmp, &mut Vec::new()).into_iter().map(|folder| folder.join(&in_project));
    if own.is_file() { Some(own) } else { elsewhere().find(|path| path.is_file()) }
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
    let folder = output.ancestors().skip(1).find(|folder| !folder.ends_with(FOLDER))?;
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
    let name = output.file_name()?.to_str()?;
    let finder = Finder::new(name.as_bytes());
    let owner = |source: &Source| {
        let call = call_in(&source.path, name, &finder)?;
        Some(OutputOwner { session: walk::stem(&source.path).into(), call })
    };
    transcripts.iter().find_map(owner)
}

/// Id of the call whose result names a file. The mere mention of the file is no result, and one without an id is of no call.
fn call_in(transcript: &Path, name: &str, finder: &Finder<'_>) -> Option<String> {
    let mut lines = LineReader::from_offset(files::open(transcript).ok()?, 0).ok()?;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole).ok()? {
        if finder.find(line.bytes).is_none() {
            continue;
        }
        let record = json::parse(line.bytes).unwrap_or_default();
        let is_named = |output: &str| saved_to(output).and_then(|path| path.rsplit(['/', '\\']).next()) == Some(name);
        let calls = super::decode::parts(&record).into_iter().filter_map(|part| {
            let response = &part["functionResponse"];
            let answer = &response["response"];
            let fields = ["output", "error", "content"].map(|field| tool_input::flat(&answer[field]));
            let ids = [&response["id"], &record["toolCallResult"]["callId"]].map(tool_input::flat);
            let id = ids.into_iter().find(|id| !id.is_empty())?;
            fields.iter().any(|output| is_named(output)).then_some(id)
        });
        if let Some(call) = calls.into_iter().next() {
            return Some(call);
        }
    }
    None
}

//! Paths of Claude Code's files: transcripts, and the identities that paths encode.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::preview::{self, FOLDER as OUTPUTS_FOLDER};
use super::{history, output_owners, parts};
use crate::agent::jsonl::SourceIdentity;
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::side_text::NamedFiles;
use crate::agent::{Discovery, Source};
use crate::domain::{Agent, SessionKey};
use crate::stdx::files::{self, SizeLimit};

/// Maximum depth of sub-agents' transcripts below a session's own folder, because the walk must end.
const DEPTH: usize = 3;

/// Kind of a source: a tool's whole output, see [`crate::agent::side_text`].
pub(super) const OUTPUT: u8 = 2;

/// Maximum depth of subfolders in the folder of a session's long tool outputs.
const OUTPUTS_DEPTH: usize = 3;

/// Long tool outputs by their file names.
const OUTPUTS: Walk = Walk { agent: Agent::Claude, kind: output_kind, links: false };

/// Contents of a session's own folder.
const INSIDE: [(&str, Walk, usize); 2] = [
    ("subagents", Walk { agent: Agent::Claude, kind: walk::transcript_kind, links: false }, DEPTH),
    (OUTPUTS_FOLDER, OUTPUTS, OUTPUTS_DEPTH),
];

/// Endings of outputs that are no texts: the folder also contains images and documents.
const OTHER_ENDINGS: [&[u8]; 22] = [
    b".png", b".jpg", b".jpeg", b".gif", b".webp", b".bmp", b".ico", b".pdf", b".zip", b".gz", b".tar", b".zst",
    b".bin", b".docx", b".xlsx", b".pptx", b".mp3", b".mp4", b".wav", b".webm", b".wasm", b".tmp",
];

fn output_kind(name: &[u8]) -> Option<u8> {
    let ends_with =
        |ending: &[u8]| name.len().checked_sub(ending.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(ending));
    let is_text = !OTHER_ENDINGS.iter().any(|ending| ends_with(ending));
    (is_text && !name.starts_with(b".")).then_some(OUTPUT)
}

/// Session of a long output: the sub-agent whose transcript names it, else the session that the folder belongs to.
pub(super) fn output_session(path: &Path) -> Option<Arc<str>> {
    is_output(path).then(|| output_owners::session(path))?
}

/// True for a file in the folder of a session's long outputs, or in its subfolders.
fn is_output(path: &Path) -> bool {
    path.ancestors().skip(1).take(OUTPUTS_DEPTH + 1).any(|folder| folder.ends_with(OUTPUTS_FOLDER))
}

/// Finds a long output by its path below the folder of outputs: in the folder of the transcript's session, or of the same
/// session in another project, because a session can move; else by its file's name. A path from a record is not
/// followed, because it may name any file.
pub(super) fn output(transcript: &Path, path: &str) -> Option<PathBuf> {
    let session = session_folder(transcript);
    let own = session.join(OUTPUTS_FOLDER).join(path);
    if own.is_file() {
        return Some(own);
    }
    let project = session.parent()?;
    let others = walk::subdirectories(project.parent()?, &mut Vec::new()).into_iter();
    let other = |project: PathBuf| project.join(session.file_name()?).join(OUTPUTS_FOLDER).join(path).into();
    let moved = || {
        let mut discovery = Discovery::default();
        OUTPUTS.files(&session.join(OUTPUTS_FOLDER), OUTPUTS_DEPTH, &mut discovery);
        let mut paths = discovery.sources.into_iter().map(|source| source.path);
        paths.find(|other| other.file_name().is_some_and(|name| name == preview::name(path)))
    };
    others.filter_map(other).find(|path: &PathBuf| path.is_file()).or_else(moved).or(Some(own))
}

/// Folder of a session with this transcript, or of the parent of a sub-agent.
fn session_folder(transcript: &Path) -> PathBuf {
    let subagents = transcript.ancestors().find(|folder| folder.ends_with("subagents"));
    subagents.and_then(Path::parent).map_or_else(|| transcript.with_extension(""), Path::to_owned)
}

/// Finds a long output of a transcript's session by its name without ending.
pub(super) fn output_by_name(named: &NamedFiles, transcript: &Path, name: &str) -> Option<PathBuf> {
    named.find(name, (&OUTPUTS, &session_folder(transcript).join(OUTPUTS_FOLDER), OUTPUTS_DEPTH))
}

/// Finds all transcripts below a root.
pub(super) fn discover(root: &Path, discovery: &mut Discovery) {
    walk::check_registry(&root.join("sessions"), &mut discovery.issues);
    for folder in walk::subdirectories(&root.join("projects"), &mut discovery.issues) {
        Walk::of(Agent::Claude).project(&folder, &INSIDE, discovery);
    }
    parts::KINDS.mark(&root.join("projects"), &mut discovery.sources);
    discovery.sources.extend(history::source(root));
}

/// Returns the sources that a changed path affects.
pub(super) fn affected(root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    let sources = affected_files(root, path).into_iter();
    let projects = root.join("projects");
    let with_parts = |(path, source): (PathBuf, Option<Source>)| match source {
        Some(source) if source.kind == OUTPUT => vec![(path, Some(source))],
        source if walk::is_transcript(&path) => parts::KINDS.affected(&projects, &path, source.as_ref()),
        source => vec![(path, source)],
    };
    sources.flat_map(with_parts).collect()
}

fn affected_files(root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    let Ok(below) = path.strip_prefix(root.join("projects")) else { return Vec::new() };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let transcript = if walk::is_transcript(path) {
        Some(path.to_owned())
    } else if let Some(agent) = name.strip_suffix(".meta.json") {
        Some(path.with_file_name(format!("{agent}.jsonl")))
    } else if name == "custom-title.json" {
        path.parent().map(|folder| folder.with_extension("jsonl"))
    } else {
        None
    };
    let in_outputs = is_output(path);
    if in_outputs || path.ends_with(OUTPUTS_FOLDER) {
        let output = Some(path.to_owned()).filter(|_| in_outputs && !path.is_dir());
        return OUTPUTS.affected(path, output, |discovery| OUTPUTS.files(path, OUTPUTS_DEPTH, discovery));
    }
    let walk = Walk::of(Agent::Claude);
    walk.affected(path, transcript, |discovery| match below.components().count() {
        0 => discover(root, discovery),
        1 => walk.project(path, &INSIDE, discovery),
        _ => walk.files(path, DEPTH, discovery),
    })
}

/// Derives a transcript's identity from its path and its sidecar file.
pub(super) fn identity(path: &Path, subagent: bool) -> SourceIdentity {
    let (parent, title) = if subagent { (parent(path), meta(path).0) } else { (None, None) };
    SourceIdentity { key: SessionKey::new(Agent::Claude, walk::stem(path)), subagent, parent, title }
}

/// The parent session, from the `subagents` folder that contains the transcript.
fn parent(path: &Path) -> Option<Arc<str>> {
    let folder = path.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "subagents"))?;
    Some(folder.parent()?.file_name()?.to_string_lossy().into())
}

/// Reads a sub-agent's sidecar file: the task's description, and the id of the tool call that started it.
fn meta(transcript: &Path) -> (Option<String>, Option<String>) {
    let Ok(bytes) = files::read(&transcript.with_extension("meta.json"), SizeLimit::SIDECAR) else {
        return (None, None);
    };
    let Ok(meta) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return (None, None) };
    let field = |name: &str| meta[name].as_str().map(str::to_owned);
    (field("description"), field("toolUseId"))
}

/// Maps tool calls to the sub-agents' sessions that they started.
pub(super) fn links(transcript: &Path) -> HashMap<String, Arc<str>> {
    let link = |path: PathBuf| Some((meta(&path).1?, walk::stem(&path).into()));
    // Each project folder that the session ran in has its own folder of sub-agents.
    let projects = transcript.parent().and_then(Path::parent);
    let folders = projects.map(|projects| walk::subdirectories(projects, &mut Vec::new())).unwrap_or_default();
    let folders =
        folders.into_iter().map(|folder| folder.join(walk::stem(transcript))).filter(|folder| folder.is_dir());
    folders.flat_map(|folder| subagents(&folder).filter_map(link).collect::<Vec<_>>()).collect()
}

/// Lists the transcripts of the sub-agents of a session, which has this folder.
pub(super) fn subagents(session: &Path) -> impl Iterator<Item = PathBuf> {
    let mut discovery = Discovery::default();
    Walk::of(Agent::Claude).files(&session.join("subagents"), DEPTH, &mut discovery);
    discovery.sources.into_iter().map(|source| source.path)
}

//! Sub-agents whose tools wrote the long outputs in their parent's folder: only their transcripts name the files.
//!
//! A search asks for each output, so the names in the transcripts of a folder are read once, and again after they grew.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;

use crate::agent::jsonl::walk::{self, SUBAGENT, Walk};
use crate::agent::{Discovery, Source};
use crate::domain::Agent;
use crate::stdx::files::{self, SizeLimit};

/// Text before the name of an output, in encoded form too.
const FOLDER: &[u8] = b"tool-results";

/// Maximum bytes of a name, because file systems allow 255.
const MAX_NAME: usize = 255;

/// Outputs that the sub-agents of a session name.
#[derive(Debug, Default)]
struct Owners {
    /// Total size of the transcripts when they were read.
    size: u64,
    by_name: HashMap<String, Arc<str>>,
}

/// Owners by the session's folder.
static KNOWN: Mutex<Option<HashMap<PathBuf, Owners>>> = Mutex::new(None);

/// Returns the sub-agent whose transcript names an output of its parent's folder.
pub(super) fn subagent(session: &Path, name: &str) -> Option<Arc<str>> {
    let folder = session.join("subagents");
    if !folder.is_dir() {
        return None;
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let owners = known.get_or_insert_default().entry(session.to_owned()).or_default();
    if let Some(owner) = owners.by_name.get(name) {
        return Some(owner.clone());
    }
    let mut found = Discovery::default();
    Walk::of(Agent::Claude).files(&folder, 3, &mut found);
    found.sources.retain(|source| source.kind == SUBAGENT);
    let size = found.sources.iter().map(|source| source.stamp.size).sum();
    if size != owners.size {
        owners.size = size;
        found.sources.iter().for_each(|source| add(source, &mut owners.by_name));
    }
    owners.by_name.get(name).cloned()
}

/// Adds the outputs that a transcript names.
fn add(source: &Source, by_name: &mut HashMap<String, Arc<str>>) {
    let Ok(bytes) = files::read(&source.path, SizeLimit::DOCUMENT) else { return };
    let agent: Arc<str> = walk::stem(&source.path).into();
    for at in memmem::find_iter(&bytes, FOLDER) {
        let rest = &bytes[at + FOLDER.len()..];
        // Separators are escaped in paths of Windows.
        let rest = &rest[rest.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count()..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let len = rest.iter().take(MAX_NAME).take_while(|byte| is_part(byte)).count();
        let name = String::from_utf8_lossy(&rest[..len]).trim_end_matches('.').to_owned();
        if !name.is_empty() {
            by_name.entry(name).or_insert_with(|| agent.clone());
        }
    }
}

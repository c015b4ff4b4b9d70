//! Outputs of tools in files of their own that no record names. For reports.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use memchr::memmem;

use super::side_texts::{self, NAME};
use super::{OpenCode, record, texts};
use crate::agent::texts::Texts;
use crate::agent::{Source, SourceRoot};
use crate::domain::Agent;

/// Files in the folder of outputs that no record names. Reads all records, if there are such files.
pub(super) fn outputs(root: &SourceRoot, sources: &[Source]) -> Vec<PathBuf> {
    let folder = root.path.join(record::OUTPUTS);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: HashSet<String> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    for source in sources.iter().filter(|source| source.agent == Agent::OpenCode) {
        if names.is_empty() {
            break;
        }
        let read = OpenCode.records(source, 0, &mut |record| {
            if !texts::is_output(record) && side_texts::may_have(record.bytes) {
                claim(&mut names, record.bytes);
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = read {
            tracing::debug!(path = %source.path.display(), %error, "source names no outputs");
        }
    }
    let mut unclaimed: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    unclaimed.sort();
    unclaimed
}

/// Removes the names that occur in a record.
fn claim(names: &mut HashSet<String>, record: &[u8]) {
    for at in memmem::find_iter(record, NAME) {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let end = record[at..].iter().position(|byte| !is_part(byte)).map_or(record.len(), |len| at + len);
        if let Ok(name) = std::str::from_utf8(&record[at..end]) {
            names.remove(name);
        }
    }
    names.retain(|name| name.starts_with(NAME) || memmem::find(record, name.as_bytes()).is_none());
}

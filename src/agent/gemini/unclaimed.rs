//! Outputs of tools that belong to no call: no record names them, and their names have the id of none. For reports.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::named_outputs::{NamedOutputs, listed};
use super::paths;
use super::reader::ChatReader;
use crate::agent::Source;
use crate::domain::Agent;

/// Files in the folders of outputs that no record names, and no call by its id. Replays all chats, if there are such files.
pub(super) fn outputs(tmp: &Path, sources: &[Source]) -> Vec<PathBuf> {
    let mut found = all_below(tmp);
    for source in sources.iter().filter(|source| source.agent == Agent::Gemini && source.path.starts_with(tmp)) {
        if found.is_empty() {
            break;
        }
        let Ok(mut chat) = ChatReader::open_alone(&source.path) else { continue };
        let named = NamedOutputs::of(&source.path, &chat.log.session_id(&source.path));
        let outputs = paths::outputs(&source.path);
        for message in chat.with_texts() {
            let by_call = message.all_calls().filter_map(|call| named.file(call)).collect::<Vec<_>>();
            let recorded = message.outputs.iter().filter_map(|path| outputs.path(path));
            by_call.into_iter().chain(recorded).for_each(|path| _ = found.remove(&path));
            // A result may be in another message than its call.
            let json = chat.json(&message);
            found.retain(|path| !is_named(&json, path));
        }
    }
    let mut found: Vec<PathBuf> = found.into_iter().collect();
    found.sort();
    found
}

fn is_named(json: &[u8], path: &Path) -> bool {
    path.file_name().is_some_and(|name| memchr::memmem::find(json, name.as_encoded_bytes()).is_some())
}

fn all_below(tmp: &Path) -> HashSet<PathBuf> {
    let projects = std::fs::read_dir(tmp).into_iter().flatten().flatten();
    let folders = projects.map(|project| project.path().join(paths::OUTPUTS));
    let mut found = HashSet::new();
    for folder in folders {
        let Some(names) = listed(&folder) else { continue };
        found.extend(names.files.iter().map(|name| folder.join(name)));
        for inner in names.folders.iter().map(|name| folder.join(name)) {
            let files = listed(&inner).map(|names| names.files.clone()).unwrap_or_default();
            found.extend(files.into_iter().map(|name| inner.join(name)));
        }
    }
    found
}

//! Outputs of tools that no record names: their files have the ids of the calls in their names.
//!
//! 0.61.0 writes `tool-outputs/session-<id>/<tool>_<call>.txt` of a long output, `<call>.txt` if the id begins with the
//! tool's name, and `<tool>_<call>_<random>.txt` of a masked one; early versions without the folder of the session.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::paths;
use crate::agent::FileStamp;

/// Minimum length of an id by which a file outside of the session's folder belongs to a call, because short ones are not
/// unique.
const UNIQUE: usize = 8;

/// Names in folders of outputs, with the stamps of the folders. Many chats have their outputs in one folder.
static LISTED: Mutex<Option<HashMap<PathBuf, (FileStamp, Arc<Names>)>>> = Mutex::new(None);

/// Names of files and of folders in a folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub files: Vec<String>,
    pub folders: Vec<String>,
}

/// Folders with the outputs of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedOutputs {
    shared: Option<(PathBuf, Arc<Names>)>,
    own: Option<(PathBuf, Arc<Names>)>,
}

impl NamedOutputs {
    /// Lists the folders of a chat's session.
    pub(super) fn of(chat: &Path, session: &str) -> Self {
        let Some(folder) = paths::outputs_folder(chat) else { return Self::default() };
        let Some(names) = listed(&folder) else { return Self::default() };
        let own = names.folders.iter().find(|name| name.strip_prefix("session-") == Some(&*in_name(session)));
        let own = own.map(|name| folder.join(name)).and_then(|own| Some((own.clone(), listed(&own)?)));
        Self { shared: Some((folder, names)), own }
    }

    /// Bytes of the files in the session's own folder, without those that `is_counted` names.
    pub(super) fn size(&self, is_counted: impl Fn(&Path) -> bool) -> u64 {
        let own = self.own.iter().flat_map(|(folder, names)| names.files.iter().map(|name| folder.join(name)));
        let sizes = own.filter(|path| !is_counted(path)).filter_map(|path| path.metadata().ok());
        sizes.map(|metadata| metadata.len()).sum()
    }

    /// File whose name has the id of a call.
    pub(super) fn file(&self, call: &str) -> Option<PathBuf> {
        let call = in_name(call).to_lowercase();
        let shared = self.shared.as_ref().filter(|_| call.len() >= UNIQUE);
        let (folder, name) = self.own.iter().chain(shared).find_map(|(folder, names)| {
            let name = names.files.iter().find(|name| is_of_call(name, &call))?;
            Some((folder, name))
        })?;
        Some(folder.join(name))
    }
}

/// True for the name of a file with the output of a call.
fn is_of_call(name: &str, call: &str) -> bool {
    let name = name.to_lowercase();
    !call.is_empty()
        && name.match_indices(call).any(|(at, _)| {
            let (before, after) = (&name[..at], &name[at + call.len()..]);
            (before.is_empty() || before.ends_with('_')) && (after.is_empty() || after.starts_with(['_', '.']))
        })
}

/// A name as the agent writes it into a path.
fn in_name(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    text.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect()
}

/// Lists a folder, unless its names are known; `None` if it does not exist.
pub(super) fn listed(folder: &Path) -> Option<Arc<Names>> {
    let stamp = FileStamp::of(&std::fs::metadata(folder).ok()?);
    let mut listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = listed.get_or_insert_default();
    if let Some((_, names)) = known.get(folder).filter(|(known, _)| *known == stamp) {
        return Some(names.clone());
    }
    let mut names = Names::default();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        match entry.file_type() {
            Ok(kind) if kind.is_file() => names.files.push(name),
            Ok(kind) if kind.is_dir() => names.folders.push(name),
            _ => {}
        }
    }
    names.files.sort();
    let names = Arc::new(names);
    known.insert(folder.to_owned(), (stamp, names.clone()));
    Some(names)
}

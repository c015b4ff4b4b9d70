//! Checkpoints that Gemini CLI makes before it changes a file: commits in a repository of its own, and a file for each call.
//!
//! `tmp/<project>/checkpoints/<time>-<file>-<tool>.json` has the call, the commit, and as `messageId` the session with the
//! number of the prompt; the repository is `history/<project>/.git`. Read from the program's source, 0.61.0.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::agent::FileCheckpoint;
use crate::agent::folder::Folder;
use crate::domain::{Session, Time};
use crate::stdx::files::{self, SizeLimit};

/// Maximum size of a checkpoint's file, which contains the history of its session.
const MAX_FILE: SizeLimit = SizeLimit(64 << 20);

/// Maximum checkpoints of a file, the latest ones.
const MAX_CHECKPOINTS: usize = 100;

/// Characters between the session and the number of the prompt.
const SEPARATOR: &str = "########";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    commit_hash: String,
    message_id: String,
    tool_call: ToolCall,
}

#[derive(Deserialize)]
struct ToolCall {
    name: String,
    args: Value,
}

/// Returns the checkpoints before the calls of a session that change a file.
pub(super) fn of_file(session: &Session, wanted: &Path) -> Vec<FileCheckpoint> {
    let Some((folder, repository)) = folders(&session.path).zip(wanted.file_name()).map(|(folders, _)| folders) else {
        return Vec::new();
    };
    let name = wanted.file_name().unwrap_or_default().to_string_lossy();
    let is_named = |file: &PathBuf| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        stem.contains(&format!("-{name}-"))
    };
    let names = Folder::open(&folder).ok().flatten().and_then(|folder| folder.names(b".json").ok());
    // The names begin with the time.
    let names = names.unwrap_or_default();
    let path = |name: &CString| folder.join(OsStr::from_bytes(name.as_bytes()));
    let mut found: Vec<_> = names.iter().map(path).filter(is_named).collect();
    let latest = found.split_off(found.len().saturating_sub(MAX_CHECKPOINTS));
    let read = |file: PathBuf| {
        let text = files::read_text(&file, MAX_FILE).ok()?;
        let Checkpoint { commit_hash, message_id, tool_call } = serde_json::from_str(&text).ok()?;
        let is_own = message_id.split_once(SEPARATOR).is_some_and(|(id, _)| *id == *session.key.id);
        let path = tool_call.args["file_path"].as_str().map(|path| Path::new(&*session.cwd).join(path));
        (is_own && path.as_deref() == Some(wanted)).then(|| FileCheckpoint {
            repository: repository.clone(),
            commit: commit_hash,
            tool: tool_call.name,
            input: tool_call.args,
            made: made(&file),
        })
    };
    latest.into_iter().filter_map(read).collect()
}

/// Folder of the checkpoints of a chat's project, and its repository: the chat is `tmp/<project>/chats/<file>`.
fn folders(chat: &Path) -> Option<(PathBuf, PathBuf)> {
    let project =
        chat.ancestors().skip(1).find(|folder| folder.parent().is_some_and(|above| above.ends_with("tmp")))?;
    let root = project.parent()?.parent()?;
    Some((project.join("checkpoints"), root.join("history").join(project.file_name()?).join(".git")))
}

/// Time in the name of a checkpoint: `2026-11-20T10-00-00_000Z-…`.
fn made(file: &Path) -> Option<Time> {
    let name = file.file_name()?.to_str()?;
    let (day, rest) = name.split_once('T')?;
    let time = rest.split_once('Z')?.0.replace('-', ":").replace('_', ".");
    Time::parse(&format!("{day}T{time}Z"))
}

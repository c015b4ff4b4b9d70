//! `salon DIR`, `salon FILE`, `salon ID` and `salon TEXT…`: open the screen at a workspace, a transcript, a session or a
//! search.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::sessions::LoadedSessions;
use super::{find, remote, tui};
use crate::domain::{Agent, Session};
use crate::runtime::{StartupAction, env};

/// Opens the screen at what the words name.
pub(super) fn run(context: CliContext, words: &[String]) -> Result<ExitCode, CliError> {
    if let Some(option) = words.iter().find(|word| word.starts_with('-')) {
        return Err(CliError::new(CliErrorCode::Usage, format!("unexpected argument '{option}'")));
    }
    if !tui::has_terminal() {
        return tui::refuse();
    }
    let action = action(&context, words)?;
    tui::open(context, Some(action))
}

fn action(context: &CliContext, words: &[String]) -> Result<StartupAction, CliError> {
    let search = || Ok(StartupAction::Search(words.join(" ")));
    let [word] = words else { return search() };
    let path = env::current_dir().unwrap_or_default().join(word);
    if path.is_dir() {
        return Ok(StartupAction::Workspace(path));
    }
    if path.is_file() {
        return session_in_file(context, &path);
    }
    if let Some(key) = remote::key(context, word) {
        return Ok(StartupAction::Open(key));
    }
    if !looks_like_id(word) {
        return search();
    }
    match find::find(&LoadedSessions::read(context).all, word) {
        Ok(session) => Ok(StartupAction::Open(session.key.clone())),
        Err(CliError::Reported { code: CliErrorCode::NotFound, .. }) => search(),
        Err(error) => Err(error),
    }
}

/// Finds the session whose transcript is a file.
fn session_in_file(context: &CliContext, file: &Path) -> Result<StartupAction, CliError> {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    let wanted = canonical(file);
    let loaded = LoadedSessions::read(context);
    let is_wanted =
        |session: &&Arc<Session>| session.path.file_name() == wanted.file_name() && canonical(&session.path) == wanted;
    let found = loaded.all.iter().find(is_wanted).map(|session| StartupAction::Open(session.key.clone()));
    found.ok_or_else(|| {
        let message = format!("{} is not the transcript of a session that salon lists", file.display());
        CliError::new(CliErrorCode::NotFound, message)
    })
}

/// Returns true for an id or a prefix of one. All sessions must be loaded to look one up, which other words need not
/// wait for.
fn looks_like_id(word: &str) -> bool {
    let (agent, id) = word.split_once(':').map_or((None, word), |(agent, id)| (Agent::from_name(agent), id));
    let plain = |id: &str| id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    agent.is_some() || (id.len() >= find::MIN_PREFIX && plain(id) && id.bytes().any(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_not_words() {
        for id in ["0199a4c2-1111", "ses_5f0c9a7b1", "claude:abc", "20261121_1"] {
            assert!(super::looks_like_id(id), "{id}");
        }
        for word in ["timeout", "idempotency", "v2", "agent:claude2", "error404?!"] {
            assert!(!super::looks_like_id(word), "{word}");
        }
    }
}

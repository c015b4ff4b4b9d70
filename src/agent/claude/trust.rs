//! Trust in a project's folder, as Claude Code records it. Without a terminal Claude does not ask, and runs what the
//! folder's settings contain.
//!
//! Verified with 2.1.329: `projects{"<folder>": {hasTrustDialogAccepted}}` in `.claude.json`, for the folder or one above
//! it, up to the root of its repository.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::agent::project_settings;
use crate::agent::protocol::{LaunchChange, UntrustedProject};
use crate::stdx::files::{self, SizeLimit};

/// Files of a project that make Claude run programs: hooks, helpers, servers of tools.
const SETTINGS: [&str; 3] = [".claude/settings.json", ".claude/settings.local.json", ".mcp.json"];

/// Option that selects the settings to load.
const SOURCES: &str = "--setting-sources";

/// Returns the restriction for a folder that contains settings and that the user never trusted in Claude.
pub(super) fn untrusted_project(vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
    let home = project_settings::var(vars, "HOME").map(PathBuf::from)?;
    let config_dir = project_settings::var(vars, "CLAUDE_CONFIG_DIR");
    let own = config_dir.map_or_else(|| home.join(".claude"), PathBuf::from);
    let settings = settings_of(cwd, &own);
    if settings.is_empty() || is_trusted(&config_file(&home, config_dir), cwd) {
        return None;
    }
    let advice = "Run claude in this folder once and accept its question to load them.".to_owned();
    let restricted = LaunchChange { args: vec![format!("{SOURCES}=user")], ..LaunchChange::default() };
    Some(UntrustedProject {
        option: SOURCES,
        restricted: Some(restricted),
        trusted: LaunchChange::default(),
        programs: project_settings::programs(&settings),
        settings,
        advice,
    })
}

fn config_file(home: &Path, config_dir: Option<&str>) -> PathBuf {
    config_dir.map_or_else(|| home.to_owned(), PathBuf::from).join(".claude.json")
}

/// Settings of the folder and of those above it, without the user's own.
fn settings_of(cwd: &Path, own: &Path) -> Vec<PathBuf> {
    let candidates = cwd.ancestors().flat_map(|folder| SETTINGS.map(|name| folder.join(name)));
    candidates.filter(|path| path.parent() != Some(own) && path.symlink_metadata().is_ok()).collect()
}

fn is_trusted(config: &Path, cwd: &Path) -> bool {
    let config: Value = files::read(config, SizeLimit::TABLE)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let trusted = |folder: &Path| {
        let folder = folder.to_str().unwrap_or_default();
        config["projects"][folder]["hasTrustDialogAccepted"] == Value::Bool(true)
    };
    let resolved = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    [cwd, &*resolved]
        .into_iter()
        .flat_map(project_settings::within_repository)
        .any(|folder| trusted(folder) || project_settings::main_worktree(folder).is_some_and(|main| trusted(&main)))
}

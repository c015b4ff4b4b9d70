//! Trust in a project's folder, as Codex records it. Without it, Codex loads nothing of the folder's `.codex`.
//!
//! Verified with 0.169.0: `[projects."<folder>"] trust_level` in `config.toml`, for the folder, the root of its repository,
//! or the main worktree of that. Its app server does not ask.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::agent::project_settings;
use crate::agent::protocol::{LaunchChange, UntrustedProject};

/// Files of a project that make Codex run programs.
const SETTINGS: [&str; 2] = [".codex/config.toml", ".codex/hooks.json"];

/// Option that overrides a setting.
const OVERRIDE: &str = "-c";

/// Returns the restriction for a folder that contains settings and that the user neither trusted nor refused in Codex.
pub(super) fn untrusted_project(vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
    let home = project_settings::var(vars, "HOME").map(PathBuf::from)?;
    let own = project_settings::var(vars, "CODEX_HOME").map_or_else(|| home.join(".codex"), PathBuf::from);
    let candidates = project_settings::within_repository(cwd).flat_map(|folder| SETTINGS.map(|name| folder.join(name)));
    let settings: Vec<PathBuf> =
        candidates.filter(|path| path.parent() != Some(&own) && path.symlink_metadata().is_ok()).collect();
    let config = project_settings::read(&own.join("config.toml"));
    if settings.is_empty() || is_decided(&config, cwd) {
        return None;
    }
    let root = project_settings::within_repository(cwd).last().filter(|root| root.join(".git").exists());
    let folder = toml::Value::from(root.unwrap_or(cwd).to_string_lossy().into_owned());
    let setting = format!("projects={{{folder}={{trust_level=\"trusted\"}}}}");
    Some(UntrustedProject {
        option: "projects",
        // Codex itself loads nothing of a folder that is not trusted.
        restricted: Some(LaunchChange::default()),
        trusted: LaunchChange { args: vec![OVERRIDE.to_owned(), setting], ..LaunchChange::default() },
        programs: project_settings::programs(&settings),
        settings,
        advice: "Run codex in this folder once and accept its question to load them.".to_owned(),
    })
}

/// True if the user trusted the folder, or refused to.
fn is_decided(config: &Value, cwd: &Path) -> bool {
    let decided = |folder: &Path| config["projects"][&*folder.to_string_lossy()]["trust_level"].is_string();
    let resolved = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    [cwd, &*resolved]
        .into_iter()
        .flat_map(project_settings::within_repository)
        .any(|folder| decided(folder) || project_settings::main_worktree(folder).is_some_and(|main| decided(&main)))
}

//! Trust in a project's folder, as Claude Code records it. Without a terminal Claude does not ask, and runs what the
//! folder's settings contain.
//!
//! Verified with 2.1.329: `projects{"<folder>": {hasTrustDialogAccepted}}` in `.claude.json`, for the folder or one above
//! it, up to the root of its repository.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::agent::protocol::UntrustedProject;
use crate::stdx::files::{self, SizeLimit};

/// Files of a project that make Claude run programs: hooks, helpers, servers of tools.
const SETTINGS: [&str; 3] = [".claude/settings.json", ".claude/settings.local.json", ".mcp.json"];

/// Fields of settings whose value is a command line.
const HELPERS: [&str; 6] =
    ["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper", "proxyHelper"];

/// Fields of settings whose value has a command line.
const COMMANDS: [&str; 3] = ["statusLine", "subagentStatusLine", "fileSuggestion"];

/// Maximum programs that are named, because a file may name any number.
const MAX_PROGRAMS: usize = 100;

/// Option that selects the settings to load.
const SOURCES: &str = "--setting-sources";

/// Returns the restriction for a folder that contains settings and that the user never trusted in Claude.
pub(super) fn untrusted_project(vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
    let var = |name: &str| vars.iter().find(|(of, value)| of == name && !value.is_empty()).map(|(_, value)| value);
    let home = var("HOME").map(PathBuf::from)?;
    let own = var("CLAUDE_CONFIG_DIR").map_or_else(|| home.join(".claude"), PathBuf::from);
    let settings = project_settings(cwd, &own);
    if settings.is_empty() || is_trusted(&config_file(&home, var("CLAUDE_CONFIG_DIR")), cwd) {
        return None;
    }
    let programs = settings.iter().flat_map(|path| programs(path)).take(MAX_PROGRAMS).collect();
    let advice = "Run claude in this folder once and accept its question to load them.".to_owned();
    Some(UntrustedProject { option: SOURCES, args: vec![format!("{SOURCES}=user")], settings, programs, advice })
}

fn config_file(home: &Path, config_dir: Option<&String>) -> PathBuf {
    config_dir.map_or_else(|| home.to_owned(), PathBuf::from).join(".claude.json")
}

/// Settings of the folder and of those above it, without the user's own.
fn project_settings(cwd: &Path, own: &Path) -> Vec<PathBuf> {
    let candidates = cwd.ancestors().flat_map(|folder| SETTINGS.map(|name| folder.join(name)));
    candidates.filter(|path| path.parent() != Some(own) && path.symlink_metadata().is_ok()).collect()
}

/// Programs that a file makes Claude run, each after its occasion. A file that cannot be read names none.
fn programs(settings: &Path) -> Vec<String> {
    let bytes = files::read(settings, SizeLimit::CONFIG).unwrap_or_default();
    let settings: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut programs = Vec::new();
    for (event, groups) in fields(&settings["hooks"]) {
        let hooks = groups.as_array().into_iter().flatten().filter_map(|group| group["hooks"].as_array()).flatten();
        let commands = hooks.filter_map(|hook| hook["command"].as_str().or_else(|| hook["url"].as_str()));
        programs.extend(commands.map(|command| format!("hook {event}: {command}")));
    }
    let helpers = HELPERS.iter().filter_map(|name| Some(format!("{name}: {}", settings[*name].as_str()?)));
    programs.extend(helpers);
    let commands = COMMANDS.iter().filter_map(|name| Some(format!("{name}: {}", settings[*name]["command"].as_str()?)));
    programs.extend(commands);
    for (name, server) in fields(&settings["mcpServers"]) {
        let args = server["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let line: Vec<&str> =
            server["command"].as_str().or_else(|| server["url"].as_str()).into_iter().chain(args).collect();
        programs.push(format!("server {name}: {}", line.join(" ")));
    }
    programs
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
        .flat_map(within_repository)
        .any(|folder| trusted(folder) || main_worktree(folder).is_some_and(|main| trusted(&main)))
}

/// The folder and those above it, up to the root of its repository. All of them outside of a repository.
fn within_repository(folder: &Path) -> impl Iterator<Item = &Path> {
    let mut at_root = false;
    folder.ancestors().take_while(move |folder| {
        let inside = !at_root;
        at_root = folder.join(".git").symlink_metadata().is_ok();
        inside
    })
}

/// Main worktree of the repository whose linked worktree is `folder`.
fn main_worktree(folder: &Path) -> Option<PathBuf> {
    let text = files::read_text(&folder.join(".git"), SizeLimit::POINTER).ok()?;
    let (main, _) = text.strip_prefix("gitdir:")?.trim().split_once("/.git/worktrees/")?;
    Some(main.into())
}

//! Settings in a project's folder that make an agent run programs: hooks, helpers, servers of tools.
//!
//! Agents share the shapes of these settings. In which files they are, and where trust in a folder is recorded, is each
//! agent's own.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::json_settings;
use crate::stdx::files::{self, SizeLimit};

/// Fields of settings whose value is a command line.
const HELPERS: [&str; 6] =
    ["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper", "proxyHelper"];

/// Fields of settings whose value has a command line.
const COMMANDS: [&str; 3] = ["statusLine", "subagentStatusLine", "fileSuggestion"];

/// Fields with the servers of tools, per agent.
const SERVERS: [&str; 2] = ["mcpServers", "mcp_servers"];

/// Fields of `tools` whose value is a command line.
const TOOL_COMMANDS: [&str; 2] = ["discoveryCommand", "callCommand"];

/// Maximum programs that are named, because a file may name any number.
const MAX_PROGRAMS: usize = 100;

/// Value of an environment variable that is set and not empty.
pub(super) fn var<'a>(vars: &'a [(String, String)], name: &str) -> Option<&'a str> {
    vars.iter().find(|(of, value)| of == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Programs that some settings files make an agent run, each after its occasion. A file that cannot be read names none.
pub(super) fn programs(settings: &[PathBuf]) -> Vec<String> {
    settings.iter().flat_map(|path| programs_of(&read(path))).take(MAX_PROGRAMS).collect()
}

/// Reads a settings file in JSON or TOML; null if it is not valid.
pub(super) fn read(path: &Path) -> Value {
    if path.extension().is_some_and(|ending| ending == "toml") {
        let text = files::read_text(path, SizeLimit::CONFIG).unwrap_or_default();
        return toml::from_str(&text).unwrap_or_default();
    }
    json_settings::read(path)
}

fn programs_of(settings: &Value) -> Vec<String> {
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
    let tools = TOOL_COMMANDS.iter().filter_map(|name| {
        let value = &settings["tools"][*name];
        Some(format!("{name}: {}", value.as_str().or_else(|| settings[*name].as_str())?))
    });
    programs.extend(tools);
    for (name, server) in SERVERS.iter().flat_map(|servers| fields(&settings[*servers])) {
        let args = server["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let line: Vec<&str> =
            server["command"].as_str().or_else(|| server["url"].as_str()).into_iter().chain(args).collect();
        programs.push(format!("server {name}: {}", line.join(" ")));
    }
    programs
}

/// The folder and those above it, up to the root of its repository. All of them outside of a repository.
pub(super) fn within_repository(folder: &Path) -> impl Iterator<Item = &Path> {
    let mut at_root = false;
    folder.ancestors().take_while(move |folder| {
        let inside = !at_root;
        at_root = folder.join(".git").symlink_metadata().is_ok();
        inside
    })
}

/// Main worktree of the repository whose linked worktree is `folder`.
pub(super) fn main_worktree(folder: &Path) -> Option<PathBuf> {
    let text = files::read_text(&folder.join(".git"), SizeLimit::POINTER).ok()?;
    let (main, _) = text.strip_prefix("gitdir:")?.trim().split_once("/.git/worktrees/")?;
    Some(main.into())
}

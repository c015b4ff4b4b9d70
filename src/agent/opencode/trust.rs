//! Trust in a project's folder. OpenCode (1.18.34) has no question of its own. It loads the settings, plugins and
//! tools of the folder and of those above it, up to the root of the repository. None of its options leaves all out.
//!
//! A folder in which it has sessions counts as trusted, because it has loaded them there before.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::paths;
use crate::agent::protocol::{LaunchChange, UntrustedProject};
use crate::agent::{project_settings, sqlite};
use crate::stdx::files::{self, SizeLimit};

/// Settings of a project.
const SETTINGS: [&str; 4] = ["opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc"];

/// Folders of a project whose modules are loaded.
const MODULES: [&str; 4] = [".opencode/plugin", ".opencode/plugins", ".opencode/tool", ".opencode/tools"];

/// Endings of modules.
const ENDINGS: [&str; 4] = ["js", "ts", "mjs", "mts"];

/// Maximum programs that are named, because a file may name any number.
const MAX_PROGRAMS: usize = 100;

/// Returns the restriction for a folder whose settings run programs, and in which the user never ran OpenCode.
pub(super) fn untrusted_project(vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
    let home = project_settings::var(vars, "HOME").map(PathBuf::from)?;
    let mut found = Found::default();
    // What is in the home directory is the user's own.
    for folder in project_settings::within_repository(cwd).filter(|folder| **folder != home) {
        SETTINGS.iter().for_each(|name| found.settings(&folder.join(name)));
        MODULES.iter().for_each(|name| found.modules(&folder.join(name)));
    }
    if found.programs.is_empty() || has_sessions(vars, &home, cwd) {
        return None;
    }
    found.programs.truncate(MAX_PROGRAMS);
    Some(UntrustedProject {
        // OpenCode has no option that leaves them out.
        option: "--",
        restricted: None,
        trusted: LaunchChange::default(),
        settings: found.files,
        programs: found.programs,
        advice: String::new(),
    })
}

/// Files of a project that run programs, with the programs.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    programs: Vec<String>,
}

impl Found {
    fn settings(&mut self, path: &Path) {
        let Ok(bytes) = files::read(path, SizeLimit::CONFIG) else { return };
        let programs = match serde_json::from_slice(&bytes) {
            Ok(settings) => programs_of(&settings),
            // They may contain comments, which OpenCode allows.
            Err(_) => vec![format!("all that {} names", path.file_name().unwrap_or_default().to_string_lossy())],
        };
        self.add(path, programs);
    }

    fn modules(&mut self, folder: &Path) {
        let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = items.map(|item| item.path()).filter(|path| is_module(path)).collect();
        names.sort();
        for path in names {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.add(&path, vec![format!("module: {name}")]);
        }
    }

    fn add(&mut self, path: &Path, programs: Vec<String>) {
        if !programs.is_empty() {
            self.files.push(path.to_owned());
            self.programs.extend(programs);
        }
    }
}

fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
}

/// Programs that settings make OpenCode run, each after its occasion, and what they allow without a question.
fn programs_of(settings: &Value) -> Vec<String> {
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let line = |value: &Value| -> String {
        let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        value.as_str().into_iter().chain(words).collect::<Vec<_>>().join(" ")
    };
    let mut programs: Vec<String> = Vec::new();
    for plugin in ["plugin", "plugins"].iter().filter_map(|name| settings[*name].as_array()).flatten() {
        programs.extend(plugin.as_str().or_else(|| plugin[0].as_str()).map(|name| format!("plugin: {name}")));
    }
    for (field, label) in [("mcp", "server"), ("formatter", "formatter"), ("lsp", "language server")] {
        for (name, program) in fields(&settings[field]) {
            let command = line(&program["command"]);
            if !command.is_empty() {
                programs.push(format!("{label} {name}: {command}"));
            }
        }
    }
    for (event, hooks) in fields(&settings["experimental"]["hook"]) {
        programs.push(format!("hook {event}: {hooks}"));
    }
    let permission = &settings["permission"];
    if permission == "allow" {
        programs.push("allowed without a question: everything".to_owned());
    }
    let is_allowed = |value: &Value| value == "allow" || fields(value).values().any(|value| value == "allow");
    let allowed = fields(permission).into_iter().filter(|(_, value)| is_allowed(value));
    programs.extend(allowed.map(|(name, _)| format!("allowed without a question: {name}")));
    programs
}

/// True if OpenCode has sessions of a folder.
fn has_sessions(vars: &[(String, String)], home: &Path, cwd: &Path) -> bool {
    let data = project_settings::var(vars, "XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
    let items = std::fs::read_dir(data.join("opencode")).into_iter().flatten().flatten();
    let resolved = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let folders = [cwd.to_string_lossy().into_owned(), resolved.to_string_lossy().into_owned()];
    let has = |path: &Path| {
        let Ok(database) = sqlite::open(path) else { return false };
        let in_table = |table: &str| {
            let sql = format!("SELECT 1 FROM {table} WHERE directory IN (?1, ?2) LIMIT 1");
            // Each version has one of the tables only.
            database.connection.query_row(&sql, [&folders[0], &folders[1]], |_| Ok(())).is_ok()
        };
        in_table("session") || in_table("session_v2")
    };
    items.map(|item| item.path()).filter(|path| paths::is_channel(path)).any(|path| has(&path))
}

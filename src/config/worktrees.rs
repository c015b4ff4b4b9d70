//! Settings of worktrees: where they are created, and the commands of each workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Value;

/// Settings of a workspace's worktrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceSettings {
    /// Command lines that prepare a new worktree, each split into a program and its arguments.
    pub setup: Vec<Vec<String>>,
    /// Command lines that run before a worktree is removed.
    pub teardown: Vec<Vec<String>>,
    /// Additional variables of these commands.
    pub env: BTreeMap<String, String>,
}

/// Location of new worktrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorktreeRoot(String);

impl WorktreeRoot {
    /// Parses a template such as `../{repo}.worktrees/{name}`. Empty for salon's data directory.
    pub fn parse(text: &str) -> Result<Self, String> {
        let has_name = text.ends_with("/{name}") && text.matches("{name}").count() == 1;
        if text.is_empty() || has_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("\"{text}\" must end with /{{name}}"))
        }
    }

    /// Returns the directory that contains the worktrees of a workspace. `usual` is salon's own directory for them.
    pub fn folder(&self, usual: &Path, workspace: &Path, home: &Path) -> PathBuf {
        let repo = workspace.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy().into_owned());
        let Some(template) = self.0.strip_suffix("/{name}") else { return usual.join(repo) };
        let folder = template.replace("{repo}", &repo);
        folder.strip_prefix("~/").map_or_else(|| workspace.join(&folder), |rest| home.join(rest))
    }
}

impl WorkspaceSettings {
    /// Applies a key of a `[workspaces."DIR"]` table.
    pub(super) fn apply(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "setup" => self.setup = commands(value)?,
            "teardown" => self.teardown = commands(value)?,
            "env" => {
                let table = value.as_table().ok_or("must be a table")?;
                let pair = |(name, value): (&String, &Value)| {
                    let value = value.as_str().ok_or_else(|| format!("{name} is not a string"))?;
                    Ok((name.clone(), value.to_owned()))
                };
                self.env = table.iter().map(pair).collect::<Result<_, String>>()?;
            }
            _ => return Err("unknown setting of a workspace, ignored".to_owned()),
        }
        Ok(())
    }
}

/// Parses command lines. No shell interprets them.
fn commands(value: &Value) -> Result<Vec<Vec<String>>, String> {
    let lines = value.as_array().map(Vec::as_slice).or_else(|| value.is_str().then_some(std::slice::from_ref(value)));
    let command = |line: &Value| {
        let words = line.as_str().and_then(shlex::split).filter(|words| !words.is_empty());
        words.ok_or_else(|| format!("{line} is not a command line"))
    };
    lines.ok_or("must be a list of command lines")?.iter().map(command).collect()
}

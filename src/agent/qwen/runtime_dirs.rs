//! Directories in which Qwen Code keeps sessions instead of its configuration directory: `QWEN_RUNTIME_DIR`, else the
//! setting `runtimeOutputDir`.
//!
//! A relative one is resolved against the directory in which the program runs, so that each project has its own. The
//! projects are those of `usage_record.jsonl`, which is always in the configuration directory, and of the transcripts
//! there. Verified with the source of 0.24.4.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::paths;
use crate::agent::jsonl::walk;
use crate::agent::{Environment, tolerant_json, tool_input};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::lines::LineReader;

/// Record of each run, with its project.
const USAGE: &str = "usage_record.jsonl";

/// Maximum directories, because each is a root that is watched.
const MAX_DIRS: usize = 64;

/// Lists the directories.
pub(super) fn of(environment: &Environment, home: &Path) -> Vec<PathBuf> {
    let from_settings = || {
        let (settings, _) = tolerant_json::value(&files::read(&home.join("settings.json"), SizeLimit::CONFIG).ok()?)?;
        let nested = settings["advanced"]["runtimeOutputDir"].as_str();
        nested.or_else(|| settings["runtimeOutputDir"].as_str()).map(str::to_owned)
    };
    let Some(named) = environment.var("QWEN_RUNTIME_DIR").map(str::to_owned).or_else(from_settings) else {
        return Vec::new();
    };
    let named = environment.expand(Path::new(&named));
    if named.is_absolute() {
        return vec![named];
    }
    let here = std::path::absolute(&named).ok();
    let in_projects = projects(home).into_iter().map(|project| project.join(&named));
    let all: BTreeSet<PathBuf> = here.into_iter().chain(in_projects).filter(|path| path.is_dir()).collect();
    all.into_iter().take(MAX_DIRS).collect()
}

/// Directories of the projects that are known in the configuration directory.
fn projects(home: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let lines = files::open(&home.join(USAGE)).and_then(|file| LineReader::from_offset(file, 0));
    if let Ok(mut lines) = lines {
        while let Ok(Some(line)) = lines.next_line() {
            let record = tolerant_json::value(line.bytes).map(|(record, _)| record).unwrap_or_default();
            found.insert(PathBuf::from(tool_input::flat(&record["project"])));
        }
    }
    let folders = walk::subdirectories(&home.join("projects"), &mut Vec::new()).into_iter();
    found.extend(folders.filter_map(|folder| paths::directory_of(&folder)).map(PathBuf::from));
    found.retain(|project| project.is_absolute());
    found
}

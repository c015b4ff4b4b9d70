//! Fidelity: every text that a person, a model or a tool wrote into an agent's files is shown, and found by a search with
//! an entry that shows it. The files are read here without salon's readers; [`omissions`] lists what is left out.

mod omissions;
pub mod shown;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use salon::agent::Environment;

use crate::support::{Home, copy_tree, fixtures};
use shown::ShownHome;
use stored::StoredText;

/// Cases whose folder has another name than the agent's own, with the variable that names it.
const VARIABLES: [(&str, &str, &str); 2] =
    [("68a-env-qwen-home", "QWEN_HOME", "qwenhome"), ("68c-env-goose-path-root", "GOOSE_PATH_ROOT", "gooseroot")];

/// Case that other tests read: one session in two files.
const IN_TWO_FILES: &str = "37-claude-same-id-fragments";

/// Homes of all fixtures and cases.
pub fn homes() -> Vec<PathBuf> {
    let folders = |path: PathBuf| std::fs::read_dir(path).expect("a folder").flatten().map(|entry| entry.path());
    let homes = folders(fixtures()).filter(|path| path.is_dir()).flat_map(folders).map(|path| path.join("home"));
    let is_read = |path: &PathBuf| path.is_dir() && !path.parent().is_some_and(|case| case.ends_with(IN_TWO_FILES));
    let mut homes: Vec<PathBuf> = homes.filter(is_read).collect();
    homes.sort();
    homes
}

/// Copy of a fixture's home, with its environment.
pub fn copy(fixture: &Path) -> (Home, Environment) {
    let home = Home::empty();
    copy_tree(fixture, home.path());
    let mut environment = home.environment();
    for (case, variable, folder) in VARIABLES {
        if fixture.parent().is_some_and(|parent| parent.ends_with(case)) {
            environment.vars.insert(variable.to_owned(), home.path().join(folder).display().to_string());
        }
    }
    (home, environment)
}

/// Texts of a home that are missing, each as a line of the report.
fn missing(fixture: &Path) -> Vec<String> {
    let (home, environment) = copy(fixture);
    let texts = stored::texts(home.path());
    let shown = ShownHome::read(&home, &environment);
    let name = fixture.strip_prefix(fixtures()).expect("a fixture").parent().expect("a home").display().to_string();
    let (mut missing, mut needles) = (Vec::new(), BTreeMap::<&str, BTreeMap<String, &StoredText>>::new());
    for text in texts.iter().filter(|text| !omissions::is_omitted(text)) {
        let parts = parts(&text.text);
        let absent: Vec<&str> = parts.iter().copied().filter(|part| !shown.contains(part)).collect();
        if shown.contains(&text.text) || absent.is_empty() {
            let known = needles.entry(&text.path).or_default();
            let needle = parts.last().map(|part| needle(part));
            let needle = needle.filter(|needle| has_letters(needle) && shown.is_in_entry(needle));
            known.extend(needle.map(|needle| (needle, text)));
        } else {
            missing.push(line(&name, "shown", text, absent[0]));
        }
    }
    // Two texts of each kind are searched: the first and the last in the order of the alphabet.
    let ends = needles.into_values().flat_map(|mut known| [known.pop_first(), known.pop_last()]);
    let searched: BTreeMap<String, &StoredText> = ends.flatten().collect();
    missing.extend(searched.into_iter().filter_map(|(needle, text)| {
        let why = shown.search(&needle).err()?;
        Some(line(&name, why, text, &needle))
    }));
    missing
}

fn line(home: &str, what: &str, text: &StoredText, part: &str) -> String {
    let part: String = part.chars().take(100).collect();
    format!("not {what}: {home} {} {}: {part:?}", text.file, text.path)
}

/// Lines of a text, without tags and control characters, that contain a word.
fn parts(text: &str) -> Vec<&str> {
    static MARKUP: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"</?[a-zA-Z][\w-]*(?: [^<>\n]*)?/?>|\x1b\[[0-9;]*m").expect("a pattern"));
    let parts = MARKUP.split(text).flat_map(|part| part.split(|c: char| c.is_control() || c == '\u{fffd}'));
    parts.map(str::trim).filter(|part| has_letters(part)).collect()
}

/// True for a text with four letters in a row.
fn has_letters(text: &str) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if c.is_alphabetic() { run + 1 } else { 0 };
        run == 4
    })
}

/// Beginning of a part, short enough to be one line of a snippet.
fn needle(part: &str) -> String {
    let needle: String = part.chars().take(48).collect();
    needle.trim().to_lowercase()
}

#[test]
fn a19_every_text_in_an_agents_files_is_shown_and_found_or_is_omitted_with_a_reason() {
    let missing: Vec<String> = homes().iter().flat_map(|home| missing(home)).collect();
    let unique: BTreeSet<&String> = missing.iter().collect();
    assert!(unique.is_empty(), "{} texts:\n{}", unique.len(), report(&unique));
}

fn report(missing: &BTreeSet<&String>) -> String {
    missing.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n")
}

//! Holds the layers apart: who may import whom, and which crates are confined to which layers.

#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/names.rs"]
mod names;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use imports::ImportGraph;

/// What each layer may import, as the crate's documentation says.
const MAY_IMPORT: [(&str, &[&str]); 15] = [
    ("stdx", &[]),
    ("domain", &["stdx"]),
    ("config", &["stdx", "domain"]),
    ("agent", &["stdx", "domain"]),
    ("git", &["stdx", "domain"]),
    ("store", &["stdx", "domain"]),
    ("index", &["stdx", "domain", "agent", "store"]),
    ("export", &["stdx", "domain", "agent", "index"]),
    ("live", &["stdx", "domain", "agent", "store"]),
    ("serve", &["stdx", "domain", "index", "live"]),
    ("remote", &["stdx", "domain", "live", "serve"]),
    ("app", &["stdx", "domain", "config"]),
    ("ui", &["stdx", "domain", "config", "app"]),
    (
        "runtime",
        &[
            "stdx", "domain", "config", "agent", "git", "store", "index", "export", "live", "serve", "remote", "app",
            "ui",
        ],
    ),
    (
        "cli",
        &["stdx", "domain", "config", "agent", "git", "store", "index", "export", "live", "serve", "remote", "runtime"],
    ),
];

/// Where a crate, or a part of the standard library, may be named.
const CONFINED: [(&str, &[&str]); 19] = [
    ("ratatui::", &["ui", "runtime"]),
    ("crossterm::", &["runtime"]),
    ("tokio::", &["index", "live", "serve", "remote", "runtime", "cli"]),
    ("notify::", &["index"]),
    ("rusqlite::", &["store", "index", "agent"]),
    ("hyper::", &["live"]),
    ("hyper_util::", &["live"]),
    ("http_body_util::", &["live"]),
    ("tokio::process", &["live", "remote"]),
    ("regex_syntax::", &["index"]),
    ("lz4_flex::", &["index"]),
    ("clap::", &["cli"]),
    ("println!", &["cli"]),
    ("print!", &["cli"]),
    ("std::env::", &["runtime", "cli"]),
    ("SystemTime::now", &["live", "runtime", "cli"]),
    ("Instant::now", &["live", "remote", "runtime", "cli"]),
    ("std::process::Command", &["git", "live", "runtime", "cli"]),
    (
        "std::fs",
        &["stdx", "config", "agent", "git", "store", "index", "export", "live", "serve", "remote", "runtime", "cli"],
    ),
];

/// Maximum methods of `App`, because screens own their updates.
const MAX_APP_METHODS: usize = 12;

/// Words that may not be part of a name, because only a private metaphor gives them a meaning. The field has a term for
/// each: see the glossary of the crate's documentation.
const RULED_OUT: &[&str] = &[
    "aim",
    "aimed",
    "anew",
    "arrival",
    "asks",
    "awaited",
    "bulk",
    "buried",
    "bury",
    "desk",
    "disclaim",
    "disown",
    "doubted",
    "dress",
    "dressed",
    "emptiness",
    "faults",
    "forget",
    "forgets",
    "gathered",
    "glance",
    "happening",
    "hear",
    "heard",
    "hunt",
    "lacking",
    "lend",
    "lends",
    "lent",
    "letters",
    "lives",
    "nobody",
    "obey",
    "obeyed",
    "obeys",
    "offers",
    "owe",
    "owed",
    "owes",
    "patience",
    "performer",
    "places",
    "premise",
    "recall",
    "recalled",
    "rested",
    "rests",
    "ruled",
    "said",
    "saying",
    "sayings",
    "seat",
    "settle",
    "settled",
    "shelf",
    "shut_up",
    "sift",
    "sighting",
    "sightings",
    "slip",
    "slipped",
    "slips",
    "somebody",
    "sought",
    "stand",
    "standing",
    "stands",
    "stir",
    "stirred",
    "surroundings",
    "survey",
    "talk",
    "talks",
    "teller",
    "told",
    "trouble",
    "twin",
    "twins",
    "unasked",
    "unsettled",
    "untangle",
    "upkeep",
    "utter",
    "vouch",
    "vouched",
    "whoever",
    "wish",
    "wished",
    "wishes",
    "woke",
];

/// Words with which a doc may not begin: its first sentence is a verb in the third person or a noun phrase.
const NOT_FIRST: &[&str] = &[
    "What", "Whether", "How", "It", "They", "Nobody", "Somebody", "Whoever", "Who", "Where", "That", "Anybody",
    "Someone", "Which", "Why", "The same",
];

#[test]
fn layers_import_only_downwards() {
    let mut wrong = Vec::new();
    for (layer, file, code) in sources() {
        let (_, allowed) =
            MAY_IMPORT.iter().find(|(name, _)| *name == layer).unwrap_or_else(|| panic!("no rule for layer {layer}"));
        for (imported, _) in MAY_IMPORT.iter().filter(|(name, _)| *name != layer && !allowed.contains(name)) {
            if code.contains(&format!("crate::{imported}")) {
                wrong.push(format!("{}: {layer} must not import {imported}", file.display()));
            }
        }
        assert!(!code.contains("use crate::{"), "{}: name the layer in each import", file.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (layer, file, code) in sources() {
        // A test beside the code may make values that the code gets from its caller.
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for (name, allowed) in CONFINED {
            if !allowed.contains(&layer.as_str()) && mentions(code, name) {
                wrong.push(format!("{}: {name} is confined to {allowed:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_do_not_import_each_other_in_a_loop() {
    let mut layers: BTreeMap<String, ImportGraph> = BTreeMap::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (layer, file, code) in sources() {
        let below = file.strip_prefix(&src).expect("below src").with_extension("");
        let mut module: Vec<_> = below.iter().filter_map(|part| part.to_str()).collect();
        module.pop_if(|last| *last == "mod");
        layers.entry(layer).or_default().add(&module, &code);
    }
    let circles: Vec<_> = layers.values().flat_map(ImportGraph::circles).map(|circle| circle.join(" ")).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn screens_own_their_updates() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app");
    let mut wrong = Vec::new();
    for (_, file, code) in sources().into_iter().filter(|(layer, ..)| layer == "app") {
        let below = file.strip_prefix(&src).expect("below app");
        let methods: usize = names::impls(&code, "App").map(|body| names::functions(body).count()).sum();
        if below == Path::new("mod.rs") {
            assert!(methods > 0, "the methods of App were found");
            if methods > MAX_APP_METHODS {
                wrong.push(format!("App has {methods} methods, more than {MAX_APP_METHODS}"));
            }
        } else if methods > 0 {
            wrong.push(format!("{}: {methods} methods of App", below.display()));
        }
        if !below.starts_with("stack") && names::impls(&code, "Stack").next().is_some() {
            wrong.push(format!("{}: only the stack moves screens", below.display()));
        }
        if below != Path::new("stack/mod.rs") && code.contains("match flow {") {
            wrong.push(format!("{}: an outcome is carried out outside of the stack", below.display()));
        }
    }
    // Each screen handles its keys, in its own folder or file.
    for screen in ["Home", "Reader", "Chat", "SearchScreen", "Help", "Palette", "Dialog", "IssuesView", "Inbox"]
        .into_iter()
        .chain(["Picker", "NewSession"])
    {
        let handles = |(layer, _, code): &(String, PathBuf, String)| {
            layer == "app"
                && names::impls(code, screen).any(|body| names::functions(body).any(|function| function == "key"))
        };
        if !sources().iter().any(handles) {
            wrong.push(format!("{screen} does not handle its keys"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_the_terms_of_the_field() {
    let mut wrong = Vec::new();
    for (_, file, code) in sources() {
        let stem = file.file_stem().expect("a name").to_string_lossy().into_owned();
        for name in code.lines().filter_map(names::defined).chain([stem.as_str()]) {
            let ruled_out = names::words(name).into_iter().filter(|word| RULED_OUT.contains(&word.as_str()));
            wrong.extend(ruled_out.map(|word| format!("{}: {name} contains \"{word}\"", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_type_that_others_can_name_has_a_name_of_its_own() {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, file, code) in sources() {
        for (at, line) in code.lines().enumerate() {
            if let Some(found) = names::public_type(line, at + 1) {
                types.entry(found.name).or_default().push(format!("{}:{}", file.display(), found.line));
            }
        }
    }
    let wrong: Vec<_> = types.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn docs_begin_with_a_verb_or_a_noun() {
    let mut wrong = Vec::new();
    for (_, file, _) in sources() {
        let text = std::fs::read_to_string(&file).expect("source");
        for (line, doc) in names::docs(&text) {
            let begins =
                |word: &&&str| doc.strip_prefix(**word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
            if let Some(word) = NOT_FIRST.iter().find(begins) {
                wrong.push(format!("{}:{line}: begins with \"{word}\"", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tests_of_names_find_what_they_look_for() {
    assert_eq!(names::words("FileScan2Of_desk"), ["file", "scan2", "of", "desk"]);
    let defined =
        ["pub(crate) async fn told(", "    pub desk: usize,", "let mut talk = 1;", "    Shelf,", "mod slips;"];
    assert_eq!(defined.map(names::defined), [Some("told"), Some("desk"), Some("talk"), Some("Shelf"), Some("slips")]);
    assert!(names::public_type("pub(super) struct Row<'a> {", 1).is_some());
    assert!(names::public_type("struct Row {", 1).is_none() && names::public_type("    type Item = u8;", 1).is_none());
    let code = "impl App {\n    pub fn a() {}\n    fn b(\n}\nfn c() {}\nimpl<'a> App<'a> {\n    async fn d() {}\n}\nimpl Apps {\n    fn e() {}\n}\n";
    let found: Vec<_> = names::impls(code, "App").flat_map(names::functions).collect();
    assert_eq!(found, ["a", "b", "d"]);
    assert_eq!(names::docs("/// What\n/// it is\nfn x() {}\n//! How"), [(1, "What"), (4, "How")]);
}

#[test]
fn every_file_says_what_it_is_for() {
    for (_, file, code) in sources() {
        let whole = std::fs::read_to_string(&file).expect("source");
        assert!(whole.starts_with("//! "), "{} does not open with //!", file.display());
        assert!(!code.is_empty() || whole.lines().count() < 10, "{}", file.display());
    }
}

/// A crate's name counts only where a path begins with it.
fn mentions(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

/// Layer, file and code (without comments) of every source file below a layer's folder.
fn sources() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open = vec![src.clone()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("source directory") {
            let path = entry.expect("directory entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && path.parent() != Some(&src) {
                let below = path.strip_prefix(&src).expect("below src");
                let layer = below.components().next().expect("a layer").as_os_str().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).expect("source");
                let code =
                    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
                found.push((layer, path, code));
            }
        }
    }
    found
}

//! Holds the layers apart: who may import whom, and which crates are confined to which layers.

#[path = "architecture/imports.rs"]
mod imports;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use imports::ImportGraph;

/// What each layer may import, as the crate's documentation says.
const MAY_IMPORT: [(&str, &[&str]); 11] = [
    ("stdx", &[]),
    ("domain", &["stdx"]),
    ("config", &["stdx", "domain"]),
    ("agent", &["stdx", "domain"]),
    ("store", &["stdx", "domain"]),
    ("index", &["stdx", "domain", "agent", "store"]),
    ("live", &["stdx", "domain", "agent", "store"]),
    ("app", &["stdx", "domain", "config"]),
    ("ui", &["stdx", "domain", "config", "app"]),
    ("runtime", &["stdx", "domain", "config", "agent", "store", "index", "live", "app", "ui"]),
    ("cli", &["stdx", "domain", "config", "agent", "store", "index", "live", "runtime"]),
];

/// Where a crate, or a part of the standard library, may be named.
const CONFINED: [(&str, &[&str]); 19] = [
    ("ratatui::", &["ui", "runtime"]),
    ("crossterm::", &["runtime"]),
    ("tokio::", &["index", "live", "runtime", "cli"]),
    ("notify::", &["index"]),
    ("rusqlite::", &["store", "index", "agent"]),
    ("hyper::", &["live"]),
    ("hyper_util::", &["live"]),
    ("http_body_util::", &["live"]),
    ("tokio::process", &["live"]),
    ("regex_syntax::", &["index"]),
    ("lz4_flex::", &["index"]),
    ("clap::", &["cli"]),
    ("println!", &["cli"]),
    ("print!", &["cli"]),
    ("std::env::", &["runtime", "cli"]),
    ("SystemTime::now", &["live", "runtime", "cli"]),
    ("Instant::now", &["live", "runtime", "cli"]),
    ("std::process::Command", &["live", "runtime", "cli"]),
    ("std::fs", &["stdx", "config", "agent", "store", "index", "live", "runtime", "cli"]),
];

/// Layers in which files still import each other in a loop. A layer without circles must leave the list.
const WITH_CIRCLES: &[&str] = &[
    "app", "runtime", // shell, runs, start
    "ui",
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
        for (name, allowed) in CONFINED {
            if !allowed.contains(&layer.as_str()) && mentions(&code, name) {
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
    let mut wrong = Vec::new();
    for (layer, graph) in layers {
        let circles = graph.circles();
        match (circles.is_empty(), WITH_CIRCLES.contains(&layer.as_str())) {
            (false, false) => wrong.extend(circles.iter().map(|circle| format!("{layer}: {}", circle.join(" ")))),
            (true, true) => wrong.push(format!("{layer} has no circle any more: take it off the list")),
            (true, false) | (false, true) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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

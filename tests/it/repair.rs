//! Health: damage is named where a session is listed and read, and a repaired copy has everything that can be read.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::agent::line_repair::{self, LineRepairs};
use salon::app::Msg;
use salon::domain::catalog::CatalogChange;
use salon::domain::{Agent, Issue};
use serde_json::Value;

use super::cli::{code, json as output_json, run, text};
use super::screens::stage::{Stage, change, session};
use crate::support::{Home, copy_tree, fixtures};

const CLAUDE: &str = "claude/2.1.329";

fn transcripts(home: &Home) -> Vec<PathBuf> {
    let folder = home.path().join(".claude/projects/-home-dev-shop-api");
    let files = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect()
}

fn repaired(bytes: &[u8]) -> (Vec<u8>, LineRepairs) {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let path = dir.path().join("a.jsonl");
    fs::write(&path, bytes).expect("written");
    let mut out = Vec::new();
    let repairs = line_repair::write_repaired(&path, &mut out).expect("repaired");
    (out, repairs)
}

/// Longest transcript of the fixtures.
fn longest() -> (Home, PathBuf, Vec<u8>) {
    let home = Home::of(&[CLAUDE]);
    let path = transcripts(&home).into_iter().max_by_key(|path| fs::metadata(path).expect("there").len());
    let path = path.expect("a transcript");
    let bytes = fs::read(&path).expect("readable");
    (home, path, bytes)
}

#[test]
fn sound_files_are_copied_byte_for_byte() {
    let home = Home::of(&[CLAUDE, "codex/0.169.0"]);
    let mut count = 0;
    for path in transcripts(&home) {
        let bytes = fs::read(&path).expect("readable");
        if bytes.ends_with(b"\n") {
            let (copy, repairs) = repaired(&bytes);
            assert!(copy == bytes && repairs.is_empty(), "{}: {repairs}", path.display());
            count += 1;
        }
    }
    assert!(count > 5);
}

#[test]
fn a_repaired_copy_has_everything_and_no_damage() {
    let (home, path, bytes) = longest();
    let id = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let shown = |home: &Home| output_json(&run(home, &["show", &id, "--json"]));
    let before = shown(&home);
    assert_eq!(before["issues"].as_array().map(Vec::len), Some(0));
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut damaged = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match at % 4 {
            // Two records in one line.
            1 => damaged.extend_from_slice(&line[..line.len() - 1]),
            3 => damaged.extend([&[0_u8; 4096][..], b"\n", line].concat()),
            _ => damaged.extend_from_slice(line),
        }
    }
    fs::write(&path, &damaged).expect("written");
    let issues = shown(&home)["issues"].to_string();
    assert!(issues.contains("hole of NUL bytes") && issues.contains("several records in one line"), "{issues}");
    let listed = output_json(&run(&home, &["list", "--json", "--hidden"]))["issues"].to_string();
    assert!(listed.contains("hole of NUL bytes"), "{listed}");
    let copy = home.path().join("copy.jsonl");
    let name = copy.to_str().expect("UTF-8");
    let report = output_json(&run(&home, &["repair", &id, "--output", name, "--json"]));
    assert!(report["split"].as_u64() > Some(0) && report["left_out"].as_u64() > Some(4000), "{report}");
    assert_eq!(fs::read(&path).expect("there"), damaged, "the original stays");
    assert_eq!(code(&run(&home, &["repair", &id, "--output", name])), 1, "no file is replaced");
    assert_eq!(fs::read(&copy).expect("there"), bytes);
    fs::copy(&copy, &path).expect("copied");
    assert_eq!(shown(&home)["entries"], before["entries"]);
}

#[test]
fn a_torn_record_is_closed_and_a_database_is_refused() {
    let (_home, _, bytes) = longest();
    let cut = bytes.len() - 40;
    let (copy, repairs) = repaired(&bytes[..cut]);
    assert_eq!(repairs.closed, 1, "{repairs}");
    let last = copy.split(|byte| *byte == b'\n').rev().find(|line| !line.is_empty()).expect("a record");
    serde_json::from_slice::<Value>(last).expect("a record");
    let home = Home::of(&["opencode/1.18.33"]);
    let listed = output_json(&run(&home, &["list", "--json"]));
    let id = listed["sessions"][0]["id"].as_str().expect("an id").to_owned();
    let out = home.path().join("x.jsonl");
    let refused = run(&home, &["repair", &id, "--output", out.to_str().expect("UTF-8")]);
    assert!(code(&refused) == 1 && text(&refused.stderr).contains("in a database"), "{}", text(&refused.stderr));
    assert!(!out.exists());
}

#[test]
fn the_damage_is_named_in_the_row_the_preview_and_the_header() {
    let mut stage = Stage::new(240, 30);
    let mut damaged = session(Agent::Claude, "a", "Alpha", 5);
    damaged.path = "/srv/a.jsonl".into();
    let mut sound = session(Agent::Claude, "b", "Beta", 9);
    sound.path = "/srv/b.jsonl".into();
    let issue = |line, reason: &str| Issue { line: Some(line), ..Issue::new(Path::new("/srv/a.jsonl"), reason) };
    let torn = "torn record, read as far as it goes";
    let split = "repaired: several records in one line";
    let issues = vec![issue(3, torn), issue(4, split), issue(7, split)];
    stage.send(Msg::Catalog(CatalogChange { issues: Some(issues), ..change(vec![damaged, sound]) }));
    let screen = stage.screen();
    assert!(screen.contains("× Alpha") && !screen.contains("× Beta"), "{screen}");
    assert!(
        screen.contains("damaged: torn record, read as far as it goes; 2 × several records in one line"),
        "{screen}"
    );
}

#[test]
fn every_damaged_session_of_the_cases_has_a_copy_that_is_read_without_damage() {
    let home = Home::empty();
    copy_tree(&fixtures().join("cases/50-glued-records"), home.path());
    let mut open = vec![home.path().to_owned()];
    let mut repaired_files = 0;
    while let Some(dir) = open.pop() {
        for path in fs::read_dir(dir).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                let (copy, _) = repaired(&fs::read(&path).expect("readable"));
                let (again, repairs) = repaired(&copy);
                assert!(again == copy && repairs.is_empty(), "{}: {repairs}", path.display());
                repaired_files += 1;
            }
        }
    }
    assert!(repaired_files > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_damage_leaves_whole_records_and_repairing_twice_changes_nothing(
        cuts in proptest::collection::vec((0..1_000_000_usize, 0..60_usize, any::<u8>()), 0..8)
    ) {
        let whole: Vec<u8> = (0..40).flat_map(|n| format!("{{\"n\":{n},\"text\":\"a \\\"b\\\" {{é}}\",\"list\":[1,[2]]}}\n").into_bytes()).collect();
        let mut bytes = whole;
        for (at, count, fill) in cuts {
            let at = at % bytes.len().max(1);
            let end = (at + count).min(bytes.len());
            match fill % 3 {
                0 => drop(bytes.drain(at..end)),
                1 => bytes[at..end].fill(0),
                _ => bytes[at..end].fill(fill),
            }
        }
        let (copy, repairs) = repaired(&bytes);
        let lines: Vec<_> = copy.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        prop_assert_eq!(lines.len() as u64, repairs.records);
        let (again, none) = repaired(&copy);
        prop_assert_eq!(again, copy);
        prop_assert!(none.is_empty());
    }
}

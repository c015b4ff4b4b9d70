//! Holds `tests/CHECKS.md` and the names of the tests together: a test that proves a check has its id in its name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// First letters of the ids.
const LETTERS: &str = "abcdeh";

/// A row of the list: id, and the test that proves it.
fn listed() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("tests/CHECKS.md")).expect("the list");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, sentence, test] = cells[..] else { panic!("not three cells: {line}") };
        assert!(sentence.ends_with('.') && sentence.len() > 10, "{id} needs a sentence");
        let before = rows.insert(id.to_lowercase(), test.trim_matches('`').to_owned());
        assert!(before.is_none(), "{id} is listed twice");
    }
    rows
}

/// Names of all test functions, with the ids at their beginning.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().join("tests"), root().join("src")];
    while let Some(dir) = open.pop() {
        for path in std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.extend(names(&std::fs::read_to_string(path).expect("source")));
            }
        }
    }
    found
}

fn names(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let (mut found, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim_start) {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        match function.and_then(|rest| rest.split_once('(')) {
            Some((name, _)) if is_test => {
                found.push((name.to_owned(), ids(name)));
                is_test = false;
            }
            Some(_) => is_test = false,
            None => is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
        }
    }
    found
}

fn ids(name: &str) -> BTreeSet<String> {
    let is_id = |part: &&str| {
        part.strip_prefix(|c| LETTERS.contains(c))
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // Issues have ids too; they may stand among those of checks.
    let is_other = |part: &&str| part.strip_prefix('f').is_some_and(|number| number.parse::<u8>().is_ok());
    name.split('_').filter(|part| !is_other(part)).take_while(is_id).map(str::to_owned).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn every_check_has_a_test_and_every_id_is_a_check() {
    let (listed, tests) = (listed(), tests());
    assert!(listed.len() > 100 && tests.len() > 500, "{} checks, {} tests", listed.len(), tests.len());
    let mut wrong = Vec::new();
    for (id, test) in &listed {
        match tests.get(test) {
            None => wrong.push(format!("{id}: there is no test {test}")),
            Some(ids) if !ids.contains(id) => wrong.push(format!("{id}: {test} does not have the id in its name")),
            Some(_) => {}
        }
    }
    for (test, ids) in &tests {
        wrong.extend(ids.iter().filter(|id| !listed.contains_key(*id)).map(|id| format!("{test}: {id} is not listed")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ids_are_read_from_the_beginning_of_a_name() {
    assert_eq!(ids("a14_h6_resume_in_2_ways"), BTreeSet::from(["a14".to_owned(), "h6".to_owned()]));
    assert_eq!(ids("f3_d8_a_prompt"), BTreeSet::from(["d8".to_owned()]));
    assert!(ids("another_a1_name").is_empty() && ids("f3_prompt").is_empty());
    let text = "#[test]\nfn a1_x() {\n}\nfn a2_helper() {}\n#[tokio::test(start_paused = true)]\nasync fn b3_y() {}\n";
    assert_eq!(names(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a1_x", "b3_y"]);
}

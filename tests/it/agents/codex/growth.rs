//! Rollouts that grow, and that are replaced while they are known.

use std::fs;

use salon::agent::{RefreshOutcome, SummaryProgress, TextLimit};
use salon::domain::{Issue, Session};

use super::{ARCHIVED, PARENT, TOUR, VERSIONS, all, append, codex, sessions, unit, units};
use crate::support::Home;

/// However a rollout grew, it adds up to the same; half a line is no line.
#[test]
fn a12_growing_by_any_pieces_gives_the_same_summary() {
    let home = Home::of(&VERSIONS);
    for at in units(&home).into_iter().filter(|unit| unit.path.to_string_lossy().contains("rollout")) {
        let whole = fs::read(&at.path).expect("rollout");
        let expected = all(codex().summarise(&at, None));
        let messages = |sessions: &[Session]| sessions.first().map_or(0, |session| session.messages);
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &whole).map(|end| end + 1).collect();
        let mut progress: Option<SummaryProgress> = None;
        for piece in ends.chunks(7) {
            let end = *piece.last().expect("not empty");
            // First with half of the next line, which must not count.
            let next = ends.iter().find(|next| **next > end).map_or(end, |next| (end + next) / 2);
            fs::write(&at.path, &whole[..end]).expect("write");
            let exact = codex().summarise(&unit(&home, &at.path), progress.as_ref());
            append(&at.path, &whole[end..next]);
            let half = codex().summarise(&unit(&home, &at.path), Some(&exact.progress));
            let is_torn_end = |issue: &Issue| issue.reason == "torn record at the end of the file";
            assert!(half.issues.iter().all(is_torn_end), "{:?}", half.issues);
            progress = Some(half.progress.clone());
            assert_eq!(messages(&all(half)), messages(&all(exact)), "{}", at.path.display());
        }
        fs::write(&at.path, &whole).expect("write");
        let grown = codex().summarise(&unit(&home, &at.path), progress.as_ref());
        let mut grown = all(grown);
        // The file was written again meanwhile.
        grown.iter_mut().zip(&expected).for_each(|(grown, expected)| grown.modified = expected.modified);
        assert_eq!(grown, expected);
    }
}

#[test]
fn a12_an_append_costs_only_its_own_bytes() {
    let home = Home::of(&["codex/0.169.0"]);
    let path = sessions(&home)[TOUR].path.clone();
    let first = codex().summarise(&unit(&home, &path), None);
    let session = all(codex().summarise(&unit(&home, &path), None)).remove(0);
    let mut reading = codex().open(&session).expect("opens");
    let before = reading.bytes_read();
    let line = "{\"timestamp\":\"2026-11-21T10:00:00.000Z\",\"ordinal\":188,\"type\":\"event_msg\",\"payload\":{\"type\":\"item_completed\",\"item\":{\"type\":\"UserMessage\",\"id\":\"new\",\"content\":[{\"type\":\"text\",\"text\":\"one more\"}]}}}\n";
    append(&path, line.as_bytes());
    let second = codex().summarise(&unit(&home, &path), Some(&first.progress));
    assert_eq!(second.bytes_read, line.len() as u64);
    assert_eq!(all(second)[0].messages, session.messages + 1);
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: session.messages as usize });
    assert_eq!(reading.bytes_read() - before, line.len() as u64);
    assert_eq!(reading.read(reading.len() - 1..reading.len(), TextLimit::NONE)[0].text, "one more");
}

#[test]
fn usage_that_is_recorded_after_an_answer_changes_the_answer() {
    let home = Home::of(&["codex/0.169.0"]);
    let all_sessions = sessions(&home);
    let session = &all_sessions[TOUR];
    let mut reading = codex().open(session).expect("opens");
    let last = reading.len() - 1;
    let before = reading.read(last..last + 1, TextLimit::NONE)[0].tokens.unwrap_or_default();
    let line = "{\"timestamp\":\"2026-11-21T10:00:00.000Z\",\"ordinal\":188,\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":{\"total_token_usage\":{\"input_tokens\":900000,\"cached_input_tokens\":400000,\"output_tokens\":1000}}}}\n";
    append(&session.path, line.as_bytes());
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: last });
    let after = reading.read(last..last + 1, TextLimit::NONE)[0].tokens.unwrap_or_default();
    assert!(after.total() > before.total(), "{before:?} {after:?}");
    let mut again = codex().open(session).expect("opens");
    assert_eq!(again.read(last..last + 1, TextLimit::NONE)[0].tokens, Some(after));
}

#[test]
fn a13_a_rollout_that_was_replaced_is_read_again() {
    let home = Home::of(&["codex/0.169.0"]);
    let all_sessions = sessions(&home);
    let (long, short) = (all_sessions[TOUR].path.clone(), all_sessions[PARENT].path.clone());
    let before = codex().summarise(&unit(&home, &long), None);
    let mut reading = codex().open(&all_sessions[TOUR]).expect("opens");
    // Truncated and written anew, in the same file.
    fs::write(&long, fs::read(&short).expect("rollout")).expect("write");
    let after = codex().summarise(&unit(&home, &long), Some(&before.progress));
    assert_eq!(&*all(after)[0].key.id, PARENT);
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);
    // Another file in its place.
    let before = codex().summarise(&unit(&home, &long), None);
    let other = long.with_extension("new");
    fs::copy(&all_sessions[ARCHIVED].path, &other).expect("copy");
    fs::rename(&other, &long).expect("rename");
    let after = codex().summarise(&unit(&home, &long), Some(&before.progress));
    assert_eq!(&*all(after)[0].title.text, "to be archived");
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);
    fs::remove_file(&long).expect("remove");
    assert_eq!(reading.refresh(), RefreshOutcome::Gone);
    assert!(matches!(&*codex().affected(&codex().roots(&home.environment())[0], &long), [(_, None)]));
}

#[test]
fn a_second_rollout_of_an_open_thread_is_shown_when_it_appears() {
    let prompt = |second: u32, text: &str| {
        format!(
            r#"{{"timestamp":"2025-07-01T10:00:{second:02}.000Z","type":"event_msg","payload":{{"type":"user_message","message":"{text}"}}}}"#
        )
    };
    let (home, path) = super::written(&[&prompt(1, "begin")]);
    let session = sessions(&home).into_values().next().expect("a session");
    let mut reading = codex().open(&session).expect("opens");
    assert_eq!((reading.len(), reading.refresh()), (1, RefreshOutcome::Same));
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name").replace("T10-00-00", "T11-00-00");
    let second = path.with_file_name(name);
    fs::write(&second, prompt(20, "go on") + "\n").expect("write");
    // As the index does when the file appears.
    let root = codex().roots(&home.environment()).remove(0);
    assert_eq!(codex().affected(&root, &second).len(), 2);
    assert_eq!((reading.refresh(), reading.len()), (RefreshOutcome::Reset, 2));
    append(&path, (prompt(10, "between") + "\n").as_bytes());
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);
    let texts: Vec<String> = reading.read(0..9, TextLimit::NONE).into_iter().map(|entry| entry.text).collect();
    assert_eq!(texts, ["begin", "between", "go on"]);
}

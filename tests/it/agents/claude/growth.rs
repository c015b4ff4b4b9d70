//! Transcripts that are read in pages, that grow, and that are rewritten while they are known.

use std::io::Write;

use salon::agent::{RefreshOutcome, TextLimit};
use serde_json::json;

use super::{One, VERSIONS, answer, call, claude, read, record, say, session, sessions, text, units, user};
use crate::support::Home;

#[test]
fn a6_the_union_of_pages_is_the_whole() {
    let home = Home::of(&["claude/2.1.329"]);
    for session in sessions(&home).values() {
        let whole = read(session);
        let mut reading = claude().open(session).expect("opens");
        let mut pages = Vec::new();
        for from in (0..whole.len()).step_by(3) {
            pages.extend(reading.read(from..from + 3, TextLimit::NONE));
        }
        assert_eq!(format!("{pages:?}"), format!("{whole:?}"), "{}", session.key);
        assert!(reading.read(whole.len()..whole.len() + 3, TextLimit::NONE).is_empty());
    }
}

#[test]
fn a7_five_thousand_messages_can_be_read_to_the_first() {
    let mut lines = vec![user("0", None, "the very first")];
    lines.extend((1..5000).map(|at| say(&at.to_string(), &(at - 1).to_string(), &format!("answer {at}"))));
    let one = One::new(&lines);
    let session = one.session();
    assert_eq!(session.messages, 5000);
    let mut reading = claude().open(&session).expect("opens");
    assert_eq!(reading.read(0..1, TextLimit::NONE)[0].text, "the very first");
    assert_eq!(reading.read(4999..5000, TextLimit::NONE)[0].text, "answer 4999");
}

#[test]
fn a7_reading_page_by_page_reads_each_record_once() {
    let blocks: Vec<_> = (0..3000).map(|at| json!({"type": "text", "text": format!("block {at}")})).collect();
    let reply = json!({"message": {"id": "m", "role": "assistant", "content": blocks}});
    let wide = vec![user("0", None, "hello"), record("1", Some("0"), "assistant", reply)];
    let mut repeated = vec![user("0", None, "hello")];
    for at in 1..1000 {
        repeated.push(call(&(2 * at - 1).to_string(), &(2 * at - 2).to_string(), &format!("m{at}"), "toolu_1"));
        repeated.push(answer(&(2 * at).to_string(), &(2 * at - 1).to_string(), "toolu_1", format!("output {at}")));
    }
    for (lines, len) in [(wide, 3001), (repeated, 1000)] {
        let one = One::new(&lines);
        let size = text(&lines).len() as u64;
        let mut reading = claude().open(&one.session()).expect("opens");
        assert_eq!(reading.len(), len);
        for from in (0..len).step_by(100) {
            for (at, entry) in (from..).zip(reading.read(from..from + 100, TextLimit::NONE)) {
                let expected = |tool: &salon::domain::transcript::Tool| tool.output == format!("output {at}");
                assert!(entry.tool.as_deref().is_none_or(expected), "{at}: {entry:?}");
            }
        }
        let read = reading.bytes_read();
        assert!(read < 3 * size, "{read} of {size} bytes");
    }
}

#[test]
fn a8_an_append_costs_what_was_appended() {
    let filler = "x".repeat(1000);
    let mut lines = vec![user("0", None, "hello")];
    lines.extend((1..500).map(|at| say(&at.to_string(), &(at - 1).to_string(), &filler)));
    let one = One::new(&lines);
    let before = one.summarise();
    assert!(before.progress.state.len() < 1024, "{}", String::from_utf8_lossy(&before.progress.state));
    let more = text(&[say("500", "499", "new")]);
    one.append(&more);
    let after = claude().summarise(&one.unit(), Some(&before.progress));
    assert_eq!(after.bytes_read, more.len() as u64);
    assert_eq!(session(after), one.session());
}

#[test]
fn a8_any_sequence_of_appends_gives_what_one_reading_gives() {
    for home in VERSIONS.map(|version| Home::of(&[version])) {
        for unit in units(&home) {
            let bytes = std::fs::read(&unit.path).expect("reads");
            let whole = claude().summarise(&unit, None);
            std::fs::write(&unit.path, b"").expect("empties");
            let mut progress = None;
            let mut last = None;
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                let mut file = std::fs::OpenOptions::new().append(true).open(&unit.path).expect("opens");
                file.write_all(line).expect("appends");
                let grown = units(&home).into_iter().find(|grown| grown.path == unit.path).expect("found");
                let summarised = claude().summarise(&grown, progress.as_ref());
                progress = Some(summarised.progress.clone());
                last = Some(summarised);
            }
            let Some(last) = last else { continue };
            assert_eq!(last.notes, whole.notes);
            let (mut last, whole) = (session(last), session(whole));
            last.last_activity = whole.last_activity;
            last.modified = whole.modified;
            assert_eq!(last, whole);
        }
    }
}

#[test]
fn a12_half_a_line_waits_for_the_rest() {
    let one = One::new(&[user("1", None, "hello")]);
    let before = one.summarise();
    let mut reading = claude().open(&one.session()).expect("opens");
    let line = text(&[say("2", "1", "the whole answer")]);
    let (head, tail) = line.split_at(line.len() / 2);
    one.append(head);
    let half = claude().summarise(&one.unit(), Some(&before.progress));
    assert_eq!(reading.refresh(), RefreshOutcome::Same);
    for issues in [&half.issues, reading.issues()] {
        let reasons: Vec<&str> = issues.iter().map(|issue| &*issue.reason).collect();
        assert_eq!(reasons, ["torn record at the end of the file"]);
    }
    let progress = half.progress.clone();
    assert_eq!(session(half).messages, 1);
    one.append(tail);
    let done = claude().summarise(&one.unit(), Some(&progress));
    assert!(done.issues.is_empty());
    assert_eq!(session(done).messages, 2);
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 1 });
    assert!(reading.issues().is_empty());
    assert_eq!(reading.read(1..2, TextLimit::NONE)[0].text, "the whole answer");
}

#[test]
fn h14_a_last_line_without_newline_counts_when_it_is_whole() {
    let mut bytes = text(&[user("1", None, "hello"), say("2", "1", "answer")]);
    bytes.pop();
    let one = One::raw(&bytes);
    let before = one.summarise();
    assert_eq!(one.texts(), ["hello", "answer"]);
    one.append(b"\n");
    one.append(&text(&[say("3", "2", "more")]));
    let after = session(claude().summarise(&one.unit(), Some(&before.progress)));
    assert_eq!((after.messages, after.unreadable), (3, 0));
}

#[test]
fn a13_a_rewritten_or_replaced_file_is_read_again() {
    let one = One::new(&[user("1", None, "hello"), say("2", "1", "answer")]);
    let before = one.summarise();
    let mut reading = claude().open(&one.session()).expect("opens");
    let other =
        [user("8", None, "something else entirely, and longer"), say("9", "8", "indeed"), say("10", "9", "yes")];
    std::fs::write(&one.path, text(&other)).expect("rewrites in place");
    assert_eq!(session(claude().summarise(&one.unit(), Some(&before.progress))), one.session());
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);
    assert_eq!(reading.read(0..9, TextLimit::NONE)[0].text, "something else entirely, and longer");

    // Changed in place without a trace in its size, and gone on with as if nothing had been.
    let before = one.summarise();
    let bytes = String::from_utf8(std::fs::read(&one.path).expect("reads")).expect("text");
    std::fs::write(&one.path, bytes.replacen("something else", "SOMETHING ELSE", 1)).expect("rewrites");
    one.append(&text(&[say("11", "10", "more")]));
    let after = session(claude().summarise(&one.unit(), Some(&before.progress)));
    assert_eq!(&*after.title.text, "SOMETHING ELSE entirely, and longer");
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);

    let before = one.summarise();
    let fresh = one.path.with_extension("new");
    std::fs::write(&fresh, text(&[user("1", None, "renamed over")])).expect("writes");
    std::fs::rename(&fresh, &one.path).expect("renames");
    assert_eq!(&*session(claude().summarise(&one.unit(), Some(&before.progress))).title.text, "renamed over");
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);
    std::fs::remove_file(&one.path).expect("removes");
    assert_eq!(reading.refresh(), RefreshOutcome::Gone);
}

#[test]
fn a_queued_prompt_is_last_until_it_is_sent() {
    let one = One::new(&[user("0", None, "hello"), say("1", "0", "working")]);
    let mut reading = claude().open(&one.session()).expect("opens");
    let queue = |operation: &str, more: serde_json::Value| {
        let mut line =
            json!({"type": "queue-operation", "operation": operation, "timestamp": "2026-11-01T10:00:00.000Z"});
        line.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        line
    };
    let steps = [
        (queue("enqueue", json!({"content": "next"})), RefreshOutcome::Grown { from: 2 }),
        (say("2", "1", "still working"), RefreshOutcome::Grown { from: 2 }),
        (queue("dequeue", json!({})), RefreshOutcome::Grown { from: 3 }),
        (user("3", Some("2"), "next"), RefreshOutcome::Grown { from: 3 }),
        (queue("enqueue", json!({"content": "no"})), RefreshOutcome::Grown { from: 4 }),
        (queue("popAll", json!({"content": "no"})), RefreshOutcome::Reset),
    ];
    let unsent = ["hello", "working", "still working", "Queued, not sent: next"];
    let sent = ["hello", "working", "still working", "next"];
    for (at, (line, expected)) in steps.into_iter().enumerate() {
        one.append(&text(&[line]));
        assert_eq!(reading.refresh(), expected, "step {at}");
        let shown: Vec<String> = reading.read(0..9, TextLimit::NONE).into_iter().map(|entry| entry.text).collect();
        match at {
            0 => assert_eq!(shown, ["hello", "working", "Queued, not sent: next"]),
            1 | 2 => assert_eq!(shown, unsent),
            4 => assert_eq!(shown, [&sent[..], &["Queued, not sent: no"]].concat()),
            _ => assert_eq!(shown, sent),
        }
        assert_eq!(one.session().messages as usize, shown.len());
    }
}

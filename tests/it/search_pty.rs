//! Search in a real pseudo-terminal: typing, hit navigation, opening a hit, and live updates.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use crate::pty::salon;
use crate::support::Home;

/// Returns a record of a Claude session.
fn record(name: &str, nth: u32, minute: u32, kind: &str, message: &serde_json::Value) -> String {
    let parent = (nth > 1).then(|| format!("{name}-{}", nth - 1));
    let record = serde_json::json!({
        "parentUuid": parent, "isSidechain": false, "userType": "external", "cwd": "/home/ann/shop",
        "sessionId": id(minute), "version": "2.1.329", "type": kind, "message": message,
        "uuid": format!("{name}-{nth}"), "timestamp": format!("2026-11-21T10:{minute:02}:{nth:02}.000Z"),
    });
    record.to_string()
}

fn id(minute: u32) -> String {
    format!("{minute:08}-0000-4000-8000-000000000000")
}

/// Writes a Claude session of one prompt and one answer.
fn write(home: &Home, name: &str, minute: u32, prompt: &str, answer: &str) -> PathBuf {
    let dir = home.path().join(".claude/projects/-home-ann-shop");
    fs::create_dir_all(&dir).expect("a project");
    let prompt_message = serde_json::json!({"role": "user", "content": prompt});
    let answer_message = serde_json::json!({
        "id": format!("msg_{name}"), "type": "message", "role": "assistant", "model": "claude-opus-4-8",
        "content": [{"type": "text", "text": answer}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    let (first, second) =
        (record(name, 1, minute, "user", &prompt_message), record(name, 2, minute, "assistant", &answer_message));
    let path = dir.join(format!("{}.jsonl", id(minute)));
    fs::write(&path, format!("{first}\n{second}\n")).expect("a transcript");
    path
}

#[test]
fn typing_a_query_navigates_hits_and_opens_them() {
    let home = Home::empty();
    write(&home, "a", 1, "Draw me a bird", "Here is a zebrafinch on a branch.");
    write(&home, "b", 2, "Why does the zebrafinch sing?", "The zebrafinch sings at dawn.");
    write(&home, "c", 3, "Unrelated", "Nothing to see.");
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text("Unrelated");
    terminal.send("/zebrafinch");
    terminal.wait_for_text("2 sessions");
    terminal.wait_for("both sessions", |screen| {
        let text = screen.contents();
        text.contains("zebrafinch on a branch") && text.contains("Why does the")
    });
    terminal.send("\r");
    terminal.wait_for_text("1 of 2");
    // Moves through both hits of the first session into the next one.
    terminal.send("n");
    terminal.wait_for_text("2 of 2");
    terminal.send("n");
    terminal.wait_for_text("1 of 1");
    terminal.wait_for_text("Here is a zebrafinch");
    terminal.send("n");
    terminal.wait_for_text("No more matches");
    terminal.send("\x1b");
    terminal.wait_for_text("2 sessions");
    terminal.send("\x1b");
    terminal.wait_for_text("to search");
    terminal.send("\x1b");
    terminal.wait_for_text("3 shown");
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
}

#[test]
fn new_text_appears_in_open_results_without_a_key() {
    let home = Home::empty();
    let path = write(&home, "a", 1, "Good morning", "Good morning to you.");
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text("Good morning");
    terminal.send("/zebrafinch");
    terminal.wait_for_text("No results for");
    let prompt_message = serde_json::json!({"role": "user", "content": "And the zebrafinch?"});
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("the transcript");
    writeln!(file, "{}", record("a", 3, 1, "user", &prompt_message)).expect("appended");
    terminal.wait_for_text("And the zebrafinch?");
    terminal.send("\x1b");
    terminal.wait_for_text("to search");
    terminal.send("\x1b");
    terminal.wait_for_text("1 shown");
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

/// The 64 MiB regions of glibc's heaps, of which every thread would get its own: two are allowed, and one of them is none
/// of these.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_threads_of_a_search_share_two_heaps() {
    const REGION: u64 = 64 << 20;
    let home = Home::empty();
    write(&home, "a", 1, "Draw me a bird", "Here is a zebrafinch on a branch.");
    write(&home, "b", 2, "Why does the zebrafinch sing?", "The zebrafinch sings at dawn.");
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text("Draw me a bird");
    terminal.send("/zebrafinch");
    terminal.wait_for_text("2 sessions");
    let maps = fs::read_to_string(format!("/proc/{}/maps", terminal.pid())).expect("the maps of salon");
    let ends = |line: &str| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    };
    let lines: Vec<_> = maps.lines().filter_map(|line| Some((line, ends(line)?))).collect();
    // A heap is used from its beginning; the rest of its region is reserved.
    let heaps = lines.windows(2).filter(|pair| {
        let [(first, (start, end)), (second, (next, last))] = pair else { return false };
        let is_region = start % REGION == 0 && end == next && last - start == REGION;
        is_region && first.contains("rw-p") && second.contains("---p")
    });
    assert!(heaps.count() <= 1, "{maps}");
}

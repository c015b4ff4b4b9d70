//! Codex's rollouts in all their forms: compressed, damaged, beside the plain file, and documents of the first versions.

use std::fs;
use std::path::{Path, PathBuf};

use salon::agent::{Format, RefreshOutcome, Source, SourceSessions, TextLimit, TranscriptReader, format};
use salon::domain::{Agent, Session};
use serde_json::{Value, json};

use super::Case;
use crate::support::Home;

const THREAD: &str = "019f1a9f-6beb-70cd-8d73-3c8ce38c6fcc";
const ARCHIVED: &str = "019f78a8-1b4a-784a-8118-6df3b375a260";
const DOCUMENT: &str = "1c3b0000-0000-4000-8000-000000000001";

fn codex() -> &'static dyn Format {
    format(Agent::Codex)
}

fn record(kind: &str, text: &str) -> String {
    let payload = json!({"type": kind, "message": text});
    json!({"timestamp": "2026-06-01T10:00:00.000Z", "type": "event_msg", "payload": payload}).to_string() + "\n"
}

fn head() -> String {
    let payload =
        json!({"id": THREAD, "timestamp": "2026-06-01T10:00:00.000Z", "cwd": "/home/dev/shop", "source": "cli"});
    json!({"timestamp": "2026-06-01T10:00:00.000Z", "type": "session_meta", "payload": payload}).to_string() + "\n"
}

/// A rollout with this many prompts, none of which repeats another.
fn rollout(prompts: usize) -> String {
    let word = |number: usize| format!("{:x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let prompt = |number: usize| {
        let words: Vec<String> = (0..20).map(|at| word(number * 20 + at)).collect();
        record("user_message", &format!("prompt {number} {}", words.join(" ")))
    };
    head() + &(0..prompts).map(prompt).collect::<String>()
}

fn compressed(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).expect("compressed")
}

/// A home whose only rollout has this ending and these bytes.
fn home_with(ending: &str, bytes: &[u8]) -> (Case, PathBuf) {
    let case = Case { home: Home::empty(), variables: Vec::new() };
    let path = case.path().join(format!(".codex/sessions/2026/06/01/rollout-2026-06-01T10-00-00-{THREAD}{ending}"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(&path, bytes).expect("written");
    (case, path)
}

fn reasons(case: &Case) -> Vec<String> {
    let report = case.json(&["doctor"]);
    let issues = report["issues"].as_array().expect("issues").iter();
    issues.map(|issue| issue["reason"].as_str().expect("a reason").to_owned()).collect()
}

fn sources(home: &Home) -> Vec<Source> {
    let roots = codex().roots(&home.environment());
    roots.iter().flat_map(|root| codex().discover(root).sources).collect()
}

fn session_at(home: &Home, path: &Path) -> Session {
    let source = sources(home).into_iter().find(|source| source.path == path).expect("a source");
    match codex().summarise(&source, None).sessions {
        SourceSessions::All(mut sessions) => sessions.remove(0),
        SourceSessions::Changed { .. } => panic!("a rollout gives all of its sessions"),
    }
}

fn text_of(reader: &mut dyn TranscriptReader, at: usize) -> String {
    reader.read(at..at + 1, TextLimit::NONE).remove(0).text
}

#[test]
fn compressed_rollouts_are_listed_read_searched_and_resumed() {
    let case = Case::of("01-codex-zst");
    assert_eq!(case.sessions().len(), 3);
    assert_eq!(case.lines(THREAD), ["prompt: what did we decide about pumaneedle?", "text: We decided to keep it."]);
    let session = case.session(THREAD);
    assert_eq!((&session["title"], &session["turns"]), (&json!("what did we decide about pumaneedle?"), &json!(1)));
    assert_eq!((&session["cwd"], &session["flags"]), (&json!("/home/dev/shop"), &json!([])));
    assert_eq!(case.session(ARCHIVED)["flags"], json!(["archived"]));
    // By the scan of the files, then by the index.
    for word in ["pumaneedle", "archived cold one", "pumaneedle", "hello hot session"] {
        case.assert_shown_and_found(word);
    }
    let resume = case.json(&["resume", "--print", THREAD]).to_string();
    assert!(resume.contains("resume") && resume.contains(THREAD), "{resume}");
    assert_eq!(reasons(&case), Vec::<String>::new());
}

#[test]
fn rollouts_that_codex_itself_compressed_are_read_with_their_calls_and_totals() {
    let case = Case::of("65-real-codex-0.171-zst");
    assert_eq!(case.sessions().len(), 2);
    let id = "01a22335-bb5e-7173-bd9c-fac6de3fe961";
    let lines = case.lines(id);
    assert_eq!(lines.iter().filter(|line| line.starts_with("prompt: ")).count(), 2, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("exec_command done")).count(), 2, "{lines:#?}");
    assert_eq!(case.session(id)["tokens"]["input"], 41_878 - 20_939);
    for word in ["hello099", "echo later", "hello135"] {
        case.assert_shown_and_found(word);
    }
    assert_eq!(reasons(&case), Vec::<String>::new());
    assert_eq!(case.json(&["doctor", "--unknown"])["unknown"], json!([]));
}

#[test]
fn the_plain_rollout_beside_a_compressed_one_is_the_session() {
    let case = Case::of("01-codex-zst");
    let folder = case.path().join(".codex/sessions/2026/06/01");
    let name = format!("rollout-2026-06-01T10-00-00-{THREAD}.jsonl");
    let plain = rollout(1) + &record("agent_message", "resumed serowneedle");
    fs::write(folder.join(&name), plain).expect("written");
    assert_eq!(case.sessions().len(), 3);
    let path = case.session(THREAD)["path"].as_str().map(PathBuf::from).expect("a path");
    assert!(path.extension().is_some_and(|extension| extension == "jsonl"));
    case.assert_shown_and_found("serowneedle");
    assert_eq!(reasons(&case), Vec::<String>::new());
    // An unarchived copy in another folder is the same session, too.
    let archived = case.path().join(".codex/archived_sessions");
    fs::rename(folder.join(&name), archived.join(&name)).expect("moved");
    assert_eq!(case.sessions().len(), 3);
}

#[test]
fn several_frames_are_one_rollout_and_an_appended_one_continues_it() {
    let (first, second) = (rollout(3000), record("agent_message", "in the second frame"));
    let frames = [compressed(&first), compressed(""), compressed(&second)].concat();
    let (case, path) = home_with(".jsonl.zst", &frames);
    assert_eq!(case.only_session()["turns"], 3000);
    case.assert_shown_and_found("in the second frame");
    let session = session_at(&case.home, &path);
    let mut reader = codex().open(&session).expect("opened");
    assert_eq!((reader.len(), text_of(&mut *reader, 3000)), (3001, "in the second frame".to_owned()));
    assert!(text_of(&mut *reader, 2345).starts_with("prompt 2345 "));
    assert_eq!(reader.refresh(), RefreshOutcome::Same);
    let longer = [frames, compressed(&record("agent_message", "appended duikerneedle"))].concat();
    fs::write(&path, longer).expect("written");
    assert_eq!(reader.refresh(), RefreshOutcome::Grown { from: 3001 });
    assert_eq!(text_of(&mut *reader, 3001), "appended duikerneedle");
    let tail = codex().tail(&session, 1).expect("a tail");
    assert_eq!(tail.last().map(|entry| &*entry.text), Some("appended duikerneedle"));
    fs::write(&path, compressed(&rollout(2))).expect("written");
    assert_eq!((reader.refresh(), reader.len()), (RefreshOutcome::Reset, 2));
}

#[test]
fn changes_of_either_form_name_both() {
    let (case, path) = home_with(".jsonl.zst", &compressed(&rollout(1)));
    let root = codex().roots(&case.home.environment()).remove(0);
    let affected = |changed: &Path| -> Vec<(PathBuf, bool)> {
        let sources = codex().affected(&root, changed).into_iter();
        sources.map(|(path, source)| (path, source.is_some())).collect()
    };
    assert_eq!(affected(&path), [(path.clone(), true)]);
    let plain = path.with_extension("");
    fs::write(&plain, rollout(1)).expect("written");
    for (changed, other) in [(&path, &plain), (&plain, &path)] {
        assert_eq!(affected(changed), [(changed.clone(), true), (other.clone(), true)]);
    }
    fs::remove_file(&plain).expect("removed");
    assert_eq!(affected(&plain), [(plain.clone(), false), (path.clone(), true)]);
}

#[test]
fn what_only_one_of_two_forms_has_is_shown() {
    let own = |text: &str| record("agent_message", text);
    let torn = |text: String| text[..text.len() - 20].to_owned();
    // The plain one is empty, torn, older, or has gone on; or both have gone on.
    for (plain, packed, words) in [
        (String::new(), rollout(3) + &own("tapirneedle"), &["tapirneedle"][..]),
        (torn(rollout(2)), rollout(3) + &own("tapirneedle"), &["tapirneedle"]),
        (rollout(2), rollout(3) + &own("tapirneedle"), &["tapirneedle"]),
        (rollout(3) + &own("okapineedle"), rollout(3), &["okapineedle"]),
        (rollout(3) + &own("okapineedle"), rollout(3) + &own("tapirneedle"), &["okapineedle", "tapirneedle"]),
    ] {
        let (case, path) = home_with(".jsonl.zst", &compressed(&packed));
        fs::write(path.with_extension(""), plain).expect("written");
        words.iter().for_each(|word| case.assert_shown_and_found(word));
        let session = case.only_session();
        let lines = case.lines(THREAD);
        assert_eq!((&session["turns"], lines.len()), (&json!(3), 3 + words.len()), "{lines:#?}");
        assert_eq!(session["path"], json!(path.with_extension("")), "the one that Codex goes on with");
    }
}

#[test]
fn a_damaged_compressed_rollout_shows_what_is_left_and_says_so() {
    let whole = compressed(&rollout(20_000));
    let mut hit = whole.clone();
    let middle = hit.len() / 2;
    hit[middle..middle + 2000].fill(0);
    hit.extend(compressed(&record("agent_message", "after the damage kuduneedle")));
    for (bytes, reason) in [(&whole[..middle], "cut off"), (&hit[..], "damaged")] {
        let (case, _) = home_with(".jsonl.zst", bytes);
        let session = case.only_session();
        let turns = session["turns"].as_u64().expect("turns");
        assert!((1000..20_000).contains(&turns), "{reason}: {turns}");
        assert!(session["flags"].to_string().contains("unreadable"), "{session}");
        assert!(reasons(&case).iter().any(|found| found.contains(reason)), "{reason}: {:?}", reasons(&case));
        assert_eq!(
            case.json(&["show", THREAD, "--limit", "1"])["total"],
            json!(turns + u64::from(reason == "damaged"))
        );
        case.assert_shown_and_found("prompt 999 ");
    }
}

#[test]
fn odd_compressed_rollouts_are_an_issue_or_nothing_and_never_a_failure() {
    // Nothing at all, and a frame without text: no session yet.
    for bytes in [Vec::new(), compressed("")] {
        let (case, _) = home_with(".jsonl.zst", &bytes);
        assert_eq!(case.sessions(), Vec::<Value>::new());
        assert_eq!(reasons(&case), Vec::<String>::new());
    }
    // Text that only has the name of a compressed file.
    let (case, _) = home_with(".jsonl.zst", rollout(1).as_bytes());
    assert_eq!(case.only_session()["turns"], 1);
    // The beginning of a frame.
    let (case, _) = home_with(".jsonl.zst", &compressed(&rollout(1))[..3]);
    assert_eq!(case.only_session()["flags"], json!(["empty", "unreadable"]));
    assert!(reasons(&case).iter().any(|reason| reason.contains("cut off")), "{:?}", reasons(&case));
    // Endings of unfinished or renamed files.
    for ending in [".jsonl.zst.tmp", ".jsonl.zst~", ".jsonl.gz"] {
        let (case, _) = home_with(ending, &compressed(&rollout(1)));
        assert_eq!(case.sessions(), Vec::<Value>::new(), "{ending}");
        assert!(reasons(&case).iter().any(|reason| reason.starts_with("found, not read: ")), "{ending}");
    }
}

#[test]
fn a_small_file_that_contains_too_much_text_is_an_issue() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    std::io::copy(&mut rollout(1).as_bytes(), &mut encoder).expect("written");
    std::io::copy(&mut std::io::Read::take(std::io::repeat(b' '), (1 << 30) + 1), &mut encoder).expect("written");
    let (case, _) = home_with(".jsonl.zst", &encoder.finish().expect("finished"));
    assert_eq!(case.only_session()["turns"], 1);
    let reasons = reasons(&case);
    assert!(reasons.iter().any(|reason| reason.contains("larger than 1024 MiB")), "{reasons:?}");
}

#[test]
fn documents_of_the_first_versions_are_sessions() {
    let case = Case::of("27-codex-legacy-json");
    let session = case.only_session();
    assert_eq!((&session["id"], &session["title"]), (&json!(DOCUMENT), &json!("port this to rust colobusneedle")));
    assert_eq!((&session["turns"], &session["started_at"]), (&json!(1), &json!("2025-05-07T10:00:00.000Z")));
    let lines = ["prompt: port this to rust colobusneedle", "shell done: ls", "text: Done."];
    assert_eq!(case.lines(DOCUMENT), lines);
    assert_eq!(case.entries(DOCUMENT)[1]["tool"]["output"], "a\n");
    for _ in 0..2 {
        case.assert_shown_and_found("colobusneedle");
    }
    assert_eq!(reasons(&case), Vec::<String>::new());
    assert_eq!(case.json(&["doctor", "--unknown"])["unknown"], json!([]));
}

#[test]
fn documents_in_any_form_give_the_same_lines() {
    let folder = ".codex/sessions";
    let name = format!("rollout-2025-05-07-{DOCUMENT}.json");
    let expected = Case::of("27-codex-legacy-json").lines(DOCUMENT);
    let forms: [(&str, &dyn Fn(&Value, &str) -> Vec<u8>); 4] = [
        (".zst", &|_, text| compressed(text)),
        ("", &|value, _| serde_json::to_vec_pretty(value).expect("text")),
        ("", &|_, text| format!("\u{feff}{text}\n").into_bytes()),
        ("", &|_, text| text.replace("\"shell\"", "\"sh\\ud83d\"").into_bytes()),
    ];
    for (ending, form) in forms {
        let case = Case::of("27-codex-legacy-json");
        let path = case.path().join(folder).join(&name);
        let text = fs::read_to_string(&path).expect("a document");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        fs::remove_file(&path).expect("removed");
        let bytes = form(&value, &text);
        fs::write(path.with_file_name(format!("{name}{ending}")), &bytes).expect("written");
        let lines = case.lines(DOCUMENT);
        assert_eq!((lines.len(), &lines[0], &lines[2]), (3, &expected[0], &expected[2]), "{lines:?}");
        case.assert_shown_and_found("colobusneedle");
    }
    // A document that was cut off while it was written.
    let case = Case::of("27-codex-legacy-json");
    let path = case.path().join(folder).join(&name);
    let text = fs::read_to_string(&path).expect("a document");
    fs::write(&path, &text[..text.len() - 60]).expect("written");
    assert_eq!(case.lines(DOCUMENT)[..2], expected[..2]);
    assert!(!reasons(&case).is_empty());
}

#[test]
fn records_with_commas_between_them_are_said_to_be_in_one_line() {
    let records = [head(), record("user_message", "gluedneedle one"), record("agent_message", "gluedneedle two")];
    let line = records.map(|record| record.trim_end().to_owned()).join(",");
    let (case, _) = home_with(".jsonl", format!("{line}\n").as_bytes());
    assert_eq!(case.lines(THREAD), ["prompt: gluedneedle one", "text: gluedneedle two"]);
    assert_eq!(reasons(&case), ["repaired: several records in one line"]);
}

#[test]
fn results_of_items_that_are_texts_are_shown() {
    let item = |result: Value| {
        let item = json!({"type": "McpToolCall", "id": "i1", "server": "s", "tool": "t", "arguments": {},
            "status": "completed", "result": result});
        let payload = json!({"type": "item_completed", "item": item});
        json!({"timestamp": "2026-06-01T10:00:00.000Z", "type": "event_msg", "payload": payload}).to_string() + "\n"
    };
    let structured = json!({"content": [{"type": "text", "text": "a resultneedle"}]});
    for (result, output) in [
        (json!("a plain resultneedle"), "a plain resultneedle"),
        (json!(structured.to_string()), "a resultneedle"),
        (structured.clone(), "a resultneedle"),
    ] {
        let text = head() + &record("user_message", "begin") + &item(result);
        let (case, _) = home_with(".jsonl", text.as_bytes());
        assert_eq!(case.entries(THREAD)[1]["tool"]["output"], output);
        case.assert_shown_and_found("resultneedle");
    }
}

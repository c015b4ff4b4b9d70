//! `salon search` and `salon list QUERY`, from the view of a script.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::search_needles::write;
use crate::support::Home;

const OPENCODE: &str = "opencode/1.18.33";
const CLAUDE: &str = "claude/2.1.329";
const FIRST: &str = "11111111-2222-4333-8444-000000000001";
const SECOND: &str = "11111111-2222-4333-8444-000000000002";

fn salon(home: &Home, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(args).env_clear().current_dir(home.path()).stdin(Stdio::null());
    command.env("HOME", home.path()).env("PATH", "/nowhere").env("SALON_NOW", "2026-11-21T12:00:00Z").env("TZ", "UTC");
    command
}

fn run(home: &Home, args: &[&str]) -> Output {
    salon(home, args).output().expect("salon runs")
}

/// Runs a command with the given stdin.
fn run_with_stdin(home: &Home, args: &[&str], stdin: &str) -> Output {
    let mut command = salon(home, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("salon runs");
    child.stdin.take().expect("stdin").write_all(stdin.as_bytes()).expect("written");
    child.wait_with_output().expect("it ends")
}

fn json(output: &Output) -> Value {
    let stdout = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert!(stdout.ends_with("}\n") && stdout.matches('\n').count() == 1, "one object: {stdout}");
    serde_json::from_str(&stdout).expect("JSON")
}

/// Searches, asserts exit code 0, and returns the JSON output.
fn search(home: &Home, args: &[&str]) -> Value {
    let output = run(home, &[&["search", "--json"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    json(&output)
}

fn ids(answer: &Value) -> Vec<&str> {
    hits(answer).iter().map(|hit| hit["session"]["id"].as_str().expect("an id")).collect()
}

fn hits(answer: &Value) -> &[Value] {
    answer["hits"].as_array().expect("hits")
}

/// Writes a transcript of Claude Code: each prompt with the output of a tool.
fn write_session(home: &Home, id: &str, day: u32, turns: &[(&str, &str)]) {
    let line = |number: usize, kind: &str, content: Value| {
        json!({
            "parentUuid": (number > 0).then(|| format!("u{}", number - 1)), "isSidechain": false, "type": kind,
            "uuid": format!("u{number}"), "sessionId": id, "cwd": "/srv/app",
            "message": {"role": kind, "id": format!("msg_{number}"), "content": content},
            "timestamp": format!("2026-11-{day:02}T09:00:{number:02}.000Z"),
        })
    };
    let mut lines = Vec::new();
    for (prompt, output) in turns {
        lines.push(line(lines.len(), "user", json!(prompt)));
        let call = format!("t{}", lines.len());
        let tool = json!([{"type": "tool_use", "id": call, "name": "Bash", "input": {"command": "make"}}]);
        lines.push(line(lines.len(), "assistant", tool));
        let result = json!([{"type": "tool_result", "tool_use_id": call, "content": output}]);
        lines.push(line(lines.len(), "user", result));
    }
    write(&home.path().join(format!(".claude/projects/-srv-app/{id}.jsonl")), &lines);
}

/// Home directory with two sessions, the second one newer.
fn two_sessions() -> Home {
    let home = Home::empty();
    write_session(
        &home,
        FIRST,
        3,
        &[("find the heron", "one\ntwo\nthe heron stands\nfour\nfive"), ("and now", "heron")],
    );
    write_session(&home, SECOND, 9, &[("no birds here", "but a heron is printed")]);
    home
}

#[test]
fn a19_a_part_of_opencode_a_tools_result_and_a_title_are_found_with_counts() {
    let home = Home::of(&[OPENCODE, CLAUDE]);
    write_session(
        &home,
        FIRST,
        3,
        &[("build it", "warning: plantedinresult\nplantedinresult again"), ("more", "plantedinresult")],
    );
    let database = rusqlite::Connection::open(home.path().join(".local/share/opencode/opencode.db")).expect("database");
    let (id, session): (String, String) = database
        .query_row("select id, session_id from part where json_extract(data, '$.type') = 'text' limit 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("a part");
    database
        .execute("update part set data = json_set(data, '$.text', 'so plantedinpart it is') where id = ?", [&id])
        .expect("planted");
    database.execute("update session set title = 'A plantedintitle' where id = ?", [&session]).expect("planted");
    drop(database);
    // The first run scans the files, the second uses the text index.
    for _ in 0..2 {
        for (word, session, count) in
            [("plantedinpart", &*session, 1), ("plantedinresult", FIRST, 2), ("plantedintitle", &*session, 1)]
        {
            let found = search(&home, &[word]);
            assert_eq!((ids(&found), &found["total"]), (vec![session], &json!(1)), "{word}");
            assert_eq!(hits(&found)[0]["count"], count, "{word}");
        }
    }
    let title = search(&home, &["plantedintitle"]);
    let snippet = &hits(&title)[0]["snippets"][0];
    assert_eq!((&snippet["kind"], &snippet["entry"]), (&json!("title"), &Value::Null));
}

#[test]
fn a19_a_query_is_a_literal_and_never_reaches_a_shell() {
    let home = two_sessions();
    for query in ["$(touch pwned)", "`touch pwned`", "; touch pwned", "| touch pwned"] {
        let output = run(&home, &["search", query]);
        assert_eq!(output.status.code(), Some(0), "{query}");
        run(&home, &["list", query]);
    }
    assert!(!home.path().join("pwned").exists());
    write_session(&home, SECOND, 9, &[("run $(touch pwned) please", "done")]);
    assert_eq!(ids(&search(&home, &["$(touch pwned)"])), [SECOND]);
    assert!(!home.path().join("pwned").exists());
}

#[test]
fn the_output_has_the_fields_of_the_contract_and_ranges_are_bytes() {
    let home = Home::empty();
    write_session(&home, FIRST, 3, &[("größe: the Café heron ☕ heron", "x")]);
    let found = search(&home, &["heron"]);
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(keys(&found), set(&["schema_version", "query", "total", "hits", "searched", "complete", "issues"]));
    assert_eq!(
        (&found["schema_version"], &found["query"], &found["complete"]),
        (&json!(1), &json!("heron"), &json!(true))
    );
    assert_eq!(keys(&found["searched"]), set(&["sessions", "bytes"]));
    assert_eq!(found["searched"]["sessions"], 1);
    assert!(found["searched"]["bytes"].as_u64().expect("bytes") > 0);
    let hit = &hits(&found)[0];
    assert_eq!(keys(hit), set(&["session", "count", "snippets"]));
    for snippet in hit["snippets"].as_array().expect("snippets") {
        assert_eq!(keys(snippet), set(&["entry", "kind", "text", "ranges"]));
        let text = snippet["text"].as_str().expect("text");
        let ranges = snippet["ranges"].as_array().expect("ranges");
        assert_eq!(ranges.len(), 2, "{text}");
        for range in ranges {
            let at = |end: usize| usize::try_from(range[end].as_u64().expect("a byte")).expect("small");
            assert_eq!(&text[at(0)..at(1)], "heron");
        }
    }
}

#[test]
fn a_snippets_entry_is_the_number_that_show_gives_it() {
    let home = two_sessions();
    let found = search(&home, &["heron", "kind:tool"]);
    let mut seen = 0;
    for hit in hits(&found) {
        let id = hit["session"]["id"].as_str().expect("id");
        let shown = json(&run(&home, &["show", "--json", id]));
        for snippet in hit["snippets"].as_array().expect("snippets") {
            let entry = shown["entries"]
                .as_array()
                .expect("entries")
                .iter()
                .find(|entry| entry["n"] == snippet["entry"])
                .unwrap_or_else(|| panic!("no entry {}", snippet["entry"]));
            assert_eq!(entry["kind"], snippet["kind"]);
            assert!(entry["tool"]["output"].as_str().expect("output").contains("heron"));
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn limit_applies_to_hits_but_not_to_the_total_and_sort_orders_them() {
    let home = two_sessions();
    let all = search(&home, &["heron", "--sort", "time"]);
    assert_eq!(ids(&all), [SECOND, FIRST]);
    assert_eq!(ids(&search(&home, &["heron", "--sort", "turns"])), [FIRST, SECOND]);
    assert_eq!(ids(&search(&home, &["heron", "--sort", "size"])), [FIRST, SECOND]);
    let one = search(&home, &["heron", "--sort", "time", "--limit", "1"]);
    assert_eq!((ids(&one), &one["total"]), (vec![SECOND], &json!(2)));
    let none = search(&home, &["heron", "--limit", "0"]);
    assert_eq!((hits(&none).len(), &none["total"]), (0, &json!(2)));
    assert_eq!(run(&home, &["search", "heron", "--sort", "mood"]).status.code(), Some(2));
}

#[test]
fn with_a_limit_the_search_stops_when_the_best_are_known() {
    let home = Home::empty();
    let id = |number: u32| format!("11111111-2222-4333-8444-0000000000{number:02}");
    for number in 1..=12 {
        let in_prompt = number <= 4;
        let turns = if in_prompt {
            [("find the heron", "a heron, and a heron"), ("on", "heron")]
        } else {
            [("go", "heron"), ("on", "x")]
        };
        write_session(&home, &id(number), number, &turns);
    }
    let all = search(&home, &["heron"]);
    let texts: Vec<_> = [4, 3, 2, 1, 12, 11, 10, 9, 8, 7, 6, 5].into_iter().map(id).collect();
    assert_eq!(ids(&all), texts, "prompts first, then outputs, each the newest first");
    for (limit, is_complete) in [("2", false), ("6", false), ("12", true), ("99", true)] {
        let best = search(&home, &["heron", "--limit", limit]);
        assert_eq!(hits(&best), &hits(&all)[..hits(&best).len()], "limit {limit}");
        assert_eq!(hits(&best).len(), texts.len().min(limit.parse().expect("a number")));
        let total = usize::try_from(best["total"].as_u64().expect("a total")).expect("small");
        assert!((hits(&best).len()..=texts.len()).contains(&total), "a lower bound: {total}");
        assert!(best["complete"] == json!(false) || total == texts.len());
        assert!(!is_complete || best["complete"] == json!(true), "limit {limit}");
    }
    assert_eq!(search(&home, &["heron", "--limit", "2"])["complete"], false);
    let newest = search(&home, &["heron", "--limit", "1", "--sort", "time"]);
    assert_eq!(ids(&newest), [id(12)]);
    let exhaustive = search(&home, &["heron", "--limit", "2", "--exhaustive"]);
    assert_eq!((&exhaustive["complete"], &exhaustive["total"]), (&json!(true), &json!(12)));
    let lines = run(&home, &["search", "heron", "--limit", "2"]);
    assert!(String::from_utf8_lossy(&lines.stderr).contains("2 of at least "), "{lines:?}");
}

#[test]
fn context_shows_lines_around() {
    let home = two_sessions();
    let texts = |context: &str| -> Vec<String> {
        let found = search(&home, &["\"heron stands\"", "--context", context]);
        let snippets = hits(&found)[0]["snippets"].as_array().expect("snippets");
        snippets.iter().map(|snippet| snippet["text"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(texts("0"), ["the heron stands"]);
    assert_eq!(texts("1"), ["two\nthe heron stands\nfour"]);
    assert_eq!(texts("99"), ["one\ntwo\nthe heron stands\nfour\nfive"]);
}

#[test]
fn options_narrow_what_is_searched() {
    let home = two_sessions();
    assert_eq!(ids(&search(&home, &["heron", "--since", "2026-11-05"])), [SECOND]);
    assert_eq!(ids(&search(&home, &["heron", "--until", "2026-11-05"])), [FIRST]);
    assert_eq!(ids(&search(&home, &["heron", "--agent", "codex"])), Vec::<&str>::new());
    assert_eq!(search(&home, &["heron", "--dir", "/srv"])["total"], 2);
    assert_eq!(search(&home, &["heron", "--dir", "/elsewhere"])["searched"]["sessions"], 0);
    assert_eq!(search(&home, &["agent:claude"])["searched"]["sessions"], 2, "also where no text has to be read");
    assert_eq!(search(&home, &["heron", "--here"])["total"], 0);
    assert_eq!(search(&home, &["heron", "--all"])["total"], 2);
}

#[test]
fn a_query_comes_from_arguments_or_stdin_or_follows_a_double_dash() {
    let home = two_sessions();
    assert_eq!(ids(&search(&home, &["find", "heron"])), [FIRST]);
    assert_eq!(ids(&search(&home, &["--", "heron", "-find"])), [SECOND]);
    assert_eq!(search(&home, &["--", "--limit"])["query"], "--limit");
    for args in [&["search", "--json", "-"][..], &["search", "--json"]] {
        let found = json(&run_with_stdin(&home, args, "heron -find\n"));
        assert_eq!((ids(&found), &found["query"]), (vec![SECOND], &json!("heron -find")));
    }
    let nothing = run(&home, &["search", "--json"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert_eq!(json(&nothing)["error"]["code"], "usage");
}

#[test]
fn without_json_each_line_is_a_session_an_entry_and_a_text() {
    let home = two_sessions();
    let output = run(&home, &["search", "heron", "--context", "1"]);
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(stdout.lines().count() > 3);
    for line in stdout.lines() {
        let cells: Vec<_> = line.split('\t').collect();
        let [key, entry, text] = cells[..] else { panic!("{line:?}") };
        assert!([FIRST, SECOND].iter().any(|id| key == format!("claude:{id}")), "{key}");
        assert!(entry.is_empty() || entry.parse::<usize>().is_ok_and(|entry| entry > 0), "{entry}");
        assert!(!text.contains('\x1b'));
    }
    let nothing = run(&home, &["search", "nowhereatall"]);
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(0), 0));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no results in 2 sessions"));
}

#[test]
fn appended_text_is_found_before_it_is_indexed() {
    let home = two_sessions();
    assert_eq!(search(&home, &["heron"])["total"], 2);
    assert_eq!(search(&home, &["latecomer"])["total"], 0);
    write_session(&home, SECOND, 9, &[("no birds here", "but a heron is printed"), ("a latecomer", "comes")]);
    assert_eq!(ids(&search(&home, &["latecomer"])), [SECOND]);
    std::fs::remove_file(home.path().join(format!(".claude/projects/-srv-app/{SECOND}.jsonl"))).expect("removed");
    assert_eq!(ids(&search(&home, &["heron"])), [FIRST]);
}

#[test]
fn a_hit_in_a_sub_agent_names_its_parent_and_a_pasted_id_leads_to_its_session() {
    let home = Home::of(&[CLAUDE, OPENCODE]);
    let all = json(&run(&home, &["list", "--hidden", "--json"]));
    let sessions = all["sessions"].as_array().expect("sessions");
    let sub = sessions.iter().find(|session| session["parent"].is_string()).expect("a sub-agent");
    let id = sub["id"].as_str().expect("an id");
    let found = search(&home, &[&format!("id:{id}")]);
    assert_eq!((ids(&found), &hits(&found)[0]["session"]["parent"]), (vec![id], &sub["parent"]));
    for session in sessions {
        let id = session["id"].as_str().expect("an id");
        let pasted = search(&home, &[id]);
        assert_eq!(ids(&pasted).first(), Some(&id));
    }
}

#[test]
fn list_filters_by_the_same_query_language() {
    let home = two_sessions();
    let list = |args: &[&str]| {
        let list = json(&run(&home, &[&["list", "--json"], args].concat()));
        let sessions = list["sessions"].as_array().expect("sessions");
        let ids: Vec<_> = sessions.iter().map(|session| session["id"].as_str().expect("id").to_owned()).collect();
        (ids, list["total"].clone())
    };
    assert_eq!(list(&["heron"]), (vec![SECOND.to_owned(), FIRST.to_owned()], json!(2)));
    assert_eq!(list(&["find", "heron"]), (vec![FIRST.to_owned()], json!(1)));
    assert_eq!(list(&["heron", "--limit", "1", "--offset", "1"]), (vec![FIRST.to_owned()], json!(2)));
    assert_eq!(list(&["turns:>1"]), (vec![FIRST.to_owned()], json!(1)));
    assert_eq!(list(&["--", "-find"]), (vec![SECOND.to_owned()], json!(1)));
    assert_eq!(list(&[" "]), list(&[]), "blanks are no query");
    assert_eq!(json(&run_with_stdin(&home, &["list", "--json", "-"], "\n"))["total"], json!(2));
    let home = Home::of(&[OPENCODE]);
    let all = json(&run(&home, &["list", "--json"]));
    let subagents = json(&run(&home, &["list", "--json", "is:subagent"]));
    assert_eq!(subagents["hidden"]["subagent"], all["hidden"]["subagent"]);
    assert_eq!(subagents["hidden"]["empty"], 0, "only what is found is counted");
}

#[test]
fn errors_in_a_query_are_reported_and_the_rest_runs() {
    let home = two_sessions();
    let long = "heron ".repeat(1700);
    let nested = format!("/{}heron{}/", "(".repeat(30), ")*".repeat(30));
    for query in [
        &*long,
        "\"heron",
        "/(heron/",
        "heron turns:many",
        &nested,
        "/(a*)*(a*)*(a*)*b|heron/",
        "OR OR -",
        "\u{1b}[31m",
    ] {
        let output = run(&home, &["search", "--json", "--", query]);
        assert_eq!(output.status.code(), Some(0), "{query}");
        let found = json(&output);
        assert_eq!(found["complete"], true, "{query}");
    }
    let unbalanced = search(&home, &["\"heron stands"]);
    assert_eq!(ids(&unbalanced), [FIRST]);
    let reasons = unbalanced["issues"].as_array().expect("issues");
    assert!(reasons.iter().any(|issue| issue["reason"].as_str().is_some_and(|reason| reason.contains("column 1"))));
    let output = run(&home, &["search", "heron", "turns:many"]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("column 13"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!output.stdout.is_empty());
    assert_eq!(search(&home, &[&long])["total"], 2);
}

#[test]
fn search_works_without_a_writable_index() {
    let home = two_sessions();
    let cache = home.path().join(".cache/salon");
    std::fs::create_dir_all(&cache).expect("a folder");
    std::fs::write(cache.join("search"), "in the way").expect("a file");
    assert_eq!(search(&home, &["heron"])["total"], 2);
    assert!(Path::new(&cache.join("search")).is_file());
    let stderr_of = |home: &Home| String::from_utf8(run(home, &["search", "--json", "heron"]).stderr).expect("UTF-8");
    let stderr = stderr_of(&home);
    assert!(stderr.contains("cache/salon/search: the search index cannot be written"), "path and reason: {stderr}");
    // An unusable cache directory is reported once, not twice.
    let home = two_sessions();
    std::fs::create_dir_all(home.path().join(".cache")).expect("a folder");
    std::fs::write(home.path().join(".cache/salon"), "in the way").expect("a file");
    assert_eq!(stderr_of(&home), "");
    assert_eq!(search(&home, &["heron"])["issues"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_repeated_title_is_one_match() {
    let home = two_sessions();
    let file = home.path().join(format!(".claude/projects/-srv-app/{FIRST}.jsonl"));
    let mut text = std::fs::read_to_string(&file).expect("read");
    for _ in 0..5 {
        let title = json!({"type": "custom-title", "customTitle": "a plantedtitle", "sessionId": FIRST});
        text += &title.to_string();
        text.push('\n');
    }
    std::fs::write(&file, text).expect("write");
    for _ in 0..2 {
        let found = search(&home, &["plantedtitle"]);
        assert_eq!(
            (&hits(&found)[0]["count"], hits(&found)[0]["snippets"].as_array().map(Vec::len)),
            (&json!(1), Some(1))
        );
    }
}

//! Export: every format has every entry, secrets are masked and counted, and no file is replaced or half written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use salon::app::msg::ExportResult;
use salon::app::{Effect, Msg};
use salon::domain::document::DocumentFormat;
use salon::domain::secrets::{self, SecretCounts};
use salon::domain::{Agent, Session};

use super::cli::{code, json as output_json, run, text};
use super::screens::stage::{Stage, change, session};
use crate::support::Home;

pub(crate) const ID: &str = "0d9c7e9a-3f5b-4c1d-9a77-5f0c2f6f1a11";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot a real picture";

#[test]
fn the_image_of_a_generation_is_found_once() {
    let image = STANDARD.encode(PNG);
    let record = format!(
        "{}\n{}",
        json!({"payload": {"type": "image_generation_call", "revised_prompt": "a llama", "result": image}}),
        json!({"payload": {"type": "image_generation_end", "revised_prompt": "a llama", "result": image}}),
    );
    assert_eq!(salon::export::images::of_record(record.as_bytes()), [PNG]);
    let other = json!({"type": "tool", "result": image}).to_string();
    assert_eq!(salon::export::images::of_record(other.as_bytes()), [PNG; 0], "not every result is an image");
}

fn token() -> String {
    format!("ghp_{}", "a1B2c3".repeat(6))
}

/// Creates a home with one session that contains everything that a document must escape, mask or embed.
pub(crate) fn home() -> Home {
    home_of(messages())
}

fn home_of(messages: Vec<Value>) -> Home {
    let home = Home::empty();
    let folder = home.path().join(".claude/projects/-srv-shop");
    fs::create_dir_all(&folder).expect("created");
    let mut records = String::new();
    for (at, message) in messages.into_iter().enumerate() {
        let kind = message["role"].clone();
        let parent = if at == 0 { Value::Null } else { json!(format!("u{}", at - 1)) };
        let record = json!({
            "parentUuid": parent, "isSidechain": false, "type": kind, "message": message, "uuid": format!("u{at}"),
            "timestamp": format!("2026-11-21T09:25:{:02}.000Z", at), "cwd": "/srv/shop", "sessionId": ID,
            "version": "2.1.329", "userType": "external", "entrypoint": "cli",
        });
        records.push_str(&format!("{record}\n"));
    }
    fs::write(folder.join(format!("{ID}.jsonl")), records).expect("written");
    home
}

fn messages() -> Vec<Value> {
    let tool = |id: &str, name: &str, input: Value| {
        json!({"role": "assistant", "id": format!("m-{id}"), "model": "opus", "content": [
            {"type": "tool_use", "id": id, "name": name, "input": input}]})
    };
    let result = |id: &str, content: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": content}]});
    let image = json!({"type": "image", "source": {
        "type": "base64", "media_type": "image/png", "data": STANDARD.encode(PNG)}});
    vec![
        json!({"role": "user", "content": "Fix <the> cart & \"push\" it"}),
        json!({"role": "user", "content": [image, {"type": "text", "text": "see the picture"}]}),
        json!({"role": "assistant", "id": "m1", "model": "opus", "content": [{"type": "text", "text":
            "# Plan\n\n**bold** <script>alert(1)</script> [bad](javascript:alert(2)) [good](https://example.com/?a=1&b=\"2\")\n\n\
             ![tracker](https://example.com/x.png)\n\n```rust\nlet a = b < c && d;\n```\n\n| a | b |\n|---|---|\n| <b>1 | 2 |\n"}]}),
        tool("t1", "Bash", json!({"command": format!("export GITHUB_TOKEN={} && git push", token())})),
        result("t1", &format!("\u{1b}[31mremote\u{1b}[0m: https://x:{}@github.com </pre><script>", token())),
        tool(
            "t2",
            "Edit",
            json!({"file_path": "/srv/shop/cart.rs", "old_string": "a < b\nkept", "new_string": "a <= b\nkept"}),
        ),
        result("t2", "The file was updated"),
        json!({"role": "assistant", "id": "m2", "model": "opus", "content": [{"type": "text", "text": "Done."}]}),
    ]
}

fn export(home: &Home, args: &[&str]) -> std::process::Output {
    run(home, &[&["export", ID], args].concat())
}

fn document(home: &Home, format: &str) -> String {
    let output = export(home, &["--format", format]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn each_format_has_each_entry_and_no_secret() {
    let home = home();
    for format in ["md", "html", "json", "txt"] {
        let output = export(&home, &["--format", format]);
        let (document, note) = (text(&output.stdout), text(&output.stderr));
        for part in ["see the picture", "Plan", "git push", "remote", "Done."] {
            assert!(document.contains(part), "{format}: {part}: {document}");
        }
        let is_changed = |line: &&str| line.contains("a &lt;= b") || line.contains("a <= b");
        assert!(document.lines().any(|line| is_changed(&line)), "{format}: the change: {document}");
        assert!(document.contains("ghp_••••••••") && !document.contains(&token()), "{format}: {document}");
        assert!(!document.contains('\u{1b}'), "{format}");
        assert!(note.contains("secrets masked: GitHub token (1)"), "{note}");
        let revealed = export(&home, &["--format", format, "--no-mask"]);
        assert!(text(&revealed.stdout).contains(&token()) && text(&revealed.stderr).is_empty(), "{format}");
    }
    let whole: Value = serde_json::from_str(&document(&home, "json")).expect("JSON");
    let shown = output_json(&run(&home, &["show", ID, "--json"]));
    assert_eq!(whole["entries"].as_array().map(Vec::len), shown["entries"].as_array().map(Vec::len));
    assert_eq!(whole["session"]["id"], ID);
}

#[test]
fn secrets_in_inputs_and_titles_are_in_no_document() {
    let input = json!({"host": "db", "password": "Tr0ub4dor9xyz", "nested": {"client_secret": "abcd1234efgh"}});
    let home = home_of(vec![
        json!({"role": "user", "content": format!("{}use {} now", "word ".repeat(35), token())}),
        json!({"role": "assistant", "id": "m1", "model": "opus", "content": [
            {"type": "tool_use", "id": "t1", "name": "mcp__db__connect", "input": input}]}),
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "as Tr0ub4dor9xyz"}]}),
    ]);
    for format in ["md", "html", "json", "txt"] {
        let document = document(&home, format);
        for part in ["Tr0ub", "abcd1234", &token()[4..9]] {
            assert!(!document.contains(part), "{format}: {part}: {document}");
        }
        assert!(document.contains("••••••••") && document.contains("db"), "{format}: {document}");
    }
    let folder = home.path().join("out");
    let written = export(&home, &["--output", folder.join("").to_str().expect("UTF-8"), "--json"]);
    assert!(!text(&written.stdout).contains(&token()[4..9].to_lowercase()), "{}", text(&written.stdout));
}

#[test]
fn html_is_one_file_that_runs_and_loads_nothing() {
    let page = document(&home(), "html");
    for element in ["<script", "javascript:", "<link", "<iframe", "onclick", "src=\"http", "url("] {
        assert!(!page.to_lowercase().contains(element), "{element}");
    }
    assert!(page.contains("default-src 'none'; img-src data:; style-src 'unsafe-inline'"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&lt;/pre&gt;&lt;script&gt;"));
    assert!(page.contains("<a rel=\"noreferrer noopener\" href=\"https://example.com/?a=1&amp;b="), "{page}");
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.contains(&format!("<img src=\"data:image/png;base64,{}\"", STANDARD.encode(PNG))), "{page}");
    assert!(page.contains("<a href=\"#e1\">Fix &lt;the&gt; cart &amp; &quot;push&quot; it</a>"), "{page}");
    assert!(page.contains("id=\"e1\"") && page.contains("<details><summary><b>Bash</b>"));
    assert!(page.contains("<ins>+a &lt;= b</ins>") && page.contains("<del>-a &lt; b</del>"), "{page}");
    let balanced =
        |name: &str| page.matches(&format!("<{name}")).count() == page.matches(&format!("</{name}>")).count();
    for name in ["section", "details", "pre", "table", "ul", "ol", "li", "main", "nav", "a", "code"] {
        assert!(balanced(name) || name == "a" || name == "li", "{name} is not closed: {page}");
    }
}

#[test]
fn a_file_is_written_whole_private_and_never_replaced_unasked() {
    let home = home();
    let path = home.path().join("out.md");
    let name = path.to_str().expect("UTF-8");
    let report = output_json(&export(&home, &["--output", name, "--json"]));
    assert_eq!(report["sessions"][0]["outcome"], "exported", "{report}");
    assert_eq!(report["sessions"][0]["masked"], json!({"GitHub token": 1}));
    assert_eq!(fs::read_to_string(&path).expect("written"), document(&home, "md"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    fs::write(&path, "mine").expect("written");
    let refused = export(&home, &["--output", name, "--json"]);
    assert_eq!(code(&refused), 1);
    assert!(output_json(&refused)["sessions"][0]["reason"].as_str().is_some_and(|reason| reason.contains("--force")));
    assert_eq!(fs::read_to_string(&path).expect("there"), "mine");
    assert_eq!(code(&export(&home, &["--output", name, "--force"])), 0);
    assert_ne!(fs::read_to_string(&path).expect("there"), "mine");
    let own = home.path().join(format!(".claude/projects/-srv-shop/{ID}.jsonl"));
    let before = fs::read(&own).expect("there");
    assert_eq!(code(&export(&home, &["--output", own.to_str().expect("UTF-8"), "--force"])), 1);
    assert_eq!(fs::read(&own).expect("there"), before, "an agent's own file is never replaced");
    let left: Vec<_> = fs::read_dir(home.path()).expect("a home").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn a_query_exports_many_into_a_directory() {
    let home = Home::of(&["claude/2.1.329", "codex/0.169.0", "opencode/1.18.33"]);
    let folder = home.path().join("exports/all");
    let name = folder.to_str().expect("UTF-8");
    let planned =
        output_json(&run(&home, &["export", "--query", "agent:codex", "--output", name, "--dry-run", "--json"]));
    let count = planned["sessions"].as_array().expect("sessions").len();
    assert!(count > 1 && planned["sessions"][0]["outcome"] == "would_export", "{planned}");
    assert!(!folder.exists());
    let done = run(&home, &["export", "--query", "agent:codex", "--output", name, "--format", "html", "--json"]);
    let done = output_json(&done);
    let paths: Vec<PathBuf> = done["sessions"]
        .as_array()
        .expect("sessions")
        .iter()
        .map(|row| row["path"].as_str().expect("a path").into())
        .collect();
    assert_eq!(paths.len(), count);
    assert!(paths.iter().all(|path| path.parent() == Some(&folder) && path.exists()), "{paths:?}");
    let again = run(&home, &["export", "--query", "agent:codex", "--output", name, "--format", "html"]);
    assert_eq!(code(&again), 1, "nothing is replaced");
}

#[test]
fn every_session_of_the_fixtures_is_exported_in_every_format() {
    let homes = ["claude/2.1.329", "codex/0.169.0", "opencode/1.18.33", "gemini/0.61.0"];
    let home = Home::of(&homes);
    for format in ["md", "html", "json", "txt"] {
        let folder = home.path().join(format);
        let args = [
            "export",
            "--query",
            "agent:claude,codex,opencode,gemini",
            "--format",
            format,
            "--output",
            folder.to_str().expect("UTF-8"),
            "--json",
        ];
        let all = run(&home, &args);
        let report = output_json(&all);
        let rows = report["sessions"].as_array().expect("sessions");
        assert!(rows.len() > 10, "{format}: {report}");
        for row in rows {
            assert_eq!(row["outcome"], "exported", "{row}");
            assert_eq!(row["masked"], json!({}), "{row}");
        }
    }
}

#[test]
fn wrong_usage_says_what_is_missing() {
    let home = home();
    for (args, expected) in [
        (&["export", ID, "--json"][..], "--output"),
        (&["export", ID, "another1", "--format", "md"][..], "directory"),
        (&["export", "--query", "cart"][..], "directory"),
        (&["export", ID, "--force"][..], "--output"),
    ] {
        let output = run(&home, args);
        assert_eq!(code(&output), 2, "{args:?}");
        let said = text(&output.stderr) + &text(&output.stdout);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    let only = text(&export(&home, &["--include", "prompt", "--format", "txt"]).stdout);
    assert!(only.contains("see the picture") && !only.contains("git push"), "{only}");
}

fn stage(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    let rows: Vec<Session> =
        [("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")].map(|(id, title)| session(Agent::Claude, id, title, 5)).into();
    stage.send(Msg::Catalog(change(rows)));
    stage.take_effects();
    stage
}

#[test]
fn a_form_exports_the_marked_sessions_and_the_notice_says_where_and_what_was_masked() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = stage(width, height);
        stage.keys("space space x right");
        let screen = stage.screen();
        assert!(screen.contains("Export 2 sessions") || height < 12, "{screen}");
        assert!(screen.contains("● HTML") && screen.contains("● masked"), "{screen}");
        stage.keys("down space");
        assert!(stage.screen().contains("● not masked") || width < 60, "{}", stage.screen());
        stage.keys("space down backspace d o c s enter");
        let effects = stage.take_effects();
        let Some(Effect::Export { keys, format: DocumentFormat::Html, with_secrets: false, folder }) =
            effects.iter().find(|effect| matches!(effect, Effect::Export { .. }))
        else {
            panic!("{effects:?}")
        };
        assert_eq!((keys.len(), folder.to_str()), (2, Some("docs")));
    }
    let mut stage = stage(120, 40);
    let mut secrets = SecretCounts::default();
    secrets::mask(&token(), &mut secrets);
    let written = vec!["/home/ann/2026-11-21-alpha-a.html".into()];
    let refused = vec![("Beta".to_owned(), "/home/ann/b.html: a file with this name exists".to_owned())];
    stage.send(Msg::Exported(ExportResult { written: written.clone(), secrets, ..ExportResult::default() }));
    let screen = stage.screen();
    assert!(
        screen.contains("Exported to /home/ann/2026-11-21-alpha-a.html · 1 secret masked: GitHub token"),
        "{screen}"
    );
    stage.send(Msg::Exported(ExportResult { refused, ..ExportResult::default() }));
    assert!(stage.screen().contains("Not exported: Beta: /home/ann/b.html"), "{}", stage.screen());
}

#[test]
fn titles_and_results_are_masked_on_the_screen() {
    let mut stage = Stage::new(120, 40);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "a", &format!("Use {}", token()), 5)])));
    assert!(stage.screen().contains("Use ghp_••••••••") && !stage.screen().contains(&token()), "{}", stage.screen());
    stage.keys("alt-v");
    assert!(stage.screen().contains(&token()), "{}", stage.screen());
}

#[test]
fn conversations_of_sub_agents_follow_their_calls_folded() {
    let home = Home::of(&["claude/2.1.329"]);
    let all = output_json(&run(&home, &["list", "--json", "--hidden"]));
    let is_subagent =
        |session: &&Value| session["flags"].as_array().is_some_and(|flags| flags.contains(&json!("subagent")));
    let child = all["sessions"].as_array().expect("sessions").iter().find(is_subagent).expect("a sub-agent");
    let (child, parent) = (child["id"].as_str().expect("an id"), child["parent"].as_str().expect("a parent"));
    let answer = output_json(&run(&home, &["show", child, "--json"]));
    let answer = answer["entries"].as_array().expect("entries").iter().rev().find(|entry| entry["kind"] == "text");
    let answer = answer.expect("an answer")["text"].as_str().expect("a text").to_owned();
    let page = text(&run(&home, &["export", parent, "--format", "html"]).stdout);
    let at = page.find("<section class=\"subagent\"><details>").expect("a folded conversation");
    let inside = &page[at..page[at..].find("</details></section>").expect("its end") + at];
    assert!(inside.contains("id=\"s1-e1\""), "{inside}");
    let first = answer.lines().next().expect("a line").chars().take(20).collect::<String>();
    let plain = inside.replace("&#39;", "'").replace("&quot;", "\"");
    assert!(plain.contains(&first), "{first}: {inside}");
    let ids: Vec<_> = page.match_indices(" id=\"").map(|(at, _)| page[at + 5..].split('"').next()).collect();
    assert_eq!(ids.len(), ids.iter().collect::<std::collections::HashSet<_>>().len(), "anchors are unique");
    for (format, mark) in [("md", "<details><summary>Sub-agent: "), ("txt", "════ sub-agent: ")] {
        let document = text(&run(&home, &["export", parent, "--format", format]).stdout);
        assert!(document.contains(mark), "{format}: {document}");
    }
}

#[test]
fn code_has_its_syntax_by_classes_and_no_styles_of_its_own() {
    let page = document(&home(), "html");
    assert!(page.contains("<span class=k>let</span>"), "{page}");
    assert!(page.contains("pre .k { color: var(--keyword); }"));
    assert!(!page.contains("style=\""), "no inline styles");
    let code = page.split("<code class=\"language-rust\">").nth(1).and_then(|rest| rest.split("</code>").next());
    let code = code.expect("the block");
    let mut plain = String::new();
    let mut in_tag = false;
    for c in code.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    assert_eq!(plain, "let a = b &lt; c &amp;&amp; d;\n", "the text is the same");
}

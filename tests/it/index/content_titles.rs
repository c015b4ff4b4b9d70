//! Titles of sessions that have content but no prompt.

use salon::agent;
use salon::domain::session::TitleSource;
use serde_json::{Value, json};

use super::*;

/// Writes a session of Claude Code with one record of each message, and one of Codex with one record of each item.
fn write_sessions(home: &Home, id: &str, claude: &[Value], codex: &[Value]) {
    let cwd = "/home/dev/shop";
    let lines = claude.iter().enumerate().map(|(at, part)| {
        let mut record = json!({
            "parentUuid": at.checked_sub(1).map(|at| format!("{id}-{at}")), "uuid": format!("{id}-{at}"),
            "isSidechain": false, "userType": "external", "cwd": cwd, "sessionId": id, "version": "2.1.329",
            "timestamp": format!("2026-11-20T10:00:{at:02}.000Z"),
        });
        let (Some(record), Some(part)) = (record.as_object_mut(), part.as_object()) else { panic!("objects") };
        record.extend(part.clone());
        json!(record).to_string() + "\n"
    });
    let folder = home.path().join(".claude/projects/-home-dev-shop");
    fs::create_dir_all(&folder).expect("create folder");
    fs::write(folder.join(format!("{id}.jsonl")), lines.collect::<String>()).expect("write");
    let meta = json!({"id": id, "timestamp": "2026-11-20T10:00:00.000Z", "cwd": cwd, "originator": "codex_cli_rs",
        "cli_version": "0.169.0", "source": "cli"});
    let items = codex.iter().map(|item| ("response_item", item));
    let lines = std::iter::once(("session_meta", &meta)).chain(items).map(|(kind, payload)| {
        json!({"timestamp": "2026-11-20T10:00:01.000Z", "type": kind, "payload": payload}).to_string() + "\n"
    });
    let folder = home.path().join(".codex/sessions/2026/11/20");
    fs::create_dir_all(&folder).expect("create folder");
    let name = format!("rollout-2026-11-20T10-00-00-{id}.jsonl");
    fs::write(folder.join(name), lines.collect::<String>()).expect("write");
}

#[test]
fn a_session_without_a_prompt_has_the_beginning_of_its_content_as_its_title() {
    let home = Home::empty();
    let id = |nth: u32| format!("10000000-0000-4000-8000-{nth:012}");
    let assistant = |content: Value| json!({"type": "assistant", "message": {"id": "m", "role": "assistant", "content": [content]}});
    let image = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="});
    let call = json!({"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "cargo build"}});
    let codex_call = json!({"type": "function_call", "name": "exec_command", "call_id": "c",
        "arguments": r#"{"cmd":"cargo build"}"#});
    let codex_text = json!({"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "Welcome back"}]});
    let codex_image = json!({"type": "message", "role": "user",
        "content": [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}]});
    write_sessions(&home, &id(1), &[assistant(call.clone())], std::slice::from_ref(&codex_call));
    let picture = json!({"type": "user", "message": {"role": "user", "content": [{"type": "image", "source": image}]}});
    write_sessions(&home, &id(2), &[picture], &[codex_image]);
    let answer = assistant(json!({"type": "text", "text": "Welcome back\nto it"}));
    // An answer says more than the call before it.
    write_sessions(&home, &id(3), &[assistant(call), answer], &[codex_call, codex_text]);
    let system = json!({"type": "system", "subtype": "informational", "content": "Remote control is on"});
    write_sessions(&home, &id(4), &[system], &[]);
    let found = collect(&IndexOptions { formats: &agent::FORMATS, ..options(&home) }, Refresh::Changed);
    let titles = |agent: Agent| {
        let own = found.sessions.iter().filter(|session| session.key.agent == agent);
        let mut titles: Vec<_> = own.map(|session| (session.key.id.to_string(), &*session.title.text)).collect();
        titles.sort_unstable();
        titles.into_iter().map(|(_, title)| title).collect::<Vec<_>>()
    };
    let [call, image, answer, system] = titles(Agent::Claude)[..] else { panic!("{found:?}") };
    assert_eq!((call, answer, system), ("Bash: cargo build", "Welcome back to it", "Remote control is on"));
    assert!(image.starts_with("[image"), "{image}");
    assert_eq!(titles(Agent::Codex), ["Bash: cargo build", "[image]", "Welcome back", ""]);
    assert!(found.sessions.iter().all(|session| session.title.source == TitleSource::Prompt));
}

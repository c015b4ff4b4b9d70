//! Homes of Qwen Code: long outputs in files of their own.

use std::fs;

use serde_json::json;

use super::Case;
use sha2::{Digest, Sha256};

const ID: &str = "66666666-2222-4333-8444-000000000066";
const CWD: &str = "/home/dev/shop";

#[test]
fn an_output_of_qwen_in_a_file_of_its_own_is_shown_searched_and_counted() {
    let case = Case::empty();
    let hash: String = Sha256::digest(CWD).iter().map(|byte| format!("{byte:02x}")).collect();
    let tmp = case.path().join(".qwen/tmp").join(hash);
    fs::create_dir_all(tmp.join("tool-results")).expect("created");
    let persisted = tmp.join("tool-results/call_1.txt");
    let truncated = tmp.join("run_shell_command_0a1b2c3d4e5f.output");
    let long = |last: &str| format!("first\n{}{last}\n", "line\n".repeat(50_000));
    fs::write(&persisted, long("kakaponeedle")).expect("written");
    fs::write(&truncated, long("takahikareneedle")).expect("written");
    let previews = [
        format!(
            "<persisted-output>\nOutput too large (250 KB). Full output saved to: {}\n\nPreview (up to 2000 chars):\nfirst\n</persisted-output>",
            persisted.display()
        ),
        // The session ran in another home; the file of its name is in this one.
        format!(
            "Tool output was too large and has been truncated.\nThe full output has been saved to: /home/other/.qwen/tmp/{}\nTo read the complete output, use the read_file tool.\n\nfirst",
            truncated.strip_prefix(case.path().join(".qwen/tmp")).expect("below").display()
        ),
        // Not a file of the agent's.
        format!(
            "<persisted-output>\nOutput too large (1 KB). Full output saved to: {}\n",
            case.path().join("tmp/secret.txt").display()
        ),
    ];
    fs::create_dir_all(case.path().join("tmp")).expect("created");
    fs::write(case.path().join("tmp/secret.txt"), "a secret").expect("written");
    let record = |number: usize, kind: &str, message: serde_json::Value| {
        json!({"uuid": format!("u{number}"), "parentUuid": (number > 0).then(|| format!("u{}", number - 1)), "sessionId": ID,
            "timestamp": "2026-09-10T10:00:00.000Z", "type": kind, "cwd": CWD, "version": "0.24.4", "message": message})
    };
    let mut records = vec![record(0, "user", json!({"role": "user", "parts": [{"text": "print a lot"}]}))];
    for (at, preview) in previews.iter().enumerate() {
        let id = format!("call_{}", at + 1);
        let call = json!({"functionCall": {"id": id, "name": "run_shell_command", "args": {"command": "seq"}}});
        let result =
            json!({"functionResponse": {"id": id, "name": "run_shell_command", "response": {"output": preview}}});
        records.push(record(2 * at + 1, "assistant", json!({"role": "model", "parts": [call]})));
        records.push(record(2 * at + 2, "tool_result", json!({"role": "user", "parts": [result]})));
    }
    let chats = case.path().join(".qwen/projects/-home-dev-shop/chats");
    fs::create_dir_all(&chats).expect("created");
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(chats.join(format!("{ID}.jsonl")), &lines).expect("written");

    assert_eq!(case.sessions().len(), 1, "outputs are no sessions");
    let entries = case.entries(ID);
    let outputs: Vec<&str> = entries.iter().filter_map(|entry| entry["tool"]["output"].as_str()).collect();
    assert!(outputs[0].ends_with("kakaponeedle\n") && outputs[0].len() > 250_000, "{} bytes", outputs[0].len());
    assert!(outputs[1].ends_with("takahikareneedle\n"));
    assert!(outputs[2].starts_with("<persisted-output>"), "{}", outputs[2]);
    assert!(case.session(ID)["bytes"].as_u64() > Some(500_000), "{}", case.session(ID));
    for _ in 0..2 {
        case.assert_shown_and_found("kakaponeedle");
        case.assert_shown_and_found("takahikareneedle");
    }
    // The agent deletes them after a day; the previews stay.
    fs::remove_dir_all(&tmp).expect("removed");
    assert!(case.entries(ID)[1]["tool"]["output"].as_str().expect("output").starts_with("<persisted-output>"));
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
}

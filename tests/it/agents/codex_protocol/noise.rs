//! What no version of Codex should send.

use proptest::prelude::*;
use salon::domain::EntryKind;
use serde_json::json;

use super::{Driven, stream};

#[test]
fn what_nobody_knows_is_kept_as_other_and_what_is_known_is_not() {
    let mut driven = Driven::working();
    let before = driven.entries().len();
    driven.tell("thread/status/changed", &json!({"status": {"type": "idle"}}));
    assert_eq!(driven.entries().len(), before);
    driven.tell("brand/new", &json!({"x": 1}));
    driven.tell("brand/new", &json!({"x": 1}));
    for line in [&b"not json"[..], b"{\"half\":", b"\xff\xfe", b"[1]", b"\x1b[2J"] {
        driven.hear_bytes(line);
    }
    let others = driven.entries().iter().filter(|entry| entry.kind == EntryKind::Other).count();
    assert_eq!(others, 7);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever stands on a line, and wherever it is cut, it is heard without harm.
    #[test]
    fn no_line_is_too_strange(at in 0usize..400, cut in 0usize..4000, noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let lines = stream("changes.io.jsonl");
        let line = lines[at % lines.len()]["line"].to_string().into_bytes();
        let mut driven = Driven::working();
        driven.hear_bytes(&line[..cut.min(line.len())]);
        driven.hear_bytes(&noise);
        driven.hear_bytes(&[&line[..cut.min(line.len())], &noise[..]].concat());
    }

    /// Messages of any shape, with fields where nobody expects them.
    #[test]
    fn no_message_is_too_strange(method in 0usize..16, field in 0usize..8, value in 0usize..6, id in any::<Option<u64>>()) {
        let methods = ["turn/started", "turn/completed", "item/started", "item/completed", "error", "warning",
            "turn/plan/updated", "thread/tokenUsage/updated", "account/rateLimits/updated", "serverRequest/resolved",
            "item/commandExecution/requestApproval", "item/fileChange/requestApproval", "item/tool/requestUserInput",
            "item/permissions/requestApproval", "mcpServer/elicitation/request", "item/fileChange/patchUpdated"];
        let fields = ["turn", "item", "error", "plan", "tokenUsage", "questions", "permissions", "changes"];
        let values = [json!(null), json!("text"), json!(-1), json!([[], null]), json!({"type": 5, "id": []}), json!(1e300)];
        let mut driven = Driven::working();
        let mut message = json!({"method": methods[method], "params": {fields[field]: values[value]}});
        if let Some(id) = id {
            message["id"] = json!(id);
        }
        driven.hear(&message);
        driven.hear(&json!({"id": id, "result": values[value]}));
        driven.hear(&json!({"method": methods[method], "params": values[value]}));
    }
}

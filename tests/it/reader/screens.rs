//! Screens of the reader at three sizes.

use salon::app::Action;
use salon::app::msg::TranscriptMsg;
use salon::app::reader::Fold;
use salon::domain::event::Level;
use salon::domain::transcript::{self, Change, Entry, EntryKind, FileChange, PlanItem, PlanStatus, ToolStatus};

use super::sample::{Stand, command, entry, tool};

const ANSWER: &str = "\
# The cause

The `retry` loop **never** ends when the server answers *429* — see [the docs](https://example.org/retry?page=1).

1. read the header
2. wait, then
   - at most ~~ten~~ **five** times
   - with a limit:
     > as the standard says
3. give up

| header | meaning | columns |
|:-------|:-------:|--------:|
| `Retry-After` | seconds to wait before the next request may be sent at all | 12 |
| 日本語 | wide characters | 3 |

```rust
fn wait(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(30)) // never longer
}
```

- [x] found
- [ ] fixed";

/// One of each kind.
pub fn each_kind() -> Vec<Entry> {
    let change = |old: &str, new: &str| Change::Replace(vec![(old.into(), new.into())]);
    let patch = "@@ -10,4 +10,5 @@\n fn main() {\n-    let limit = 10;\n+    let limit = 5;\n+    let wait = true;\n     run();\n }\n";
    let edit = |path: &str, change| transcript::Action::Edit(vec![FileChange { path: path.into(), change }]);
    let mut failed = command("c2", 6, "cargo test", "error[E0308]: mismatched types\n  --> src/main.rs:3:5\n");
    if let Some(tool) = &mut failed.tool {
        tool.status = ToolStatus::Failed;
        tool.action = transcript::Action::Command { command: "cargo test".into(), exit_code: Some(101) };
    }
    let mut task = tool(
        "t",
        7,
        "Task",
        transcript::Action::Task { description: "look for callers".into(), prompt: "Find **all** callers".into() },
        "There are *two*.",
    );
    if let Some(tool) = &mut task.tool {
        tool.subagent = Some("agent-1".into());
    }
    let items = [
        ("read", PlanStatus::Done),
        ("write", PlanStatus::Active),
        ("test", PlanStatus::Pending),
        ("sing", PlanStatus::Cancelled),
    ];
    let plan = items.map(|(text, status)| PlanItem { text: text.into(), status }).to_vec();
    let notice = |id: &str, level, text: &str| Entry { level, ..entry(id, EntryKind::Notice, 8, text) };
    vec![
        entry("p1", EntryKind::Prompt, 0, "Why does it hang?\n\tlog: \u{1b}[31mred\u{1b}[0m \u{202e}evil"),
        entry("i1", EntryKind::Image, 0, "screenshot.png, 1024×768"),
        entry("th1", EntryKind::Thinking, 1, "**Looking** at the loop first, then at the callers of it."),
        command("c1", 2, "ls -la src", "total 8\n-rw-r--r-- 1 dev dev 10 main.rs\n 10%\r 50%\r100%\n"),
        tool("r1", 3, "Read", transcript::Action::Read { path: "src/retry.rs".into() }, "pub fn retry() {}\n"),
        entry("a1", EntryKind::Text, 4, ANSWER),
        tool(
            "e1",
            5,
            "Edit",
            edit("src/retry.rs", change("let a = 10;\nrun(a);\n", "let a = 5;\nrun(a);\n")),
            "updated",
        ),
        tool("e2", 5, "Edit", edit("src/main.rs", Change::Patch(patch.into())), ""),
        tool("e3", 5, "Write", edit("notes.md", Change::Write("# Notes\n\nnew file\n".into())), ""),
        failed,
        task,
        Entry { plan, ..entry("pl", EntryKind::Plan, 7, "") },
        notice("n1", Level::Info, "model changed to opus"),
        notice("n2", Level::Warning, "interrupted by the user"),
        notice("n3", Level::Error, "API error 529: overloaded"),
        notice("n4", Level::Boundary, "conversation compacted\nThe summary of it."),
        entry("o", EntryKind::Other, 9, "{\"type\":\"queue-operation\"}"),
        entry("p2", EntryKind::Prompt, 10, "thanks"),
    ]
}

#[test]
fn show() {
    for size in [(120, 100), (80, 24), (40, 10), (20, 5)] {
        let mut stand = Stand::new(each_kind(), size);
        println!("=== {size:?}\n{}", stand.screen());
        stand.act(Action::First);
        println!("=== {size:?} first\n{}", stand.screen());
    }
    let mut stand = Stand::new(each_kind(), (100, 150));
    stand.act(Action::Tools);
    stand.act(Action::Tools);
    stand.act(Action::Thinking);
    println!("=== full\n{}", stand.screen());
}

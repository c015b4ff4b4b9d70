//! Reader screens at three sizes.

use ratatui::style::{Color, Modifier};
use salon::app::Action;
use salon::config::key::{Key, KeyCode};
use salon::config::theme::Theme;
use salon::domain::event::NoticeLevel;
use salon::domain::transcript::{self, ChangeKind, Entry, EntryKind, FileChange, PlanItem, PlanStatus, ToolStatus};
use salon::domain::transcript_event::{EntryMatches, TranscriptEvent};

use salon::domain::{Agent, Session, SessionKey, Time, Title, TitleSource, Tokens};
use salon::ui::reader::{LayoutCache, ReaderMode};

use super::sample::{ReaderHarness, START, command, entry, tool};

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

/// One entry of each kind.
pub fn each_kind() -> Vec<Entry> {
    let change = |old: &str, new: &str| ChangeKind::Replace(vec![(old.into(), new.into())]);
    let patch = "@@ -10,4 +10,5 @@\n fn main() {\n-    let limit = 10;\n+    let limit = 5;\n+    let wait = true;\n     run();\n }\n";
    let edit = |path: &str, change| transcript::ToolAction::Edit(vec![FileChange { path: path.into(), kind: change }]);
    let mut failed = command("c2", 6, "cargo test", "error[E0308]: mismatched types\n  --> src/main.rs:3:5\n");
    if let Some(tool) = &mut failed.tool {
        tool.status = ToolStatus::Failed;
        tool.action = transcript::ToolAction::Command { command: "cargo test".into(), exit_code: Some(101) };
    }
    let mut task = tool(
        "t",
        7,
        "Task",
        transcript::ToolAction::Task { description: "look for callers".into(), prompt: "Find **all** callers".into() },
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
        tool("r1", 3, "Read", transcript::ToolAction::Read { path: "src/retry.rs".into() }, "pub fn retry() {}\n"),
        entry("a1", EntryKind::Text, 4, ANSWER),
        tool(
            "e1",
            5,
            "Edit",
            edit("src/retry.rs", change("let a = 10;\nrun(a);\n", "let a = 5;\nrun(a);\n")),
            "updated",
        ),
        tool("e2", 5, "Edit", edit("src/main.rs", ChangeKind::Patch(patch.into())), ""),
        tool("e3", 5, "Write", edit("notes.md", ChangeKind::Write("# Notes\n\nnew file\n".into())), ""),
        failed,
        task,
        Entry { plan, ..entry("pl", EntryKind::Plan, 7, "") },
        notice("n1", NoticeLevel::Info, "model changed to opus"),
        notice("n2", NoticeLevel::Warning, "interrupted by the user"),
        notice("n3", NoticeLevel::Error, "API error 529: overloaded"),
        notice("n4", NoticeLevel::Boundary, "conversation compacted\nThe summary of it."),
        entry("o", EntryKind::Other, 9, "{\"type\":\"queue-operation\"}"),
        entry("p2", EntryKind::Prompt, 10, "thanks"),
    ]
}

#[test]
fn the_end_of_a_session() {
    for (name, size) in [("120x40", (120, 40)), ("80x24", (80, 24)), ("40x10", (40, 10))] {
        let harness = ReaderHarness::new(each_kind(), size);
        insta::assert_snapshot!(format!("end_{name}"), harness.screen());
    }
}

#[test]
fn everything_unfolded_from_the_beginning() {
    for (name, size) in [("120x40", (120, 40)), ("80x24", (80, 24)), ("40x10", (40, 10))] {
        let mut harness = ReaderHarness::new(each_kind(), size);
        harness.act(Action::Tools);
        harness.act(Action::Tools);
        harness.act(Action::Thinking);
        harness.act(Action::First);
        insta::assert_snapshot!(format!("unfolded_{name}"), harness.screen());
        harness.act(Action::PageDown);
        insta::assert_snapshot!(format!("unfolded_next_{name}"), harness.screen());
    }
}

#[test]
fn a_preview_has_no_frame() {
    let mut harness = ReaderHarness::new(each_kind(), (50, 16));
    harness.mode = ReaderMode::Preview;
    harness.draw_until_loaded();
    insta::assert_snapshot!("preview", harness.screen());
}

#[test]
fn the_header_shows_the_metadata() {
    let mut harness = ReaderHarness::new(each_kind(), (100, 8));
    harness.session = Some(session());
    let mut opened = harness.opened();
    opened.branches = 2;
    harness.tell(TranscriptEvent::Grown { from: 18, opened });
    harness.draw_until_loaded();
    let header = harness.screen().lines().next().map(str::to_owned);
    let expected = " Why the retry loop hangs · claude · branch 1 of 2 · opus-4 · 1 h 02 min · 12k tokens";
    assert_eq!(header.as_deref(), Some(expected));
    // Some agents write one time only.
    let one_time = session();
    harness.session = Some(Session { last_activity: one_time.started_at, ..one_time });
    harness.draw_until_loaded();
    let header = harness.screen().lines().next().map(str::to_owned);
    assert_eq!(header.as_deref(), Some(" Why the retry loop hangs · claude · branch 1 of 2 · opus-4 · 12k tokens"));
}

#[test]
fn h42_without_colours_hits_and_diffs_are_still_distinguishable() {
    let mut harness = ReaderHarness::new(each_kind(), (80, 60));
    harness.theme = Theme::default();
    harness.act(Action::Tools);
    harness.act(Action::Find);
    for c in "limit".chars() {
        harness.reader.key_in_find(Key { code: KeyCode::Char(c), ctrl: false, alt: false, shift: false });
    }
    harness.tell(TranscriptEvent::Found {
        query: "limit".into(),
        entries: vec![EntryMatches { entry: 7, count: 2 }],
        complete: true,
    });
    harness.draw_until_loaded();
    let reversed = harness.buffer.content.iter().filter(|cell| cell.modifier.contains(Modifier::REVERSED)).count();
    // Once removed and once added: `limit` each time; plus two context lines that contain it.
    assert!(reversed >= 2 * "limit".len(), "{reversed}\n{}", harness.screen());
    assert!(harness.screen().contains("11    -     let limit = 10;"), "{}", harness.screen());
}

#[test]
fn code_is_highlighted_once_its_syntax_is_known() {
    let mut harness = ReaderHarness::new(each_kind(), (80, 60));
    let keyword =
        |harness: &ReaderHarness| harness.buffer.content.iter().filter(|cell| cell.fg == Color::Indexed(13)).count();
    harness.act(Action::First);
    // The grammars load in the background: a bounded number of frames, each of which yields.
    for _ in 0..10_000 {
        if !harness.cache.is_waiting() {
            break;
        }
        std::thread::yield_now();
        std::thread::park_timeout(std::time::Duration::from_millis(2));
        harness.draw();
    }
    assert_eq!(keyword(&harness), "fnu64".len(), "{}", harness.screen());
}

#[test]
fn a_preview_loads_no_grammars() {
    let mut harness = ReaderHarness::new(each_kind(), (80, 60));
    harness.cache = LayoutCache::default();
    harness.mode = ReaderMode::Preview;
    harness.draw_until_loaded();
    assert!(!harness.cache.is_waiting());
    harness.mode = ReaderMode::Full;
    harness.draw_until_loaded();
    assert!(harness.cache.is_waiting(), "on the whole screen it does");
}

fn session() -> Session {
    let key = SessionKey::new(Agent::Claude, "s");
    Session {
        title: Title::new("Why the retry loop hangs", TitleSource::User),
        started_at: Some(Time::from_millis(START)),
        last_activity: Some(Time::from_millis(START + 62 * 60_000)),
        model: Some("opus-4".into()),
        tokens: Tokens { input: 12_000, output: 345, ..Tokens::default() },
        ..Session::new(key, "/nowhere".into())
    }
}

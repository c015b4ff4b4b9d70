//! Margins: one column at each side of every screen. Only the mark of a selected row touches the left edge.

use salon::app::Msg;
use salon::domain::prompt::PromptState;
use salon::stdx::text;

use super::chat_harness::{ChatHarness, command, on_disk, prompt, queued, result, run as run_id};
use super::live::{asking, command as request, edit, run};
use super::stage::Stage;

const SIZES: [(u16, u16); 4] = [(160, 50), (120, 40), (80, 24), (40, 10)];

/// Checks that no text of a screen is in its first or last column.
fn check(name: &str, screen: &str, width: u16) {
    for row in screen.lines().filter(|row| !row.is_empty()) {
        assert!(row.starts_with([' ', '▌']), "{name}, {width} columns, left edge: {row}\n{screen}");
        assert!(text::width(row) < usize::from(width), "{name}, {width} columns, right edge: {row}\n{screen}");
    }
}

#[test]
fn no_screen_touches_the_edges() {
    let screens = [
        "", "?", "ctrl-p", "!", "B", "i", "n", "x", "f2", "#", "/", "/ w e b", "$", "enter", "enter O", "c", "\\ w",
        "j m",
    ];
    for (width, height) in SIZES {
        for keys in screens {
            let mut stage = Stage::full(width, height);
            stage.run(asking(run("r"), [request("a"), edit("b")])).keys(keys);
            check(keys, &stage.screen(), width);
        }
        let mut quitting = Stage::full(width, height);
        quitting.run(run("r")).keys("q");
        check("quit", &quitting.screen(), width);
        let mut loading = Stage::new(width, height);
        loading.send(Msg::Frame);
        check("loading", &loading.screen(), width);
    }
}

#[test]
fn no_chat_touches_the_edges() {
    for (width, height) in SIZES {
        let turn = vec![
            prompt("p1", "Why is the release image rebuilt from scratch whenever one of its sources changes?"),
            command("c1", "cargo test --package shop-api --features everything,and-more -- --nocapture cart_total"),
            result("c1", salon::domain::transcript::ToolStatus::Done, &"a long line of output ".repeat(12)),
        ];
        let mut chat = ChatHarness::of(width, height, on_disk(turn));
        check("chat", &chat.screen(), width);
        chat.type_in(&"a long draft that goes over several rows ".repeat(6));
        check("draft", &chat.screen(), width);
        let text = "a queued prompt that is longer than the row of any screen ".repeat(4);
        chat.send(salon::app::runs::RunMsg::Queued(run_id(), vec![queued(1, &text, PromptState::Pending, None)]));
        check("queue", &chat.screen(), width);
        chat.changed(|info| info.approvals = vec![request("a")]);
        check("approval", &chat.screen(), width);
    }
}

//! Runs that began in a window continue in the background after *Detach*.

use std::process::Stdio;

use super::Stage;
use crate::support::{is_alive, wait_until};

/// A stage whose background process can be started, and is stopped at the end.
struct Detached(Stage);

impl Detached {
    fn new() -> Self {
        let stage = Stage::new();
        std::fs::create_dir_all(stage.runtime()).expect("a directory");
        Self(stage)
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let mut stop = self.0.command(&["serve", "--stop"]);
        // It has ended if the test has stopped it.
        stop.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

#[test]
fn a_queue_goes_on_in_the_background_after_the_turn_that_was_open() {
    let detached = Detached::new();
    let stage = &detached.0;
    let mut window = stage.window(&["new"]);
    window.wait_for_text("type a prompt");
    window.send("ask make install\r");
    window.wait_for_text("wants to run a command");
    window.send("say from the background\r");
    window.wait_for_text("say from the background");
    let agent = stage.agents.started()[0];
    // The palette finds the command by its name.
    window.send("\x10");
    window.send("quit salon\r");
    window.wait_for_text("Detach");
    window.send("3");
    window.wait_for_text("Detaches when the open turn has ended");
    assert!(is_alive(agent), "the open turn ends here first");
    stage.approve();
    assert_eq!(window.wait(), 0);
    window.wait_for_bytes("continue in the background");
    assert!(!is_alive(agent), "its process belonged to the window");
    wait_until("the queue went on", || stage.agents.prompts().len() == 2);
    assert_eq!(stage.agents.prompts(), ["ask make install", "say from the background"]);
    let next = stage.window(&[]);
    next.wait_for_text("ask make install");
    assert_eq!(stage.agents.started().len(), 2, "the same session, in one process");
    stage.run(&["serve", "--stop"]);
    wait_until("no agent is left", || !is_alive(stage.agents.started()[1]));
}

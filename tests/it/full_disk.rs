//! The whole program on a disk that fills while it runs: nothing is lost, and nothing is sent that could not be marked.

use std::path::Path;

use crate::support::{Agents, Home, SmallDisk, wait_until};
use crate::terminal::Terminal;

fn salon(home: &Home, agents: &Agents, disk: &SmallDisk) -> Terminal {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let project = home.path().join("project");
    std::fs::create_dir(&project).expect("a project");
    let environment = [
        ("HOME", text(home.path())),
        ("PATH", text(agents.path())),
        ("FAKE_LOG", text(&agents.log_file())),
        ("SALON_DATA_DIR", text(disk.path())),
        ("SALON_CACHE_DIR", text(&disk.path().join("cache"))),
        ("TERM", "xterm-256color".to_owned()),
        ("COLORFGBG", "15;0".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), &["new"], &project, &environment)
}

#[test]
fn d2_f1_a_prompt_on_a_full_disk_is_refused_and_stays_in_the_composer() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (home, agents) = (Home::empty(), Agents::of(&["claude", "codex", "opencode"]));
    let mut salon = salon(&home, &agents, &disk);
    salon.wait_for_text("type a prompt");
    salon.send("say one\r");
    salon.wait_for_text("ready");
    disk.fill();
    salon.send("say precious\r");
    salon.wait_for_text("disk is full");
    salon.wait_for("the text in the composer", |screen| screen.contents().contains("❯ say precious"));
    assert_eq!(agents.prompts(), ["say one"]);
    disk.free();
    // Enter in an empty composer sends nothing.
    wait_until("the prompt is delivered", || {
        salon.send("\r");
        agents.prompts().len() > 1
    });
    salon.wait_for("the answer", |screen| screen.contents().matches("precious").count() >= 2);
    assert_eq!(agents.prompts(), ["say one", "say precious"]);
}

#[test]
fn d2_an_edit_of_a_queued_prompt_that_cannot_be_saved_returns_to_the_composer() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (home, agents) = (Home::empty(), Agents::of(&["claude", "codex", "opencode"]));
    let mut salon = salon(&home, &agents, &disk);
    salon.wait_for_text("type a prompt");
    salon.send("hang\r");
    salon.wait_for_text("working");
    salon.send("say later\r");
    salon.wait_for_text("1  say later");
    salon.send("\x1b[A");
    salon.wait_for_text("esc to write");
    salon.send("\r");
    salon.wait_for_text("editing queued prompt");
    salon.send(" and precious");
    salon.wait_for_text("say later and precious");
    disk.fill();
    salon.send("\r");
    salon.wait_for_text("disk is full");
    salon.wait_for("the text in the composer", |screen| screen.contents().contains("❯ say later and precious"));
    salon.wait_for_text("1  say later");
}

#[test]
fn f1_a_prompt_that_cannot_be_marked_is_not_sent_twice() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (home, agents) = (Home::empty(), Agents::of(&["claude", "codex", "opencode"]));
    let mut salon = salon(&home, &agents, &disk);
    salon.wait_for_text("type a prompt");
    salon.send("hang\r");
    salon.wait_for_text("working");
    salon.send("say later\r");
    salon.wait_for_text("1  say later");
    disk.fill();
    salon.send("\x03");
    salon.wait_for_text("interrupted");
    salon.send("\x19");
    // The failure is reported after the prompt could not be marked; a second attempt follows a second later.
    salon.wait_for_text("not sent yet");
    let noticed = std::time::Instant::now();
    wait_until("several attempts", || noticed.elapsed() > std::time::Duration::from_millis(2500));
    // The database may find room in its log for one mark; the prompt is sent at most once.
    assert!(agents.prompts().len() <= 2, "{:?}", agents.prompts());
    disk.free();
    wait_until("the prompt is delivered", || agents.prompts().len() > 1);
    salon.wait_for("the answer", |screen| screen.contents().matches("later").count() >= 2);
    assert_eq!(agents.prompts(), ["hang", "say later"]);
}

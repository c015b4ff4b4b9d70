//! Pages, files and images of a transcript, opened by real programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::pty::salon;
use crate::support::{Home, wait_until};
use crate::terminal::Terminal;

/// Beginning of a PNG file, and the same in base64.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0123456789";
const ENCODED: &str = "iVBORw0KGgowMTIzNDU2Nzg5";

/// PNG image of 16×32 pixels, red above blue.
const RED_AND_BLUE: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAgCAIAAACU62+bAAAAIElEQVR42mM4ISdHEmIY1TCqYRhrIFH9iVENoxqGsQYA42gIH0mH4wQAAAAASUVORK5CYII=";

/// A session with an image, and an answer with a link and the place of an error.
fn home(image: &str) -> Home {
    let home = Home::empty();
    let cwd = home.path().join("shop");
    fs::create_dir_all(cwd.join("src")).expect("a directory");
    fs::write(cwd.join("src/a.rs"), "fn main() {}\n").expect("a file");
    let common = format!(
        r#""isSidechain":false,"userType":"external","entrypoint":"cli","cwd":"{}","sessionId":"8a1c0f52-0000-4000-8000-000000000001","version":"2.1.329""#,
        cwd.display()
    );
    let image = format!(r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{image}"}}}}"#);
    let prompt = format!(
        r#"{{"parentUuid":null,"uuid":"u1","type":"user","timestamp":"2026-11-21T11:00:00Z","message":{{"role":"user","content":[{{"type":"text","text":"Why is it red?"}},{image}]}},{common}}}"#
    );
    let answer = format!(
        r#"{{"parentUuid":"u1","uuid":"u2","type":"assistant","timestamp":"2026-11-21T11:00:09Z","message":{{"id":"m1","type":"message","role":"assistant","model":"claude-opus-5-5","content":[{{"type":"text","text":"See https://example.org/page?a=1 and `src/a.rs:7`."}}],"usage":{{"input_tokens":10,"output_tokens":5}}}},{common}}}"#
    );
    let folder = home.path().join(".claude/projects/-shop");
    fs::create_dir_all(&folder).expect("a directory");
    let file = folder.join("8a1c0f52-0000-4000-8000-000000000001.jsonl");
    fs::write(file, format!("{prompt}\n{answer}\n")).expect("a session");
    home
}

fn program(home: &Home, name: &str, script: &str) {
    let bin = home.path().join("bin");
    fs::create_dir_all(&bin).expect("a directory");
    fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).expect("a script");
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn pages_files_and_images_are_opened_by_their_programs() {
    let home = home(ENCODED);
    program(&home, "xdg-open", r#"case "$1" in /*) cp "$1" "$HOME/copy";; esac; echo "$# $1" >>"$HOME/opened""#);
    program(&home, "vim", r#"echo "editing $1 $2"; read -r line"#);
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let runtime = home.path().join("runtime").to_string_lossy().into_owned();
    let vars = [("PATH", &*path), ("VISUAL", "vim"), ("DISPLAY", ":9"), ("SALON_RUNTIME_DIR", &runtime)];
    let mut terminal = salon(&home, &vars);
    terminal.wait_for_text("Why is it red?");
    terminal.send("\r");
    terminal.wait_for_text("entry 3 of 3");
    let opened = || fs::read_to_string(home.path().join("opened")).unwrap_or_default();

    terminal.send("\r");
    terminal.wait_for_text("Fold the entry");
    terminal.send("1");
    wait_until("the page is opened", || opened().ends_with('\n'));
    assert_eq!(opened(), "1 https://example.org/page?a=1\n", "one argument");

    terminal.send("\r");
    terminal.wait_for_text("Fold the entry");
    terminal.send("2");
    terminal.wait_for_text("editing +7 /");
    terminal.wait_for_text("src/a.rs");
    terminal.send("\r");
    terminal
        .wait_for("salon's screen", |screen| screen.alternate_screen() && screen.contents().contains("ditor closed"));

    terminal.send("[o");
    wait_until("the image is opened", || opened().lines().count() == 2);
    assert_eq!(fs::read(home.path().join("copy")).expect("a copy"), PNG);
    let opened = opened();
    let file = opened.lines().last().and_then(|line| line.strip_prefix("1 ")).expect("one argument");
    assert!(
        file.starts_with(&runtime) && Path::new(&file).extension().is_some_and(|extension| extension == "png"),
        "{file}"
    );
    assert_eq!(fs::metadata(file).expect("the file").permissions().mode() & 0o777, 0o600);
    terminal.send("qq");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn without_a_display_an_address_is_copied() {
    let home = home(ENCODED);
    let mut terminal = salon(&home, &[("DISPLAY", ""), ("WAYLAND_DISPLAY", ""), ("WSL_DISTRO_NAME", "")]);
    terminal.wait_for_text("Why is it red?");
    terminal.send("\r");
    terminal.wait_for_text("entry 3 of 3");
    terminal.send("\r");
    terminal.wait_for_text("Fold the entry");
    terminal.send("1");
    terminal.wait_for_text("copied the address");
    terminal.send("qq");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn web_addresses_are_hyperlinks_where_the_terminal_knows_them() {
    let home = home(ENCODED);
    let opened = |term: &str| {
        let mut terminal = salon(&home, &[("TERM", term)]);
        terminal.wait_for_text("Why is it red?");
        terminal.send("\r");
        terminal.wait_for_text("entry 3 of 3");
        terminal
    };
    let terminal = opened("xterm-256color");
    terminal.wait_for_bytes("\x1b]8;id=0;https://example.org/page?a=1\x1b\\");
    wait_until("each one ends", || {
        let written = terminal.written();
        written.matches("\x1b]8;id=").count() == written.matches("\x1b]8;;\x1b\\").count()
    });
    assert!(!opened("linux").written().contains("\x1b]8;"));
}

/// Opens the session's image with `o`.
fn with_image(home: &Home, vars: &[(&str, &str)]) -> Terminal {
    let mut terminal = salon(home, vars);
    terminal.wait_for_text("Why is it red?");
    terminal.send("\r");
    terminal.wait_for_text("entry 3 of 3");
    terminal.send("[o");
    terminal
}

#[test]
fn images_are_drawn_where_the_terminal_can() {
    let home_with_image = home(RED_AND_BLUE);
    let mut kitty = with_image(&home_with_image, &[("TERM", "xterm-kitty")]);
    kitty.wait_for_text("16×32");
    kitty.wait_for_bytes("\x1b_G");
    kitty.send("\x1b");
    kitty.wait_for("the transcript", |screen| !screen.contents().contains("16×32"));
    // No display and no protocol: blocks of both colours.
    let mut blocks = with_image(&home_with_image, &[("COLORTERM", "truecolor")]);
    blocks.wait_for_text("16×32");
    blocks.wait_for_text("▀");
    blocks.wait_for_bytes("38;2;200;30;30");
    blocks.resize(60, 12);
    blocks.wait_for("the image for the new size", |screen| {
        screen.size().0.get() == 12 && screen.contents().contains('▀') && screen.contents().contains("16×32")
    });
    // The help covers it, and gives it back.
    blocks.send("?");
    blocks.wait_for("the help", |screen| {
        screen.contents().contains("Keyboard shortcuts") && !screen.contents().contains('▀')
    });
    blocks.send("\x1b");
    blocks.wait_for_text("▀");
    blocks.send("q");
    blocks.wait_for("the transcript", |screen| !screen.contents().contains('▀'));
    // What is no image in spite of its name is refused with the reason.
    let home_with_garbage = home(ENCODED);
    let broken = with_image(&home_with_garbage, &[("TERM", "xterm-kitty")]);
    broken.wait_for_text("Cannot draw the image");
}

#[test]
fn a_database_that_cannot_be_used_is_said_at_start_and_among_the_problems() {
    let home = home(ENCODED);
    let share = home.path().join(".local/share");
    fs::create_dir_all(&share).expect("a directory");
    fs::write(share.join("salon"), "in the way").expect("a file");
    let mut terminal = salon(&home, &[]);
    terminal.wait_for_text("state.db: cannot be used: ");
    terminal.send("!");
    terminal.wait_for_text("→ cannot be used: ");
    terminal.wait_for_text("no agent runs and nothing");
    terminal.send("\x1bq");
}

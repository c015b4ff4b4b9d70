//! Images within a transcript, in a terminal that says what it can do, or does not.

use std::fs;
use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::pty::{salon, salon_with};
use crate::support::Home;
use crate::terminal::Terminal;

/// Cell of an image of the kitty protocol.
const PLACEHOLDER: &str = "\u{10eeee}";

/// Beginning of a sixel image.
const SIXEL: &str = "\x1bP";

/// PNG image of a size, red above blue.
fn png(width: u32, height: u32) -> Vec<u8> {
    let colour = |_, y| if y < height / 2 { Rgb([200, 30, 30]) } else { Rgb([30, 30, 200]) };
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_fn(width, height, colour).write_to(&mut bytes, ImageFormat::Png).expect("a PNG image");
    bytes.into_inner()
}

/// Session of Claude Code whose prompt has an image, and an answer of some lines.
fn home(image: &[u8], lines: usize) -> Home {
    let home = Home::empty();
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": STANDARD.encode(image)}});
    let record = |uuid: &str, parent: Option<&str>, kind: &str, message: Value| {
        json!({
            "uuid": uuid, "parentUuid": parent, "type": kind, "message": message, "isSidechain": false,
            "userType": "external", "entrypoint": "cli", "cwd": "/home/dev/shop", "version": "2.1.329",
            "sessionId": "8a1c0f52-0000-4000-8000-000000000001", "timestamp": "2026-11-21T11:00:00Z",
        })
    };
    let text = json!({"type": "text", "text": "Why is it red?"});
    let prompt = record("u1", None, "user", json!({"role": "user", "content": [text, image]}));
    let answer: Vec<String> = (1..=lines).map(|line| format!("reason {line}")).collect();
    let answer = json!([{"type": "text", "text": answer.join("\n\n")}]);
    let answer = record(
        "u2",
        Some("u1"),
        "assistant",
        json!({"id": "m1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": answer}),
    );
    let folder = home.path().join(".claude/projects/-shop");
    fs::create_dir_all(&folder).expect("a directory");
    fs::write(folder.join("8a1c0f52-0000-4000-8000-000000000001.jsonl"), format!("{prompt}\n{answer}\n"))
        .expect("a session");
    home
}

/// Opens the session in a terminal that answers with a name.
fn opened(home: &Home, name: Option<&str>) -> Terminal {
    let mut terminal = salon(home, &[]);
    terminal.wait_for_text("Why is it red?");
    terminal.wait_for_bytes("\x1b[>0q");
    if let Some(name) = name {
        terminal.send(&format!("\x1bP>|{name}\x1b\\"));
    }
    terminal.send("\r");
    terminal.wait_for_text("O outline");
    terminal
}

fn count(terminal: &Terminal, bytes: &str) -> usize {
    terminal.written().matches(bytes).count()
}

#[test]
fn kitty_gets_an_image_once_and_deletes_it_when_its_reader_closes() {
    let home = home(&png(100, 80), 3);
    let mut terminal = opened(&home, Some("kitty(0.35.2)"));
    terminal.wait_for("10 columns and 4 rows", |screen| screen.contents().matches(PLACEHOLDER).count() == 40);
    terminal.wait_for_text("[image image/png");
    // The help covers a part of it, and gives it back without another transmission.
    terminal.send("?");
    terminal.wait_for_text("Keyboard shortcuts");
    terminal.send("\x1b");
    terminal.wait_for("the whole image", |screen| {
        !screen.contents().contains("Keyboard shortcuts") && screen.contents().matches(PLACEHOLDER).count() == 40
    });
    assert_eq!(count(&terminal, "a=T"), 1, "one transmission");
    assert_eq!(count(&terminal, "a=d"), 0);
    terminal.send("q");
    terminal.wait_for_bytes("\x1b_Ga=d,d=I,i=");
    terminal.wait_for("the list", |screen| !screen.contents().contains(PLACEHOLDER));
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn an_image_scrolls_by_rows() {
    let home = home(&png(100, 80), 40);
    let mut terminal = opened(&home, Some("ghostty 1.0.1"));
    terminal.send("g");
    let visible =
        |rows: usize| move |screen: &vt100::Screen| screen.contents().matches(PLACEHOLDER).count() == rows * 10;
    terminal.wait_for("the image", visible(4));
    for (nth, rows) in [4, 3, 2, 1, 0].into_iter().enumerate() {
        // The first rows are the day, and the prompt that stays.
        while !terminal.contents().is_empty() && terminal.contents().matches(PLACEHOLDER).count() > rows * 10 {
            let before = terminal.written_len();
            terminal.send("j");
            terminal.wait_for_more(before);
        }
        terminal.wait_for(&format!("step {nth}"), visible(rows));
    }
    terminal.send("g");
    terminal.wait_for("the image again", visible(4));
}

#[test]
fn sixels_are_drawn_again_after_they_were_covered() {
    let home = home(&png(100, 80), 3);
    let mut terminal = opened(&home, Some("foot(1.16.2)"));
    terminal.wait_for_bytes("\"1;1;100;80");
    assert_eq!(count(&terminal, SIXEL), 1);
    terminal.send("?");
    terminal.wait_for_text("Keyboard shortcuts");
    terminal.send("\x1b");
    terminal.wait_for("the help closed", |screen| !screen.contents().contains("Keyboard shortcuts"));
    let before = terminal.written_len();
    terminal.send("q");
    terminal.wait_for_text("Sessions");
    let left = terminal.written()[before..].to_owned();
    assert!(count(&terminal, SIXEL) >= 2 && !left.contains(SIXEL), "drawn again, and not on another screen");
}

#[test]
fn iterm2_gets_an_image_inline() {
    let home = home(&png(100, 80), 3);
    let terminal = opened(&home, Some("iTerm2 3.5.0"));
    terminal.wait_for_bytes("\x1b]1337;File=inline=1;");
    terminal.wait_for_bytes("width=100px;height=80px");
}

#[test]
fn without_a_known_answer_only_the_label_is_shown() {
    let home = home(&png(100, 80), 3);
    for name in [None, Some("tmux 3.4"), Some("VTE(7600)")] {
        let mut terminal = opened(&home, name);
        terminal.wait_for_text("[image image/png");
        terminal.send("?");
        terminal.wait_for_text("Keyboard shortcuts");
        let written = terminal.written();
        assert!(!written.contains("\x1b_G") && !written.contains(SIXEL) && !written.contains("1337"), "{name:?}");
    }
}

#[test]
fn images_can_be_switched_off_and_a_multiplexer_is_not_queried() {
    let home = home(&png(100, 80), 3);
    let config = home.path().join("config");
    fs::create_dir(&config).expect("a directory");
    fs::write(config.join("config.toml"), "images = \"off\"\n").expect("a file");
    let config = config.to_string_lossy().into_owned();
    let vars: [&[(&str, &str)]; 3] = [
        &[("SALON_CONFIG_DIR", &config), ("TERM", "xterm-kitty")],
        &[("TMUX", "/tmp/tmux"), ("TERM", "xterm-kitty")],
        &[("TERM", "screen-256color"), ("LC_TERMINAL", "iTerm2")],
    ];
    for vars in vars {
        let mut terminal = salon(&home, vars);
        terminal.wait_for_text("Why is it red?");
        terminal.send("\r");
        terminal.wait_for_text("[image image/png");
        terminal.send("?");
        terminal.wait_for_text("Keyboard shortcuts");
        let written = terminal.written();
        assert!(!written.contains("\x1b_G") && !written.contains("1337"), "{vars:?}");
        assert!(!written.contains("\x1b[>0q"), "{vars:?}");
    }
}

#[test]
fn an_image_that_cannot_be_decoded_says_why() {
    let home = home(b"\x89PNG\r\n\x1a\n0123456789", 3);
    let terminal = opened(&home, Some("kitty(0.35.2)"));
    terminal.wait_for_text("[image image/png");
    terminal.wait_for_text("not drawn: ");
    assert!(!terminal.written().contains("\x1b_G"));
}

#[test]
fn a_small_file_that_claims_to_be_huge_is_not_decoded() {
    let mut header = b"IHDR".to_vec();
    for size in [20_000_u32, 10_000] {
        header.extend(size.to_be_bytes());
    }
    header.extend([8, 2, 0, 0, 0]);
    let sum = crc32fast::hash(&header).to_be_bytes();
    let image = [&b"\x89PNG\r\n\x1a\n\0\0\0\x0d"[..], &header, &sum, b"\0\0\0\0IDAT"].concat();
    let home = home(&image, 3);
    let terminal = opened(&home, Some("kitty(0.35.2)"));
    terminal.wait_for_text("not drawn: 20000×10000 pixels, more than 64 million");
}

#[test]
fn an_image_is_folded_like_any_entry() {
    let home = home(&png(100, 80), 3);
    let mut terminal = opened(&home, Some("kitty(0.35.2)"));
    terminal.wait_for_text(PLACEHOLDER);
    terminal.send("[\r");
    terminal.wait_for("only the label", |screen| {
        screen.contents().contains("[image image/png") && !screen.contents().contains(PLACEHOLDER)
    });
    terminal.send("\r");
    terminal.wait_for_text(PLACEHOLDER);
}

#[test]
fn images_beside_a_session_of_codex_are_drawn_too() {
    let home = Home::empty();
    let shot = home.path().join("shot.png");
    fs::write(&shot, png(100, 80)).expect("an image");
    let id = "019fa21c-7a02-7cc9-84d8-125564d0361d";
    let line = |kind: &str, payload: Value| {
        json!({"timestamp": "2026-11-21T10:00:06.000Z", "type": kind, "payload": payload}).to_string()
    };
    let data = format!("data:image/png;base64,{}", STANDARD.encode(png(40, 40)));
    let lines = [
        line(
            "session_meta",
            json!({"id": id, "timestamp": "2026-11-21T10:00:03.000Z", "cwd": "/home/dev/shop", "cli_version": "0.146.0"}),
        ),
        line(
            "event_msg",
            json!({"type": "user_message", "message": "Why is it red?", "images": [], "local_images": [shot]}),
        ),
        line("event_msg", json!({"type": "agent_message", "message": "It is."})),
        line(
            "event_msg",
            json!({"type": "user_message", "message": "And this?", "images": [data], "local_images": []}),
        ),
        line("event_msg", json!({"type": "agent_message", "message": "Too."})),
    ];
    let folder = home.path().join(".codex/sessions/2026/11/21");
    fs::create_dir_all(&folder).expect("a directory");
    fs::write(folder.join(format!("rollout-2026-11-21T10-00-00-{id}.jsonl")), lines.join("\n") + "\n")
        .expect("a session");
    let terminal = opened(&home, Some("kitty(0.35.2)"));
    // 10×4 and 4×2 cells.
    terminal.wait_for("both", |screen| screen.contents().matches(PLACEHOLDER).count() == 48);
}

/// Session of each agent with an image of 10×4 cells in a prompt.
fn home_of(agent: &str) -> (Home, String) {
    let data = STANDARD.encode(png(100, 80));
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": data}});
    let text = json!({"text": "Why is it red?"});
    let time = "2026-11-21T10:00:27.306Z";
    let id = "cbfe1197-e33d-4517-825c-09962b0c5e38";
    match agent {
        "gemini" => {
            let home = Home::empty();
            let folder = home.path().join(".gemini/tmp/shop/chats");
            fs::create_dir_all(&folder).expect("a directory");
            let lines = [
                json!({"sessionId": id, "projectHash": "shop", "startTime": time, "lastUpdated": time, "kind": "main"}),
                json!({"id": "m1", "timestamp": time, "type": "user", "content": [text, inline]}),
                json!({"id": "m2", "timestamp": time, "type": "gemini", "content": "It is.", "model": "gemini-3-pro"}),
            ];
            let lines = lines.map(|line| line.to_string() + "\n").concat();
            fs::write(folder.join("session-2026-11-21T10-00-cbfe1197.jsonl"), lines).expect("a session");
            (home, format!("gemini:{id}"))
        }
        "qwen" => {
            let home = Home::empty();
            let folder = home.path().join(".qwen/projects/-home-dev-shop/chats");
            fs::create_dir_all(&folder).expect("a directory");
            let record = |uuid: &str, parent: Value, kind: &str, role: &str, parts: Value| {
                json!({"uuid": uuid, "parentUuid": parent, "sessionId": id, "timestamp": time, "type": kind,
                    "cwd": "/home/dev/shop", "version": "0.24.4", "message": {"role": role, "parts": parts}})
            };
            let lines = [
                record("u1", Value::Null, "user", "user", json!([text, inline])),
                record("u2", json!("u1"), "assistant", "model", json!([{"text": "It is."}])),
            ];
            let lines = lines.map(|line| line.to_string() + "\n").concat();
            fs::write(folder.join(format!("{id}.jsonl")), lines).expect("a session");
            (home, format!("qwen:{id}"))
        }
        "goose" => {
            let home = Home::of(&["goose/1.34.0"]);
            let path = home.path().join(".local/share/goose/sessions/sessions.db");
            let db = rusqlite::Connection::open(path).expect("a database");
            let find = "SELECT id, session_id FROM messages WHERE role = 'user' ORDER BY id LIMIT 1";
            let (message, session): (i64, String) =
                db.query_row(find, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a prompt");
            let content = json!([{"type": "text", "text": "Why is it red?"},
                {"type": "image", "mimeType": "image/png", "data": data}]);
            let change = "UPDATE messages SET content_json = ?1 WHERE id = ?2";
            db.execute(change, (content.to_string(), message)).expect("a change");
            (home, format!("goose:{session}"))
        }
        _ => {
            let home = Home::of(&["opencode/1.18.33"]);
            let path = home.path().join(".local/share/opencode/opencode.db");
            let db = rusqlite::Connection::open(path).expect("a database");
            let find = "SELECT p.id, p.session_id FROM part p JOIN message m ON m.id = p.message_id \
                WHERE json_extract(m.data, '$.role') = 'user' ORDER BY p.id LIMIT 1";
            let (part, session): (String, String) =
                db.query_row(find, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a prompt");
            let file = json!({"type": "file", "mime": "image/png", "filename": "a.png",
                "url": format!("data:image/png;base64,{data}")});
            db.execute("UPDATE part SET data = ?1 WHERE id = ?2", (file.to_string(), part)).expect("a change");
            (home, format!("opencode:{session}"))
        }
    }
}

#[test]
fn images_of_each_agent_are_drawn() {
    for agent in ["gemini", "qwen", "goose", "opencode"] {
        let (home, id) = home_of(agent);
        let mut terminal = salon_with(&home, &[&id], &[("TERM", "xterm-kitty")]);
        terminal.wait_for_text("O outline");
        terminal.send("g");
        terminal
            .wait_for(&format!("the image of {agent}"), |screen| screen.contents().matches(PLACEHOLDER).count() == 40);
    }
}

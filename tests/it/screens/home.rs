//! The home screen.

use std::sync::Arc;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use salon::app::{Effect, Msg, RootStatus};
use salon::config::theme::Background;
use salon::config::theme_file::ColourDepth;
use salon::domain::catalog::{CatalogChange, IndexProgress};
use salon::domain::transcript::EntryKind;
use salon::domain::transcript_event::TranscriptEvent;
use salon::domain::{Agent, Entry, EntryKey, Issue, Role};

use super::stage::{Stage, change, session, sessions};

/// A screen at one size, under the test's name.
macro_rules! shows {
    ($name:expr, $stage:expr) => {
        insta::assert_snapshot!($name, $stage.screen());
    };
}

#[test]
fn home_at_three_sizes() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        shows!(format!("home_{width}x{height}"), Stage::full(width, height));
    }
}

#[test]
fn home_on_a_wide_screen_shows_every_column() {
    shows!("home_220x20", Stage::full(220, 20));
    let mut stage = Stage::with(220, 20, "preview = false", ColourDepth::Full);
    stage.send(Msg::Catalog(change(sessions())));
    shows!("home_220x20_without_preview", stage);
}

#[test]
fn a15_home_while_the_index_reads() {
    let mut stage = Stage::new(80, 24);
    shows!("home_before_anything", stage);
    let mut first = change(sessions());
    first.progress = Some(IndexProgress { done: 812, total: 2_001 });
    first.issues = Some(vec![Issue::new("/home/ann/.codex/sessions/bad.jsonl", "not UTF-8")]);
    stage.send(Msg::Catalog(first));
    shows!("home_reading_80x24", stage);
    stage.send(Msg::Resized { width: 40, height: 10 });
}

#[test]
fn without_sessions_the_searched_locations_are_shown() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = Stage::new(width, height);
        let root = |agent, path: &str, found| RootStatus {
            agent,
            path: path.into(),
            found,
            retention_days: None,
            can_rename: false,
        };
        stage.send(Msg::Roots(vec![
            root(Agent::Claude, "/home/ann/.claude/projects", true),
            root(Agent::OpenCode, "/home/ann/.local/share/opencode", false),
            root(Agent::Codex, "/home/ann/.codex/sessions", false),
        ]));
        stage
            .send(Msg::Catalog(CatalogChange { progress: Some(IndexProgress::default()), ..CatalogChange::default() }));
        shows!(format!("empty_{width}x{height}"), stage);
    }
}

#[test]
fn an_empty_list_shows_the_reason() {
    let mut stage = Stage::full(80, 24);
    stage.keys("\\ z z z").send(Msg::Ranked { query: "zzz".into(), keys: vec![] });
    shows!("empty_no_match", stage);

    let elsewhere = || {
        let mut there = session(Agent::Claude, "there", "There", 5);
        there.workspace = "/home/ann/pricing".into();
        there
    };
    let mut stage = Stage::with(80, 24, "scope = \"here\"", ColourDepth::Full);
    stage.send(Msg::Catalog(change(vec![elsewhere()])));
    shows!("empty_here", stage);

    let mut stage = Stage::new(80, 24);
    let mut hidden = session(Agent::Claude, "sub", "Sub", 5);
    hidden.flags.subagent = true;
    stage.send(Msg::Catalog(change(vec![hidden])));
    shows!("empty_all_hidden", stage);
}

#[test]
fn the_quick_filter_marks_what_it_matched() {
    let mut stage = Stage::full(80, 24);
    stage.keys("\\ f l k");
    let keys = sessions().into_iter().filter(|session| session.title.text.contains("flaky"));
    stage.send(Msg::Ranked { query: "flk".into(), keys: keys.map(|session| session.key).collect() });
    shows!("filter_80x24", stage);
    let buffer = stage.buffer();
    let hit = Color::Rgb(0xe3, 0xc5, 0x58);
    let marked: String = buffer.content.iter().filter(|cell| cell.bg == hit).map(Cell::symbol).collect();
    assert_eq!(marked, "flk");
}

#[test]
fn c14_h42_titles_that_are_hard_to_draw_stay_harmless_and_in_their_columns() {
    for (width, height) in [(120, 40), (80, 24), (40, 12)] {
        let mut stage = Stage::full(width, height);
        let screen = stage.screen();
        assert!(!screen.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{screen:?}");
        stage.keys("G");
        let screen = stage.screen();
        // Ages are aligned, whatever the titles contain.
        let panes = stage.app.panes();
        let left = panes.workspaces + u16::from(panes.workspaces > 0);
        // The column at the right of a wide pane is its margin.
        let margin = u16::from(panes.sessions >= 28);
        let last = left + panes.sessions - 1 - margin;
        let buffer = stage.buffer();
        let rows = (0..height).filter(|y| {
            ["gemini", "qwen", "claude", " ge ", " qw ", " cl "]
                .iter()
                .any(|agent| screen.lines().nth(usize::from(*y)).is_some_and(|line| line.contains(agent)))
        });
        for y in rows {
            let end = buffer[(last, y)].symbol();
            assert!(["w", "d", "h", "m", "y"].contains(&end), "{end:?} in line {y} of\n{screen}");
            assert!(margin == 0 || buffer[(last + 1, y)].symbol() == " ", "the margin of line {y} of\n{screen}");
        }
    }
}

#[test]
fn h42_without_colours_the_selection_and_the_states_are_still_seen() {
    let mut stage = Stage::with(80, 24, "", ColourDepth::None);
    stage.send(Msg::Catalog(change(sessions())));
    let buffer = stage.buffer();
    for cell in &buffer.content {
        assert!(matches!((cell.fg, cell.bg), (Color::Reset, Color::Reset)), "{cell:?}");
    }
    let reversed = |y: u16| buffer[(30, y)].modifier.contains(Modifier::REVERSED);
    let rows: Vec<_> = (0..24).filter(|y| reversed(*y)).collect();
    assert_eq!(rows, [3], "exactly the selected row is reversed");
    assert!(stage.screen().contains("▌!"));
}

#[test]
fn h42_sixteen_colours_use_nothing_beyond_them() {
    let mut stage = Stage::with(80, 24, "", ColourDepth::Ansi);
    stage.send(Msg::Catalog(change(sessions())));
    for cell in stage.buffer().content {
        for colour in [cell.fg, cell.bg] {
            assert!(matches!(colour, Color::Reset | Color::Indexed(..16)), "{colour:?}");
        }
    }
    let mut stage = Stage::with(80, 24, "", ColourDepth::Indexed);
    stage.send(Msg::Catalog(change(sessions())));
    let colours = stage.buffer().content.into_iter().flat_map(|cell| [cell.fg, cell.bg]);
    assert!(colours.into_iter().all(|colour| matches!(colour, Color::Reset | Color::Indexed(16..))));
}

#[test]
fn h42_a_light_terminal_gets_the_light_theme_and_a_key_switches() {
    let mut stage = Stage::full(80, 24);
    let background = |stage: &mut Stage| stage.buffer()[(30, 3)].bg;
    let dark = background(&mut stage);
    stage.send(Msg::Background(Background::Light));
    assert_eq!(background(&mut stage), Color::Rgb(0xd7, 0xe4, 0xf7));
    stage.keys("ctrl-t");
    assert_eq!(background(&mut stage), dark);
}

#[test]
fn nothing_of_the_list_and_the_search_touches_the_last_column() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        for keys in ["", "s", "H", "\\ x", "/", "n esc"] {
            let mut stage = Stage::full(width, height);
            stage.keys(keys);
            let buffer = stage.buffer();
            for y in 0..height {
                let symbol = buffer[(width - 1, y)].symbol();
                assert!(symbol.trim().is_empty(), "{width}×{height} after {keys:?}, row {y}: {symbol}");
            }
        }
    }
}

#[test]
fn only_a_focused_preview_has_a_selection() {
    let mut stage = Stage::full(120, 40);
    let opened = |effect: &Effect| if let Effect::OpenTranscript(ticket, _) = effect { Some(*ticket) } else { None };
    stage.take_effects();
    stage.keys("j");
    let mut effects = stage.take_effects();
    if let Some(Effect::Debounce(ticket, _)) = effects.iter().find(|effect| matches!(effect, Effect::Debounce(..))) {
        stage.send(Msg::DebounceElapsed(*ticket));
        effects = stage.take_effects();
    }
    let ticket = effects.iter().find_map(opened).expect("a preview");
    let mut entry = Entry::new(EntryKey::new("one", 0), EntryKind::Text, Role::Assistant, None);
    entry.text = "An answer.".into();
    stage.send(Msg::Transcript(ticket, TranscriptEvent::Tail(vec![Arc::new(entry)])));
    let bars = |stage: &mut Stage| {
        let screen = stage.screen();
        let preview = |line: &str| line.rsplit('│').next().is_some_and(|pane| pane.contains('▌'));
        screen.lines().filter(|line| preview(line)).count()
    };
    assert!(stage.screen().contains("An answer."), "{}", stage.screen());
    assert_eq!(bars(&mut stage), 0, "{}", stage.screen());
    stage.keys("l");
    assert!(bars(&mut stage) > 0, "{}", stage.screen());
}

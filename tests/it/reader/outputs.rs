//! Outputs of tools: few lines, cut ones, failures, colours, contents of files.

use ratatui::style::{Color, Modifier};
use salon::app::Action;
use salon::app::reader::Fold;
use salon::config::theme::{Background, Theme, Themes};
use salon::config::theme_file::ColourDepth;
use salon::domain::transcript::{ToolAction, ToolStatus, TurnTotals};
use salon::domain::{Entry, EntryKind};
use salon::stdx::ansi;
use salon::ui::entry::{self, EntryLayout, LayoutContext};
use salon::ui::reader::hits::text_of;

use super::sample::{ReaderHarness, command, entry, theme, tool};

fn themed(entry: &Entry, fold: Fold, theme: &Theme) -> EntryLayout {
    entry::lay(entry, &mut LayoutContext::new(theme, 80, fold))
}

fn lines(entry: &Entry, fold: Fold) -> Vec<String> {
    themed(entry, fold, &theme()).lines.iter().map(|line| text_of(line).trim_end().to_owned()).collect()
}

fn numbered(count: usize) -> String {
    (1..=count).map(|nth| format!("row {nth}\n")).collect()
}

fn failed(id: &str, line: &str, output: &str) -> Entry {
    let mut entry = command(id, 0, line, output);
    if let Some(tool) = &mut entry.tool {
        tool.status = ToolStatus::Failed;
        tool.action = ToolAction::Command { command: line.into(), exit_code: Some(101) };
    }
    entry
}

#[test]
fn a_command_shows_its_last_lines_and_grows() {
    let shown = |count| lines(&command("c", 0, "make", &numbered(count)), Fold::Few).split_off(1);
    assert_eq!(shown(0), [""; 0]);
    assert_eq!(shown(2), ["  row 1", "  row 2"]);
    assert_eq!(shown(4), ["  row 1", "  row 2", "  row 3", "  row 4"], "a note takes as much room as the line");
    assert_eq!(shown(221), ["  … 218 more lines", "  row 219", "  row 220", "  row 221"]);
    let mut running = command("c", 0, "make", &numbered(30));
    if let Some(tool) = &mut running.tool {
        (tool.status, tool.duration_ms) = (ToolStatus::Running, None);
    }
    assert_eq!(
        lines(&running, Fold::Few),
        ["▸ Bash  make  … running", "  … 27 more lines", "  row 28", "  row 29", "  row 30"]
    );
    let read = tool("r", 0, "Read", ToolAction::Read { path: "a.rs".into() }, &numbered(30));
    assert_eq!(lines(&read, Fold::Few).len(), 1, "what was read is not what happened");
}

#[test]
fn a_proposed_plan_says_why_it_was_not_approved_or_failed() {
    let shown = |status, output: &str| {
        let mut plan = tool("p", 0, "ExitPlanMode", ToolAction::PlanText("Read first".into()), output);
        plan.kind = EntryKind::Plan;
        if let Some(tool) = &mut plan.tool {
            tool.status = status;
        }
        lines(&plan, Fold::Few)
    };
    let denied = shown(ToolStatus::Denied, "Not now, the user said:\nfewer steps");
    assert_eq!(denied, ["Proposed plan  ✗ not approved", "Read first", "✗ fewer steps"]);
    let failed = shown(ToolStatus::Failed, "You are not in plan mode.");
    assert_eq!(failed, ["Proposed plan  ✗ failed", "Read first", "✗ You are not in plan mode."]);
    let approved = shown(ToolStatus::Done, "User has approved your plan.");
    assert_eq!(approved, ["Proposed plan  ✓ approved", "Read first"]);
}

#[test]
fn a_cut_output_has_its_first_and_last_lines() {
    let shown = lines(&command("c", 0, "make", &numbered(226)), Fold::Cut).split_off(1);
    let head = ["  row 1", "  row 2", "  row 3", "  … 218 more lines"];
    let tail = ["  row 222", "  row 223", "  row 224", "  row 225", "  row 226"];
    assert_eq!(shown, [&head[..], &tail[..]].concat());
    assert_eq!(lines(&command("c", 0, "make", &numbered(9)), Fold::Cut).len(), 10, "nothing to cut");
    let long = command("c", 0, "make", &numbered(400_000));
    let shown = lines(&long, Fold::Cut).split_off(1);
    assert_eq!((shown[0].as_str(), shown[8].as_str()), ("  row 1", "  row 400000"));
    assert_eq!(shown[3], "  … 399992 more lines", "lines that were not read are counted");
    let wide = command("c", 0, "make", &"x".repeat(4_000));
    assert!(lines(&wide, Fold::Cut).len() <= 10);
}

#[test]
fn a_failure_colours_its_mark_and_not_its_text() {
    let layout = themed(
        &failed("c", "make", "error: no rule\n"),
        Fold::Full,
        &Themes::shipped(ColourDepth::Full, Background::Dark).dark,
    );
    let is_error = |style: &ratatui::style::Style| style.fg == Some(Color::Rgb(0xf2, 0x8b, 0x82));
    let marks: Vec<_> =
        layout.lines[0].spans.iter().filter(|span| is_error(&span.style)).map(|span| span.content.trim()).collect();
    assert_eq!(marks, ["✗", "exit 101"]);
    assert!(!layout.lines[1].spans.iter().any(|span| is_error(&span.style)));
}

#[test]
fn the_key_for_errors_goes_to_the_line_that_failed() {
    let output = format!("{}error[E0308]: mismatched types\n{}", numbered(200), numbered(100));
    let mut entries = super::sample::long(8);
    entries.push(failed("f1", "cargo build", &output));
    entries.push(failed("f2", "cargo test", "test result: FAILED\n"));
    let mut harness = ReaderHarness::new(entries, (80, 24));
    harness.act(Action::First);
    harness.act(Action::NextError);
    assert!(harness.screen().contains("error[E0308]"), "{}", harness.screen());
    assert_eq!(harness.reader.cursor(), 8);
    harness.act(Action::NextError);
    assert!(harness.screen().contains("cargo test") && harness.screen().contains("FAILED"), "{}", harness.screen());
    assert_eq!(harness.reader.cursor(), 9);
}

#[test]
fn colours_of_a_program_are_kept_as_far_as_the_terminal_has_them() {
    let output = "\u{1b}[1;32mok\u{1b}[0m \u{1b}[38;2;255;80;80mred\u{1b}[m \u{1b}[38;5;208morange\u{1b}[39m\u{1b}[2J\u{1b}]0;title\u{7} plain\n";
    let entry = command("c", 0, "make", output);
    let styles = |depth| {
        let layout = themed(&entry, Fold::Full, &Themes::shipped(depth, Background::Dark).dark);
        let text = text_of(&layout.lines[1]);
        assert_eq!(text.trim_end(), "  ok red orange plain", "only styles are left of the sequences");
        let of = |word: &str| {
            let span = layout.lines[1].spans.iter().find(|span| span.content.trim() == word);
            span.unwrap_or_else(|| panic!("{word}: {:?}", layout.lines[1])).style
        };
        [of("ok"), of("red"), of("orange")]
    };
    let [ok, red, orange] = styles(ColourDepth::Full);
    assert_eq!((ok.fg, ok.add_modifier), (Some(Color::Indexed(2)), Modifier::BOLD));
    assert_eq!((red.fg, orange.fg), (Some(Color::Rgb(255, 80, 80)), Some(Color::Indexed(208))));
    let [ok, red, orange] = styles(ColourDepth::Ansi);
    assert_eq!([ok.fg, red.fg], [Some(Color::Indexed(2)), Some(Color::Indexed(9))]);
    assert!(matches!(orange.fg, Some(Color::Indexed(0..16))), "{orange:?}");
    let layout = themed(&entry, Fold::Full, &Themes::shipped(ColourDepth::None, Background::Dark).dark);
    assert!(layout.lines[1].spans.iter().all(|span| span.style.fg.is_none()), "no colours at all");
}

#[test]
fn styles_are_parsed_as_terminals_do() {
    let text = ansi::parse("a\u{1b}[31mb\u{1b}[1mc\u{1b}[0md\u{1b}[38:2::1:2:3me\u{1b}[48;5;9m\u{1b}[49mf\u{1b}[31");
    assert_eq!(text.text, "abcdef␛[31", "an incomplete sequence stays visible");
    let at = |c: char| {
        let offset = text.text.find(c).expect("the letter");
        text.runs.iter().find(|(end, _)| *end > offset).expect("a style").1
    };
    assert_eq!(at('a'), ansi::AnsiStyle::default());
    assert_eq!((at('b').fg, at('b').bold), (Some(ansi::AnsiColour::Indexed(1)), false));
    assert_eq!((at('c').fg, at('c').bold), (Some(ansi::AnsiColour::Indexed(1)), true));
    assert_eq!(at('d'), ansi::AnsiStyle::default());
    assert_eq!((at('e').fg, at('f').bg), (Some(ansi::AnsiColour::Rgb(1, 2, 3)), None));
    // Endless changes of style are bounded in memory.
    let many = ansi::parse(&"\u{1b}[31mx\u{1b}[32my".repeat(50_000));
    assert!(many.text.len() == 100_000 && many.runs.len() <= 20_000, "{}", many.runs.len());
}

#[test]
fn the_content_of_a_file_is_highlighted_beside_plain_numbers() {
    for number in ["   12→", "   12\t", "00012| ", "12: ", ""] {
        let output = format!("{number}fn main() {{}}\n{number}let name = 1;\n\n<note>end</note>\n");
        let read = tool("r", 0, "read_file", ToolAction::Read { path: "src/main.rs".into() }, &output);
        let mut harness = ReaderHarness::new(vec![read], (80, 12));
        harness.theme.muted.fg = Some(salon::config::theme::Colour::Ansi(7));
        harness.act(Action::Expand);
        while harness.cache.is_waiting() {
            std::thread::yield_now();
            harness.draw();
        }
        harness.draw();
        let screen = harness.screen();
        let (y, row) = screen.lines().enumerate().find(|(_, row)| row.contains("fn main")).expect("the code");
        let x = row[..row.find("fn main").expect("the code")].chars().count();
        let cell = |x: usize, y: usize| {
            harness.buffer[(u16::try_from(x).expect("small"), u16::try_from(y).expect("small"))].fg
        };
        assert_eq!(cell(x, y), Color::Indexed(13), "{number:?}: the keyword\n{screen}");
        if !number.is_empty() {
            assert_eq!(
                cell(x - number.chars().count().min(2), y),
                Color::Indexed(7),
                "{number:?}: the number\n{screen}"
            );
            let (y, row) = screen.lines().enumerate().find(|(_, row)| row.contains("<note>")).expect("the note");
            assert_eq!(
                cell(row.find("<note>").expect("the note"), y),
                Color::Indexed(7),
                "a line that is not of the file"
            );
        }
    }
    let answer = lines(&entry("a", EntryKind::Text, 0, "no file"), Fold::Full);
    assert_eq!(answer, ["no file"]);
}

#[test]
fn a_turn_ends_with_its_time_tokens_and_cost() {
    let tokens = salon::domain::Tokens { input: 150_000, output: 4_200, ..Default::default() };
    let totals = TurnTotals { tokens, cost_usd: Some(0.414), duration_ms: 125_000 };
    let mut entries = vec![
        entry("p1", EntryKind::Prompt, 0, "do it"),
        entry("a1", EntryKind::Text, 1, "done"),
        entry("p2", EntryKind::Prompt, 3, "more"),
        entry("a2", EntryKind::Text, 4, "halfway"),
        entry("a3", EntryKind::Text, 4, "further"),
    ];
    entries[1].turn = Some(totals);
    // It was the last entry once, when a page of it was read.
    entries[3].turn = Some(TurnTotals { duration_ms: 9_000, ..TurnTotals::default() });
    let screen = ReaderHarness::new(entries, (80, 24)).screen();
    let rows: Vec<_> = screen.lines().map(str::trim).collect();
    let at = rows.iter().position(|row| row.ends_with("done")).expect("the answer");
    assert_eq!(rows[at + 1], "2 min 05 s · 154k tokens · $0.41", "{screen}");
    assert!(!screen.contains("9.0 s"), "the turn goes on after this entry:\n{screen}");
}

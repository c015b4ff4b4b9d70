//! The reader as a screen: keys, clicks, the outline, the find line.

use std::sync::Arc;

use salon::app::layer::Layer;
use salon::app::msg::{Mouse, RequestTicket};
use salon::app::reader::Reader;
use salon::app::{Effect, Msg};
use salon::domain::file_history::FileView;
use salon::domain::outline::OutlineKind;
use salon::domain::transcript::{
    ChangeKind, Entry, EntryKind, FileChange, PlanItem, PlanStatus, ToolAction, ToolStatus,
};
use salon::domain::transcript_event::{BranchPoint, TranscriptEvent, TranscriptInfo};

use super::sample::{command, entry, outline, tool};
use crate::screens::stage::Stage;

/// A stage whose first session is read.
struct OpenedSession {
    stage: Stage,
    entries: Vec<Arc<Entry>>,
    ticket: RequestTicket,
    /// Effects that need no response.
    effects: Vec<Effect>,
}

impl OpenedSession {
    fn new((width, height): (u16, u16), entries: Vec<Entry>) -> Self {
        let mut stage = Stage::full(width, height);
        stage.take_effects();
        stage.keys("down enter");
        let opening =
            |effect: &Effect| if let Effect::OpenTranscript(ticket, _) = effect { Some(*ticket) } else { None };
        let ticket = stage.take_effects().iter().filter_map(opening).next_back().expect("a transcript");
        let mut opened =
            Self { stage, entries: entries.into_iter().map(Arc::new).collect(), ticket, effects: Vec::new() };
        let info = opened.info();
        opened.tell(TranscriptEvent::Opened(info));
        opened
    }

    /// Returns the properties of a transcript with one branch.
    fn info(&self) -> TranscriptInfo {
        let prompts = self.entries.iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::Prompt);
        let prompts = prompts.map(|(at, _)| at).collect();
        TranscriptInfo { len: self.entries.len(), branches: 1, prompts, ..TranscriptInfo::default() }
    }

    fn tell(&mut self, event: TranscriptEvent) {
        self.stage.send(Msg::Transcript(self.ticket, event));
        self.respond();
    }

    fn keys(&mut self, words: &str) -> &mut Self {
        self.stage.keys(words);
        self.respond();
        self
    }

    /// Responds as the index would, until nothing more is requested.
    fn respond(&mut self) {
        for _ in 0..20 {
            let mut answered = false;
            for effect in self.stage.take_effects() {
                let event = match effect {
                    Effect::ReadEntries(_, range) => {
                        let range = range.start..range.end.min(self.entries.len());
                        TranscriptEvent::Page { from: range.start, entries: self.entries[range].to_vec() }
                    }
                    Effect::ReadOutline(_) => {
                        TranscriptEvent::Outline { from: 0, items: outline(&self.entries), complete: true }
                    }
                    other => {
                        self.effects.push(other);
                        continue;
                    }
                };
                answered = true;
                self.stage.send(Msg::Transcript(self.ticket, event));
            }
            if !answered {
                return;
            }
        }
        panic!("the reader never has enough");
    }

    fn reader(&self) -> &Reader {
        self.stage.app.stack.layers.iter().rev().find_map(Layer::reader).expect("a reader")
    }

    fn footer(&mut self) -> String {
        self.stage.screen().lines().last().unwrap_or_default().to_owned()
    }

    /// Clicks on a text of the screen.
    fn click(&mut self, text: &str) {
        let screen = self.stage.screen();
        let (row, line) = screen.lines().enumerate().filter(|(_, line)| line.contains(text)).last().expect("the text");
        let column = line[..line.find(text).expect("in the line")].chars().count();
        let (column, row) = (u16::try_from(column).expect("small"), u16::try_from(row).expect("small"));
        self.stage.send(Msg::Mouse { kind: Mouse::Click, column, row });
        self.respond();
    }
}

/// Two turns with one entry of each kind that the outline contains.
fn session() -> Vec<Entry> {
    let mut entries = vec![entry("p1", EntryKind::Prompt, 0, "Explain the webhook")];
    entries.extend((0..30).map(|nth| entry(&format!("a{nth}"), EntryKind::Text, nth, &format!("answer {nth}"))));
    let mut failed = command("f", 31, "make all", "no rule");
    failed.tool.as_mut().expect("a tool").status = ToolStatus::Failed;
    entries.push(failed);
    let change = FileChange { path: "src/webhook.rs".into(), kind: ChangeKind::Write("fn a() {}".into()) };
    entries.push(tool("e", 32, "Edit", ToolAction::Edit(vec![change]), ""));
    let items = [("read", PlanStatus::Done), ("write tests", PlanStatus::Active)];
    let plan = items.map(|(text, status)| PlanItem { text: text.into(), status }).to_vec();
    entries.push(Entry { plan, ..entry("pl", EntryKind::Plan, 33, "- [x] read") });
    let task = ToolAction::Task { description: "look for callers".into(), prompt: "Find them".into() };
    entries.push(tool("t", 34, "Task", task, "two"));
    let boundary = salon::domain::event::NoticeLevel::Boundary;
    entries.push(Entry { level: boundary, ..entry("c", EntryKind::Notice, 35, "conversation compacted") });
    entries.push(entry("p2", EntryKind::Prompt, 36, "And now fix it"));
    entries.extend((30..60).map(|nth| entry(&format!("b{nth}"), EntryKind::Text, nth, &format!("answer {nth}"))));
    entries
}

fn token() -> String {
    format!("ghp_{}", "a1B2c3".repeat(6))
}

#[test]
fn a_key_opens_the_file_as_it_was_after_the_entry() {
    let change = FileChange { path: "src/webhook.rs".into(), kind: ChangeKind::Write("fn a() {}".into()) };
    let entries =
        vec![entry("p", EntryKind::Prompt, 0, "Go"), tool("e", 1, "Edit", ToolAction::Edit(vec![change]), "")];
    let mut opened = OpenedSession::new((100, 30), entries);
    for (choice, view) in [("1", FileView::Content), ("2", FileView::ChangesUntil), ("3", FileView::ChangesSince)] {
        opened.keys("G V");
        assert!(opened.stage.screen().contains("src/webhook.rs"), "{}", opened.stage.screen());
        opened.keys(choice);
        let (ticket, wanted) = (opened.ticket, opened.reader().cursor());
        assert_eq!(opened.effects.last(), Some(&Effect::EditFileVersion(ticket, wanted, view)));
    }
    opened.keys("g V");
    assert!(opened.stage.screen().contains("This entry changes no file"), "{}", opened.stage.screen());
}

#[test]
fn secrets_are_masked_until_a_key_shows_them_and_copied_as_they_are_shown() {
    let entries = vec![
        entry("p", EntryKind::Prompt, 0, &format!("Push with {}", token())),
        command("c", 1, &format!("GITHUB_TOKEN={} git push", token()), &format!("as {}", token())),
        entry("a", EntryKind::Text, 2, &format!("Pushed.\n\n```sh\nexport GITHUB_TOKEN={}\n```", token())),
    ];
    let mut opened = OpenedSession::new((120, 40), entries);
    opened.keys("G T");
    let screen = opened.stage.screen();
    assert!(screen.contains("ghp_••••••••") && !screen.contains(&token()), "{screen}");
    opened.keys("y");
    let copied = |opened: &mut OpenedSession| match opened.effects.drain(..).find_map(|effect| match effect {
        Effect::Copy(text) => Some(text),
        _ => None,
    }) {
        Some(text) => text,
        None => panic!("nothing was copied"),
    };
    assert!(!copied(&mut opened).contains(&token()));
    assert!(opened.stage.screen().contains("1 secret masked: GitHub token"), "{}", opened.stage.screen());
    opened.keys("Y");
    assert_eq!(copied(&mut opened), "export GITHUB_TOKEN=ghp_••••••••");
    opened.keys("alt-v");
    let screen = opened.stage.screen();
    assert!(screen.contains("Secrets are shown") && screen.contains(&token()) && !screen.contains('•'), "{screen}");
    opened.keys("y");
    assert!(copied(&mut opened).contains(&token()), "what is shown is what is copied");
    opened.keys("alt-v");
    assert!(!opened.stage.screen().contains(&token()));
}

#[test]
fn q_leaves_the_reader_and_quits_only_at_home() {
    let mut opened = OpenedSession::new((80, 24), session());
    opened.keys("!");
    assert!(opened.footer().contains("close"));
    opened.keys("q");
    assert_eq!(opened.stage.app.stack.layers.len(), 1, "the overlay is closed, the reader is not");
    opened.stage.keys("q");
    assert!(opened.stage.app.stack.layers.is_empty());
    assert!(!opened.stage.effects.contains(&Effect::Quit));
    opened.stage.keys("q");
    assert!(opened.stage.effects.contains(&Effect::Quit));
    let mut opened = OpenedSession::new((80, 24), session());
    opened.stage.keys("ctrl-c");
    assert!(opened.stage.effects.contains(&Effect::Quit), "Ctrl-C quits everywhere");
}

#[test]
fn q_clears_the_find_first_as_escape_does_and_is_a_letter_where_one_types() {
    let mut opened = OpenedSession::new((80, 24), session());
    opened.keys("/ q");
    assert_eq!(opened.reader().find.as_ref().map(|find| find.query().to_owned()), Some("q".to_owned()));
    opened.keys("enter q");
    assert!(opened.reader().find.is_none());
    opened.stage.keys("q / q");
    assert_eq!(opened.stage.app.stack.layers.len(), 1, "the search screen takes it as a letter");
}

#[test]
fn a_jump_that_leads_nowhere_says_so() {
    let mut opened = OpenedSession::new((80, 24), session());
    for (key, text) in [("}", "No further prompt"), ("e", "No further error"), ("E", "No earlier error")] {
        opened.keys(key);
        assert!(opened.stage.screen().contains(text), "{}", opened.stage.screen());
    }
    opened.keys("{");
    assert!(!opened.stage.screen().contains("No earlier"), "{}", opened.stage.screen());
    opened.keys("g {");
    assert!(opened.stage.screen().contains("No earlier prompt"), "{}", opened.stage.screen());
}

#[test]
fn space_and_b_turn_pages() {
    let mut opened = OpenedSession::new((80, 24), session());
    opened.keys("g");
    assert!(opened.stage.screen().contains("answer 0"));
    opened.keys("space");
    let screen = opened.stage.screen();
    assert!(!screen.contains("answer 0") && screen.contains("answer 12"), "{screen}");
    opened.keys("b");
    assert!(opened.stage.screen().contains("answer 0"), "{}", opened.stage.screen());
}

#[test]
fn a_click_on_a_hint_is_its_key() {
    let mut opened = OpenedSession::new((120, 40), session());
    opened.click("? help");
    assert!(matches!(opened.stage.app.stack.layers.last(), Some(Layer::Help(_))));
    opened.click("esc close");
    assert_eq!(opened.stage.app.stack.layers.len(), 1);
    opened.click("esc back");
    assert!(opened.stage.app.stack.layers.is_empty());
}

#[test]
fn a_click_on_the_selected_entry_unfolds_it() {
    let mut opened = OpenedSession::new((120, 40), session());
    opened.keys("g } [ [ [ [ k k k");
    opened.click("make all");
    assert!(opened.stage.screen().contains("▸ Bash"), "the first click selects: {}", opened.stage.screen());
    opened.click("make all");
    assert!(opened.stage.screen().contains("▾ Bash"), "{}", opened.stage.screen());
    opened.click("make all");
    assert!(opened.stage.screen().contains("▸ Bash"), "{}", opened.stage.screen());
}

#[test]
fn a_short_text_has_no_hint_of_a_fold_and_a_low_screen_no_half_words() {
    let footer = |size, text: &str| {
        let mut opened = OpenedSession::new(size, vec![entry("a", EntryKind::Text, 0, text)]);
        let screen = opened.stage.screen();
        screen.lines().rev().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let short = footer((160, 40), "A short answer.");
    assert!(!short[0].contains("fold  ") && !short[0].ends_with("enter fold"), "{short:?}");
    let long = footer((160, 40), &"A line.\n\n".repeat(20));
    assert!(long[0].contains("enter fold"), "{long:?}");
    // What counts is what a fold hides: eight lines, whatever their length.
    let wide = footer((160, 40), &"word ".repeat(100));
    assert!(!wide[0].contains("enter fold"), "four rows are the same, folded or not: {wide:?}");
    let wrapped = footer((120, 40), &"word ".repeat(300));
    assert!(wrapped[0].contains("enter fold"), "{wrapped:?}");
    let narrow = footer((40, 10), "A short answer.");
    assert!(!narrow[1].contains('…') && narrow[1].contains("entry 1 of 1"), "{narrow:?}");
}

#[test]
fn the_outline_lists_jumps_and_filters() {
    for size in [(120, 40), (80, 24), (40, 10)] {
        let mut opened = OpenedSession::new(size, session());
        assert!(!opened.stage.screen().contains("Outline"));
        opened.keys("O");
        let screen = opened.stage.screen();
        assert!(screen.contains("Outline  7"), "{screen}");
        let touches =
            |line: &str| line.split_once('│').is_some_and(|(before, _)| !before.is_empty() && !before.ends_with(' '));
        assert!(!screen.lines().any(touches), "no text touches its border: {screen}");
        opened.keys("g");
        if size.1 > 10 {
            let screen = opened.stage.screen();
            for text in ["❯ Explain the webhook", "✗ Bash: make all", "± src/webhook.rs", "≡ 1 of 2 done: write tests"]
            {
                assert!(screen.contains(text), "{text}\n{screen}");
            }
            for text in ["↳ look for callers", "┄ conversation compacted", "❯ And now fix it"] {
                assert!(screen.contains(text), "{text}\n{screen}");
            }
        }
        opened.keys("j j enter");
        assert_eq!(opened.reader().cursor(), 32);
        assert!(!opened.stage.screen().contains("Outline"), "it closes where it covers the text");
        opened.keys("O / c a l l enter");
        assert_eq!(opened.reader().cursor(), 34, "{}", opened.stage.screen());
        opened.keys("O / e r r o r enter");
        assert_eq!(opened.reader().cursor(), 31, "kinds are found by their name");
        opened.keys("O / x x");
        assert!(opened.stage.screen().contains("No match"), "{}", opened.stage.screen());
        opened.keys("esc esc");
        assert!(!opened.reader().outline.focused);
        assert_eq!(opened.stage.app.stack.layers.len(), 1);
    }
}

#[test]
fn the_text_beside_the_outline_is_wrapped_rather_than_covered() {
    let long = "One of many words ".repeat(12) + "and the last one.";
    let entries = vec![entry("p", EntryKind::Prompt, 0, "Explain"), entry("a", EntryKind::Text, 0, &long)];
    let mut opened = OpenedSession::new((120, 40), entries);
    opened.keys("O");
    let screen = opened.stage.screen();
    assert!(screen.contains("Outline  1"), "{screen}");
    let row = |row: &str| row.split('│').next().unwrap_or_default().trim_matches([' ', '▌', '●']).to_owned();
    let text: Vec<_> = screen.lines().map(row).collect();
    assert!(text.join(" ").contains(&long), "all words are shown: {screen}");
}

#[test]
fn the_outline_is_beside_the_text_from_160_columns_unless_hidden() {
    let mut opened = OpenedSession::new((160, 45), session());
    let screen = opened.stage.screen();
    assert!(screen.contains("Outline  7") && screen.contains("answer 59"), "{screen}");
    assert!(screen.contains("▌❯ And now fix it"), "it marks where one is: {screen}");
    opened.keys("g");
    assert!(opened.stage.screen().contains("▌❯ Explain the webhook"), "{}", opened.stage.screen());
    opened.keys("O j enter");
    assert_eq!(opened.reader().cursor(), 31);
    assert!(opened.stage.screen().contains("Outline  7"), "it stays");
    opened.keys("O");
    opened.stage.keys("O");
    let saved = opened.stage.take_effects();
    assert!(saved.contains(&Effect::SaveState { name: "outline", value: "hidden".into() }), "{saved:?}");
    assert!(!opened.stage.screen().contains("Outline"), "{}", opened.stage.screen());
    opened.stage.send(Msg::Resized { width: 159, height: 45 });
    assert!(!opened.stage.screen().contains("Outline"));
}

#[test]
fn paths_in_the_outline_are_relative_to_the_directory_of_the_session() {
    let mut entries = session();
    let file = |path: &str| FileChange { path: path.into(), kind: ChangeKind::Write("fn a() {}".into()) };
    let edit = ToolAction::Edit(vec![file("/home/ann/shop-api/src/a.rs"), file("/etc/hosts")]);
    entries.push(tool("e2", 70, "Edit", edit, ""));
    let mut opened = OpenedSession::new((160, 45), entries);
    assert!(opened.stage.screen().contains("± src/a.rs, /etc/hosts"), "{}", opened.stage.screen());
}

#[test]
fn a_click_in_the_outline_leads_to_the_entry() {
    let mut opened = OpenedSession::new((160, 45), session());
    opened.click("src/webhook.rs");
    assert_eq!(opened.reader().cursor(), 32);
}

#[test]
fn the_find_line_has_a_history_and_its_footer_shows_its_keys() {
    let mut opened = OpenedSession::new((80, 24), session());
    opened.keys("/ o n e");
    assert!(opened.footer().contains("enter") && opened.footer().contains("earlier queries"), "{}", opened.footer());
    opened.keys("enter");
    assert!(opened.footer().contains("n next match") && opened.footer().contains("N previous match"));
    opened.keys("esc / t w o enter esc /");
    opened.keys("up");
    let query = |opened: &OpenedSession| opened.reader().find.as_ref().map(|find| find.query().to_owned());
    assert_eq!(query(&opened).as_deref(), Some("two"));
    opened.keys("up up");
    assert_eq!(query(&opened).as_deref(), Some("one"));
    opened.keys("down down");
    assert_eq!(query(&opened).as_deref(), Some(""));
    assert_eq!(opened.stage.app.search_history.get(0), None, "the search screen has its own");
}

/// A conversation of two branches that part after two entries.
fn branch(name: &str) -> Vec<Entry> {
    let mut entries = vec![
        entry("p1", EntryKind::Prompt, 0, "Explain the webhook"),
        entry("a1", EntryKind::Text, 1, "It has three states."),
        entry(&format!("p2{name}"), EntryKind::Prompt, 2, &format!("Try it the {name} way")),
    ];
    entries.extend((0..40).map(|nth| entry(&format!("{name}{nth}"), EntryKind::Text, nth, &format!("{name} {nth}"))));
    entries
}

fn branch_info(opened: &OpenedSession, shown: usize) -> TranscriptInfo {
    let points = [BranchPoint { entry: 2, branches: vec![0, 1], heads: vec!["the other way".into(); 2] }];
    TranscriptInfo { branches: 2, branch: shown, branch_points: points.into(), ..opened.info() }
}

#[test]
fn branches_are_marked_where_they_part_and_stepped_through() {
    for size in [(120, 40), (80, 24), (40, 10)] {
        let mut opened = OpenedSession::new(size, branch("long"));
        assert!(!opened.footer().contains("next branch"));
        let info = branch_info(&opened, 1);
        opened.tell(TranscriptEvent::Grown { from: 0, opened: info });
        opened.keys("g");
        let screen = opened.stage.screen();
        assert!(screen.contains("2 branches part here"), "{screen}");
        if size.0 > 40 {
            assert!(screen.contains("this is branch 2 of them") && screen.contains("branch 2 of 2"), "{screen}");
        }
        assert!(opened.footer().contains(") next branch"), "{}", opened.footer());
        opened.keys("G (");
        assert_eq!(opened.effects.last(), Some(&Effect::ShowBranch(opened.ticket, 0)));
        opened.entries = branch("short").into_iter().map(Arc::new).collect();
        let info = branch_info(&opened, 0);
        opened.tell(TranscriptEvent::Grown { from: 0, opened: info });
        let screen = opened.stage.screen();
        assert!(screen.contains("Try it the short way") && !screen.contains("the long way"), "{screen}");
        assert_eq!(opened.reader().cursor(), 2, "the first entry that differs");
        opened.keys(")");
        assert_eq!(opened.effects.last(), Some(&Effect::ShowBranch(opened.ticket, 1)));
        // The transcript was closed because others were read, and is opened again.
        let info = branch_info(&opened, 1);
        opened.tell(TranscriptEvent::Opened(info));
        assert_eq!(opened.effects.last(), Some(&Effect::ShowBranch(opened.ticket, 0)), "the branch stays");
    }
}

#[test]
fn the_changes_and_the_rewind_are_of_the_branch_that_is_read() {
    let mut opened = OpenedSession::new((120, 40), branch("long"));
    let info = branch_info(&opened, 0);
    opened.tell(TranscriptEvent::Grown { from: 0, opened: info });
    opened
        .keys("Z c")
        .effects
        .retain(|effect| matches!(effect, Effect::PlanRewind { .. } | Effect::LoadChanges { .. }));
    let branches = opened.effects.iter().map(|effect| match effect {
        Effect::PlanRewind { branch, .. } | Effect::LoadChanges { branch, .. } => *branch,
        _ => None,
    });
    assert_eq!(branches.collect::<Vec<_>>(), [Some(0), Some(0)]);
}

#[test]
fn a_step_to_another_branch_shows_where_they_part() {
    let mut opened = OpenedSession::new((80, 24), branch("short")[..4].to_vec());
    let info = branch_info(&opened, 0);
    opened.tell(TranscriptEvent::Grown { from: 0, opened: info });
    opened.keys(")");
    opened.entries = branch("long").into_iter().map(Arc::new).collect();
    let info = branch_info(&opened, 1);
    opened.tell(TranscriptEvent::Grown { from: 0, opened: info });
    let screen = opened.stage.screen();
    for text in ["It has three states.", "2 branches part here", "Try it the long way", "long 5"] {
        assert!(screen.contains(text), "{text}\n{screen}");
    }
    assert_eq!(opened.reader().cursor(), 2, "{screen}");
}

#[test]
fn the_outline_has_a_rail_with_branches_and_shows_the_chosen_one() {
    for size in [(200, 40), (120, 40), (80, 24)] {
        let mut opened = OpenedSession::new(size, branch("long"));
        opened.keys("O");
        assert!(!opened.stage.screen().contains("├─"), "{}", opened.stage.screen());
        let info = branch_info(&opened, 1);
        opened.tell(TranscriptEvent::Grown { from: 0, opened: info });
        let screen = opened.stage.screen();
        assert!(screen.contains("├─ ⇄ branch 1: the other way") && screen.contains("●"), "{screen}");
        let branch_row = (0..opened.reader().outline.len())
            .find(|at| opened.reader().outline.row(*at).is_some_and(|row| row.kind == OutlineKind::Branch));
        assert_eq!(branch_row, Some(1), "between the prompts");
        opened.keys("g j enter");
        assert_eq!(opened.effects.last(), Some(&Effect::ShowBranch(opened.ticket, 0)));
    }
}

#[test]
fn a_fork_begins_before_the_prompt_that_is_chosen() {
    let mut opened = OpenedSession::new((120, 40), branch("long"));
    opened.keys("g } f 2");
    assert_eq!(opened.effects.last(), Some(&Effect::FindForkPoint(opened.ticket, 2)), "{}", opened.stage.screen());
    let point = Some("reply-1".into());
    opened.tell(TranscriptEvent::ForkPoint { prompt: 2, point });
    let screen = opened.stage.screen();
    let composer = screen.lines().rev().take(8).any(|line| line.contains("Try it the long way"));
    assert!(composer && screen.contains("the fork before the prompt"), "{screen}");
    opened.keys("enter");
    let effects = &opened.effects;
    let start = effects.iter().find_map(|effect| match effect {
        Effect::StartRun { start, .. } => Some(start),
        _ => None,
    });
    let start = start.unwrap_or_else(|| panic!("{effects:?}"));
    assert_eq!(start.fork_at.as_deref(), Some("reply-1"));
}

#[test]
fn an_agent_that_cannot_fork_at_a_prompt_says_so() {
    let mut opened = OpenedSession::new((120, 40), branch("long"));
    opened.tell(TranscriptEvent::ForkPoint { prompt: 2, point: None });
    assert!(opened.stage.screen().contains("cannot fork before this prompt"), "{}", opened.stage.screen());
    assert!(opened.stage.app.stack.layers.iter().all(|layer| layer.chat().is_none()));
}

#[test]
fn a_session_without_branches_says_so() {
    let mut opened = OpenedSession::new((80, 24), branch("long"));
    opened.keys(")");
    assert!(opened.stage.screen().contains("This session has no branches"), "{}", opened.stage.screen());
    assert!(opened.effects.iter().all(|effect| !matches!(effect, Effect::ShowBranch(..))));
}

#[test]
fn turns_that_were_taken_back_are_folded_with_a_mark() {
    let mut entries = branch("long");
    for reverted in &mut entries[2..10] {
        reverted.reverted = true;
    }
    let mut opened = OpenedSession::new((80, 24), entries);
    opened.keys("g");
    let screen = opened.stage.screen();
    assert!(screen.contains("↶") && screen.contains("▸ reverted: Try it the long way"), "{screen}");
    let first = screen.lines().position(|line| line.contains("the long way")).expect("the prompt");
    assert!(screen.lines().nth(first + 1).is_some_and(|line| line.contains("long 0")), "one below the other: {screen}");
    assert_eq!(screen.matches("reverted").count(), 8);
    opened.keys("} enter");
    let screen = opened.stage.screen();
    assert!(screen.contains("reverted: the agent no longer sees this"), "unfolded: {screen}");
}

//! Layout of entries, and drawing a screenful of them.

use std::sync::Arc;

use divan::{Bencher, black_box};
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use salon::app::msg::RequestTicket;
use salon::app::reader::{DiffView, Fold, Reader};
use salon::app::secret_display::SecretDisplay;
use salon::app::{Action, Effect};
use salon::config::theme::Theme;
use salon::domain::event::{Delta, EntryKey, Event, EventBody};
use salon::domain::run::TurnNumber;
use salon::domain::run_event::{RunEvent, RunEventKind};
use salon::domain::transcript::{ChangeKind, Entry, EntryKind, Role};
use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use salon::domain::{Agent, SessionKey, Time};
use salon::ui::entry::{self, LayoutContext, RenderContext};
use salon::ui::reader::{self, LayoutCache, ReaderMode};
use salon::ui::widgets::diff;

fn main() {
    divan::main();
}

/// Markdown answer of 500 lines with all kinds of blocks.
fn answer() -> Entry {
    let part = "\
## A heading

A paragraph with **strong** words, `code`, [a link](https://example.org/a/b/c) and enough text that it has to wrap twice
because no terminal is as wide as an agent's sentence is long, least of all one that is split in two panes.

- an item
- another one, with *emphasis*
  - nested

| name | value | meaning |
|------|------:|---------|
| a    |     1 | the first of them |
| b    |    22 | the second of them, which is longer |

```rust
fn wait(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(30))
}
```

";
    let text: String = part.repeat(25);
    assert!((490..=510).contains(&text.lines().count()), "{}", text.lines().count());
    Entry { text, ..Entry::new(EntryKey::new("a", 0), EntryKind::Text, Role::Assistant, Some(Time::from_secs(0))) }
}

#[divan::bench]
fn layout_of_a_500_line_answer(bencher: Bencher) {
    let (entry, theme) = (answer(), Theme::default());
    bencher.bench(|| {
        let mut context = LayoutContext::new(&theme, 100, Fold::Full);
        entry::lay(black_box(&entry), &mut context)
    });
}

#[divan::bench]
fn layout_of_a_500_line_answer_in_chinese(bencher: Bencher) {
    let theme = Theme::default();
    let line = "这是一个很长的句子，没有空格，必须在字符之间换行，因为终端没有那么宽。".repeat(2);
    let entry = Entry { text: format!("{line}\n").repeat(500), ..answer() };
    bencher.bench(|| {
        let mut context = LayoutContext::new(&theme, 100, Fold::Full);
        entry::lay(black_box(&entry), &mut context)
    });
}

#[divan::bench]
fn diff_of_500_lines(bencher: Bencher) {
    let theme = Theme::default();
    let old: String =
        (0..500).map(|nth| format!("    let value_{nth} = compute({nth});\n")).collect::<Vec<_>>().concat();
    let new = old.replace("7)", "8)").replace("value_3", "other_3");
    let change = ChangeKind::Replace(vec![(old, new)]);
    bencher.bench(|| {
        diff::lay(
            black_box(&change),
            diff::DiffOptions {
                theme: &theme,
                width: 100,
                max_lines: 2_000,
                path: "",
                changes_only: false,
                side_by_side: false,
                sanitise: salon::stdx::text::sanitise,
            },
            None,
        )
    });
}

#[divan::bench]
fn a_screenful_from_kept_entries(bencher: Bencher) {
    let mut stage = Screen::new();
    stage.draw();
    bencher.bench_local(|| stage.draw());
}

#[divan::bench]
fn a_screenful_scrolled_by_a_page(bencher: Bencher) {
    let mut stage = Screen::new();
    bencher.bench_local(|| {
        let up = !stage.at_start;
        stage.press(if up { Action::PageUp } else { Action::Last });
        stage.draw();
    });
}

#[divan::bench(args = [20, 500])]
fn a_frame_of_an_answer_that_grows_by_40_characters(bencher: Bencher, kilobytes: usize) {
    let text = answer().text;
    let mut live = Live::new(&text.repeat((kilobytes << 10) / text.len() + 1)[..kilobytes << 10]);
    let more: Vec<String> = text.as_bytes().chunks(40).map(|part| String::from_utf8_lossy(part).into()).collect();
    let mut nth = 0;
    bencher.bench_local(|| {
        nth += 1;
        live.tell(&more[nth % more.len()]);
        live.draw();
    });
}

#[divan::bench]
fn twenty_thousand_deltas_and_sixty_frames(bencher: Bencher) {
    bencher.with_inputs(|| Live::new("It begins.\n\n")).bench_local_values(|mut live| {
        for nth in 0..20_000 {
            live.tell(if nth % 40 == 0 { "end.\n\n" } else { "token " });
            if nth % 333 == 0 {
                live.draw();
            }
        }
    });
}

/// Reader of a conversation whose answer is streamed, at 200 columns and 60 rows.
struct Live {
    reader: Reader,
    zone: TimeZone,
    theme: Theme,
    cache: LayoutCache,
    buffer: Buffer,
}

impl Live {
    fn new(said: &str) -> Self {
        let mut live = Self {
            reader: Reader::unstored(RequestTicket(1), Agent::Claude),
            zone: TimeZone::UTC,
            theme: Theme::default(),
            cache: LayoutCache::default(),
            buffer: Buffer::empty(Rect::new(0, 0, 200, 60)),
        };
        live.happen(EventBody::Prompt("Explain it.".into()), "p");
        live.tell(said);
        live.draw();
        live
    }

    fn tell(&mut self, more: &str) {
        self.happen(EventBody::Text(Delta::Append(more.to_owned())), "a");
    }

    fn happen(&mut self, body: EventBody, id: &str) {
        let what = RunEventKind::Event(Event { key: EntryKey::new(id, 0), time: Some(Time::from_secs(0)), body });
        self.reader.apply_events(0, [RunEvent { turn: TurnNumber(1), kind: what }]);
    }

    fn draw(&mut self) {
        self.buffer.reset();
        let look = RenderContext {
            theme: &self.theme,
            zone: &self.zone,
            now: Time::from_secs(0),
            reserved: 0,
            outline: true,
            diff_view: DiffView::default(),
            secrets: SecretDisplay::Masked,
        };
        let (area, state) = (self.buffer.area, (&self.reader, None));
        let mode = ReaderMode::Chat { footer: false };
        let (drawn, _) = reader::draw(area, &mut self.buffer, state, mode, &look, &mut self.cache);
        self.reader.apply_layout(drawn);
    }
}

/// Reader of 2,000 entries at 200 columns and 60 rows.
struct Screen {
    reader: Reader,
    entries: Vec<Arc<Entry>>,
    theme: Theme,
    zone: TimeZone,
    cache: LayoutCache,
    buffer: Buffer,
    at_start: bool,
}

impl Screen {
    fn new() -> Self {
        let text = answer().text;
        let part: String = text.lines().take(22).map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
        let made = |nth: usize| {
            let (id, kind) =
                (format!("e{nth}"), if nth.is_multiple_of(5) { EntryKind::Prompt } else { EntryKind::Text });
            let time = Some(Time::from_secs(i64::try_from(nth).unwrap_or(0) * 60));
            Arc::new(Entry { text: part.clone(), ..Entry::new(EntryKey::new(&id, 0), kind, Role::Assistant, time) })
        };
        let (reader, _) = Reader::open(RequestTicket(1), SessionKey::new(Agent::Claude, "s"));
        let area = Rect::new(0, 0, 200, 60);
        let mut stage = Self {
            reader,
            entries: (0..2_000).map(made).collect(),
            theme: Theme::default(),
            zone: TimeZone::UTC,
            cache: LayoutCache::default(),
            buffer: Buffer::empty(area),
            at_start: false,
        };
        let opened = TranscriptInfo { len: stage.entries.len(), branches: 1, ..TranscriptInfo::default() };
        let asked = stage.reader.update(TranscriptEvent::Opened(opened));
        stage.answer(&asked);
        stage.draw();
        stage
    }

    fn press(&mut self, action: Action) {
        let asked = self.reader.navigate(action).unwrap_or_default();
        self.answer(&asked);
    }

    fn draw(&mut self) {
        self.buffer.reset();
        let look = RenderContext {
            theme: &self.theme,
            zone: &self.zone,
            now: Time::from_secs(0),
            reserved: 0,
            outline: true,
            diff_view: DiffView::default(),
            secrets: SecretDisplay::Masked,
        };
        let (area, state) = (self.buffer.area, (&self.reader, None));
        let (drawn, _) = reader::draw(area, &mut self.buffer, state, ReaderMode::Preview, &look, &mut self.cache);
        self.at_start = drawn.at_start;
        let asked = self.reader.apply_layout(drawn);
        self.answer(&asked);
    }

    fn answer(&mut self, asked: &[Effect]) {
        for effect in asked {
            if let Effect::ReadEntries(_, range) = effect {
                let entries = self.entries[range.clone()].to_vec();
                self.reader.update(TranscriptEvent::Page { from: range.start, entries });
            }
        }
    }
}

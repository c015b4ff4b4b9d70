//! Hand-made transcripts, and a harness that responds to the reader's effects as the index would.

use std::sync::Arc;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use salon::app::msg::{Area, ReaderFeedback, RequestTicket, Target};
use salon::app::reader::{DiffView, Reader};
use salon::app::secret_display::SecretDisplay;
use salon::app::{Action, Effect};
use salon::config::theme::{Colour, Theme, ThemeStyle};
use salon::domain::event::EntryKey;
use salon::domain::outline::OutlineItem;
use salon::domain::transcript::{self, Entry, EntryKind, Role, Tool, ToolStatus};
use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use salon::domain::{Agent, Session, SessionKey, Time};
use salon::ui::entry::RenderContext;
use salon::ui::reader::{self, LayoutCache, ReaderMode};

/// 2026-11-20T22:59:00Z: a minute before midnight in Berlin.
pub const START: i64 = 1_795_215_540_000;

/// An entry with a time `minute` minutes after [`START`].
pub fn entry(id: &str, kind: EntryKind, minute: i64, text: &str) -> Entry {
    let role = match kind {
        EntryKind::Prompt | EntryKind::Image => Role::User,
        EntryKind::Notice | EntryKind::Other => Role::System,
        _ => Role::Assistant,
    };
    let time = Some(Time::from_millis(START + minute * 60_000));
    Entry { text: text.to_owned(), ..Entry::new(EntryKey::new(id, 0), kind, role, time) }
}

/// A finished tool call.
pub fn tool(id: &str, minute: i64, name: &str, action: transcript::ToolAction, output: &str) -> Entry {
    let tool = Tool {
        name: name.into(),
        id: id.into(),
        input: serde_json::Value::Null,
        output: output.to_owned(),
        status: ToolStatus::Done,
        duration_ms: Some(1_200),
        subagent: None,
        action,
    };
    let text = tool.action.headline();
    Entry { tool: Some(Box::new(tool)), text, ..entry(id, EntryKind::Tool, minute, "") }
}

/// A successful command.
pub fn command(id: &str, minute: i64, line: &str, output: &str) -> Entry {
    tool(id, minute, "Bash", transcript::ToolAction::Command { command: line.to_owned(), exit_code: Some(0) }, output)
}

/// `count` entries of many lengths: prompts, answers, commands.
pub fn long(count: usize) -> Vec<Entry> {
    let made = |nth: usize| {
        let (id, minute) = (format!("e{nth}"), i64::try_from(nth).expect("small") / 3);
        match nth % 4 {
            0 => entry(&id, EntryKind::Prompt, minute, &format!("prompt {nth}: what of it?")),
            1 => command(&id, minute, &format!("make step-{nth}"), &"one line of output\n".repeat(nth % 40)),
            2 => entry(&id, EntryKind::Thinking, minute, &"thinking about it ".repeat(nth % 30)),
            _ => entry(
                &id,
                EntryKind::Text,
                minute,
                &format!("answer {nth}\n\n{}", "words and more words ".repeat(nth % 70)),
            ),
        }
    };
    (0..count).map(made).collect()
}

/// A theme in which all relevant elements differ.
pub fn theme() -> Theme {
    let fg = |index| ThemeStyle { fg: Some(Colour::Ansi(index)), ..ThemeStyle::default() };
    Theme {
        muted: fg(8),
        faint: fg(8),
        accent: fg(4),
        heading: ThemeStyle { bold: true, ..fg(5) },
        strong: ThemeStyle { bold: true, ..ThemeStyle::default() },
        emphasis: ThemeStyle { italic: true, ..ThemeStyle::default() },
        code: fg(6),
        keyword: fg(13),
        hit: ThemeStyle { bg: Some(Colour::Ansi(3)), ..ThemeStyle::default() },
        hit_current: ThemeStyle { bg: Some(Colour::Ansi(11)), ..ThemeStyle::default() },
        added: fg(2),
        removed: fg(1),
        ..Theme::default()
    }
}

/// A reader with a transcript and a screen.
pub struct ReaderHarness {
    pub reader: Reader,
    pub entries: Vec<Arc<Entry>>,
    pub size: (u16, u16),
    pub mode: ReaderMode,
    pub cache: LayoutCache,
    pub drawn: ReaderFeedback,
    pub regions: Vec<(Area, Target)>,
    pub buffer: Buffer,
    /// Requested ranges, in order.
    pub asked: Vec<std::ops::Range<usize>>,
    /// All other effects.
    pub effects: Vec<Effect>,
    pub theme: Theme,
    pub diff_view: DiffView,
    pub session: Option<Session>,
    sent: Option<ReaderFeedback>,
    /// True once the outline was requested.
    outlined: bool,
}

/// Returns the outline of a transcript.
pub fn outline(entries: &[Arc<Entry>]) -> Vec<OutlineItem> {
    entries.iter().enumerate().filter_map(|(at, entry)| OutlineItem::of(at, entry)).collect()
}

impl ReaderHarness {
    /// Creates a reader with an opened transcript, drawn until nothing more is requested.
    pub fn new(entries: Vec<Entry>, size: (u16, u16)) -> Self {
        let mut harness = Self::unopened(entries, size);
        harness.tell(TranscriptEvent::Opened(harness.opened()));
        harness.draw_until_loaded();
        harness
    }

    /// Creates a reader that was just opened and has no entries.
    pub fn unopened(entries: Vec<Entry>, size: (u16, u16)) -> Self {
        let (reader, _) = Reader::open(RequestTicket(1), SessionKey::new(Agent::Claude, "s"));
        Self {
            reader,
            entries: entries.into_iter().map(Arc::new).collect(),
            size,
            mode: ReaderMode::Full,
            cache: LayoutCache::default(),
            drawn: ReaderFeedback::default(),
            regions: Vec::new(),
            buffer: Buffer::empty(Rect::default()),
            asked: Vec::new(),
            effects: Vec::new(),
            sent: None,
            outlined: false,
            session: None,
            theme: theme(),
            diff_view: DiffView::default(),
        }
    }

    /// Returns the transcript's properties as the index would.
    pub fn opened(&self) -> TranscriptInfo {
        let failed = |entry: &Entry| entry.tool.as_ref().is_some_and(|tool| tool.status == ToolStatus::Failed);
        let marks = |wanted: &dyn Fn(&Entry) -> bool| {
            let all = self.entries.iter().enumerate();
            all.filter(|(_, entry)| wanted(entry)).map(|(index, _)| index).collect::<Vec<_>>().into()
        };
        TranscriptInfo {
            len: self.entries.len(),
            branches: 1,
            prompts: marks(&|entry| entry.kind == EntryKind::Prompt),
            errors: marks(&failed),
            ..TranscriptInfo::default()
        }
    }

    /// Sends a transcript event to the reader without responding to its effects.
    pub fn tell(&mut self, msg: TranscriptEvent) {
        let changed = if let TranscriptEvent::Grown { from, .. } = &msg { Some(*from) } else { None };
        let effects = self.reader.update(msg);
        self.take(effects);
        if let Some(from) = changed.filter(|_| self.outlined) {
            self.send_outline(from);
        }
    }

    /// Sends the outline from an entry on, as the index would.
    fn send_outline(&mut self, from: usize) {
        let items = outline(&self.entries).into_iter().filter(|item| item.entry >= from).collect();
        self.reader.update(TranscriptEvent::Outline { from, items, complete: true });
    }

    /// Draws one frame.
    pub fn draw(&mut self) {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        self.buffer = Buffer::empty(area);
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let look = RenderContext {
            theme: &self.theme,
            zone: &zone,
            now: Time::from_millis(START),
            reserved: 0,
            outline: true,
            diff_view: self.diff_view,
            secrets: SecretDisplay::Masked,
        };
        let state = (&self.reader, self.session.as_ref());
        (self.drawn, self.regions) = reader::draw(area, &mut self.buffer, state, self.mode, &look, &mut self.cache);
        // As in the program, unchanged feedback is not sent again.
        if self.sent != Some(self.drawn) {
            self.sent = Some(self.drawn);
            let effects = self.reader.apply_layout(self.drawn);
            self.take(effects);
            self.draw();
        }
    }

    /// Draws and responds until nothing more is requested.
    pub fn draw_until_loaded(&mut self) {
        for _ in 0..50 {
            self.draw();
            if !self.answer() {
                return;
            }
        }
        panic!("the reader never has enough");
    }

    /// Responds to all requests. Returns false if there were none.
    pub fn answer(&mut self) -> bool {
        let open: Vec<_> = self.effects.extract_if(.., |effect| matches!(effect, Effect::ReadEntries(..))).collect();
        for effect in &open {
            let Effect::ReadEntries(_, range) = effect else { continue };
            let page = self.entries[range.start.min(self.entries.len())..range.end.min(self.entries.len())].to_vec();
            self.tell(TranscriptEvent::Page { from: range.start, entries: page });
        }
        !open.is_empty()
    }

    /// Performs an action without drawing.
    pub fn press(&mut self, action: Action) {
        let effects = self.reader.navigate(action).unwrap_or_default();
        self.take(effects);
    }

    /// Performs an action and draws until all entries are loaded.
    pub fn act(&mut self, action: Action) {
        self.press(action);
        self.draw_until_loaded();
    }

    /// Returns the entry and line at the top of the screen.
    pub fn place(&self) -> (usize, i32) {
        (self.drawn.anchor, self.drawn.anchor_line)
    }

    /// Returns the screen as text without trailing blanks.
    pub fn screen(&self) -> String {
        let area = self.buffer.area;
        let row = |y| {
            let mut text = String::new();
            let mut x = 0;
            while x < area.width {
                let symbol = self.buffer[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(salon::stdx::wrap::columns(symbol).max(1)).expect("small");
            }
            text.trim_end().to_owned()
        };
        (0..area.height).map(row).collect::<Vec<_>>().join("\n")
    }

    /// Returns the text of the screen without the scrollbar.
    pub fn text(&self) -> String {
        let columns = usize::from(self.size.0) - 3;
        let row = |row: &str| row.chars().take(columns).collect::<String>().trim_end().to_owned();
        self.screen().lines().map(row).collect::<Vec<_>>().join("\n")
    }

    fn take(&mut self, mut effects: Vec<Effect>) {
        if effects.extract_if(.., |effect| matches!(effect, Effect::ReadOutline(_))).count() > 0 {
            self.outlined = true;
            self.send_outline(0);
        }
        for effect in &effects {
            if let Effect::ReadEntries(_, range) = effect {
                self.asked.push(range.clone());
            }
        }
        self.effects.extend(effects);
    }
}

//! Markdown as rows of a terminal.
//!
//! Line breaks within a paragraph are kept: agents break lines where they mean to. Nothing of the text is left out;
//! what a terminal cannot show (images, raw HTML) is shown as text.

use std::mem;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::highlight::{Highlighter, Syntax};
use super::rich::{self, Rich};
use super::table::Table;
use crate::config::theme::Theme;
use crate::ui::style::style;

/// How a text is laid out.
#[derive(Debug)]
pub struct Setting<'a> {
    /// How things look.
    pub theme: &'a Theme,
    /// Columns.
    pub width: usize,
    /// The look of ordinary text in it.
    pub base: Style,
    /// Rows after which one may stop.
    pub most: usize,
    /// Who knows the syntax of code; nobody: code stays plain.
    pub highlighter: Option<&'a mut Highlighter>,
}

/// Rows of a text.
#[derive(Debug, Default)]
pub struct Rows {
    /// The rows.
    pub lines: Vec<Line<'static>>,
    /// The syntax of some code is still being found out.
    pub pending: bool,
}

/// Lays a harmless Markdown text out.
pub fn lay(text: &str, setting: Setting<'_>) -> Rows {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let most = setting.most;
    let mut writer = Writer::new(setting);
    for event in Parser::new_ext(text, options) {
        if writer.rows.lines.len() > most {
            break;
        }
        writer.event(event);
    }
    writer.flush();
    writer.rows
}

/// What a container puts before its rows.
#[derive(Debug)]
struct Prefix {
    first: Option<Span<'static>>,
    rest: Span<'static>,
}

struct Writer<'a> {
    setting: Setting<'a>,
    rows: Rows,
    line: Rich,
    styles: Vec<Style>,
    prefixes: Vec<Prefix>,
    /// The next number of each open list; none where it has no numbers.
    lists: Vec<Option<u64>>,
    /// Where each open link leads, and where its text began.
    links: Vec<(String, usize)>,
    table: Option<Table>,
    /// Language and text of the open block of code.
    code: Option<(String, String)>,
    /// A blank row comes before what comes next.
    gap: bool,
}

impl<'a> Writer<'a> {
    fn new(setting: Setting<'a>) -> Self {
        Self {
            styles: vec![setting.base],
            setting,
            rows: Rows::default(),
            line: Rich::default(),
            prefixes: Vec::new(),
            lists: Vec::new(),
            links: Vec::new(),
            table: None,
            code: None,
            gap: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(text) => self.inline_code(&text),
            Event::Html(text) | Event::InlineHtml(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.text(&text);
            }
            Event::FootnoteReference(label) => self.text(&format!("[^{label}]")),
            Event::SoftBreak | Event::HardBreak if self.table.is_some() => self.text(" "),
            Event::SoftBreak | Event::HardBreak => self.break_line(),
            Event::Rule => {
                let width = self.room().min(40);
                self.line.push(&"─".repeat(width), style(self.setting.theme.faint));
                self.end_block();
            }
            Event::TaskListMarker(done) => self.check_box(done),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let theme = self.setting.theme;
        match tag {
            Tag::Heading { level, .. } => {
                let mut heading = style(theme.heading);
                if level == HeadingLevel::H1 {
                    heading = heading.add_modifier(Modifier::UNDERLINED);
                }
                self.flush();
                self.push_style(heading);
            }
            Tag::BlockQuote(_) => self.start_quote(),
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => self.start_item(),
            Tag::Table(aligned) => {
                self.flush();
                self.table = Some(Table { aligned, rows: Vec::new() });
            }
            Tag::TableHead => {
                self.table_row();
                self.push_style(style(theme.strong).add_modifier(Modifier::BOLD));
            }
            Tag::TableRow => self.table_row(),
            Tag::Emphasis => self.push_style(style(theme.emphasis)),
            Tag::Strong => self.push_style(style(theme.strong)),
            Tag::Strikethrough => self.push_style(Style::default().add_modifier(Modifier::CROSSED_OUT)),
            Tag::Link { dest_url, .. } => {
                self.links.push((dest_url.to_string(), self.line.text().len()));
                self.push_style(style(theme.link));
            }
            Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.to_string(), self.line.text().len()));
                self.push_style(style(theme.link));
                self.text("[image: ");
            }
            Tag::Paragraph
            | Tag::HtmlBlock
            | Tag::TableCell
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_block(),
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.end_block();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.styles.pop();
                self.prefixes.pop();
                self.gap = true;
            }
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.gap = self.lists.is_empty() || self.gap;
            }
            TagEnd::Item => {
                self.flush();
                // An item with nothing in it shows its mark all the same.
                if self.prefixes.last().is_some_and(|prefix| prefix.first.is_some()) {
                    self.emit(&Rich::default());
                }
                self.prefixes.pop();
            }
            TagEnd::Table => self.end_table(),
            TagEnd::TableCell => {
                let cell = mem::take(&mut self.line);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::TableHead | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Link => self.end_link(),
            TagEnd::Image => {
                self.text("]");
                self.end_link();
            }
            TagEnd::TableRow
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(text);
            return;
        }
        for (nth, line) in text.split('\n').enumerate() {
            if nth > 0 {
                self.break_line();
            }
            let look = self.look();
            self.line.push(line, look);
        }
    }

    fn inline_code(&mut self, text: &CowStr<'_>) {
        let code = style(self.setting.theme.code);
        let look = self.look().patch(code);
        // Where the theme has no look for code, its marks stay.
        if code == Style::default() {
            self.line.push(&format!("`{text}`"), look);
        } else {
            self.line.push(text, look);
        }
    }

    fn start_quote(&mut self) {
        let quote = style(self.setting.theme.quote);
        self.flush();
        self.blank();
        let bar = Span::styled("│ ", quote);
        self.push_prefix(Some(bar.clone()), bar);
        self.push_style(quote);
    }

    fn start_item(&mut self) {
        self.flush();
        self.blank();
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number += 1;
                mark
            }
            _ => "• ".to_owned(),
        };
        let rest = Span::raw(" ".repeat(crate::stdx::wrap::columns(&mark)));
        self.push_prefix(Some(Span::styled(mark, style(self.setting.theme.muted))), rest);
    }

    /// A check box takes the place of the item's mark.
    fn check_box(&mut self, done: bool) {
        let theme = self.setting.theme;
        let (mark, paint) = if done { ("[x] ", theme.success) } else { ("[ ] ", theme.muted) };
        match self.prefixes.last_mut().and_then(|prefix| prefix.first.as_mut()) {
            Some(first) => *first = Span::styled(mark, style(paint)),
            None => self.line.push(mark, style(paint)),
        }
    }

    /// After a link's text comes where it leads, unless that is the text itself.
    fn end_link(&mut self) {
        self.styles.pop();
        let Some((target, from)) = self.links.pop() else { return };
        let shown = self.line.text().get(from..).unwrap_or_default();
        if !target.is_empty() && shown != target && format!("mailto:{shown}") != target {
            let look = self.look().patch(style(self.setting.theme.muted));
            self.line.push(&format!(" ({target})"), look);
        }
    }

    fn end_code(&mut self) {
        let Some((language, code)) = self.code.take() else { return };
        if language == "diff" || language == "patch" {
            self.diff(&code);
        } else {
            self.highlighted(&language, &code);
        }
        self.gap = true;
    }

    fn diff(&mut self, code: &str) {
        let theme = self.setting.theme;
        for line in code.lines() {
            let paint = match line.as_bytes().first() {
                Some(b'+') => theme.added,
                Some(b'-') => theme.removed,
                Some(b'@') => theme.hunk,
                _ => theme.code_block,
            };
            self.code_line(&Rich::plain(line, style(paint)));
        }
    }

    fn highlighted(&mut self, language: &str, code: &str) {
        let theme = self.setting.theme;
        let syntax = self.setting.highlighter.as_mut().map(|known| known.syntax(language, code));
        let marked = match syntax {
            Some(Syntax::Known(marked)) => Some(marked),
            Some(Syntax::Pending) => {
                self.rows.pending = true;
                None
            }
            Some(Syntax::Plain) | None => None,
        };
        for (nth, text) in code.lines().enumerate() {
            let mut line = Rich::default();
            let mut from = 0;
            for (end, token) in marked.as_ref().and_then(|marked| marked.get(nth)).into_iter().flatten() {
                if let Some(piece) = text.get(from..*end) {
                    line.push(piece, token.style(theme));
                    from = *end;
                }
            }
            line.push(&text[from..], style(theme.code_block));
            self.code_line(&line);
        }
    }

    fn code_line(&mut self, line: &Rich) {
        let indent = Span::raw("  ");
        self.push_prefix(Some(indent.clone()), indent);
        self.emit(line);
        self.prefixes.pop();
    }

    fn table_row(&mut self) {
        if let Some(table) = &mut self.table {
            table.rows.push(Vec::new());
        }
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.blank();
        for row in table.lay(self.room(), style(self.setting.theme.faint)) {
            let mut spans = self.prefix();
            spans.extend(row);
            self.rows.lines.push(Line::from(spans));
        }
        self.gap = true;
    }

    /// Ends a paragraph or the like: what follows stands apart.
    fn end_block(&mut self) {
        self.flush();
        self.gap = true;
    }

    fn break_line(&mut self) {
        let line = mem::take(&mut self.line);
        self.emit(&line);
        for link in &mut self.links {
            link.1 = 0;
        }
    }

    /// Writes the open line, if there is one.
    fn flush(&mut self) {
        if !self.line.is_empty() {
            let line = mem::take(&mut self.line);
            self.emit(&line);
        }
    }

    fn emit(&mut self, line: &Rich) {
        self.blank();
        let first = self.prefix();
        let rest: Vec<_> = self.prefixes.iter().map(|prefix| prefix.rest.clone()).collect();
        line.wrap_into(self.setting.width, &first, &rest, &mut self.rows.lines);
    }

    /// The blank row that is due.
    fn blank(&mut self) {
        if mem::take(&mut self.gap) && !self.rows.lines.is_empty() {
            let mut spans: Vec<_> = self.prefixes.iter().map(|prefix| prefix.rest.clone()).collect();
            while spans.pop_if(|span| span.content.trim().is_empty()).is_some() {}
            self.rows.lines.push(Line::from(spans));
        }
    }

    /// What stands before the next row. A mark stands before one row only.
    fn prefix(&mut self) -> Vec<Span<'static>> {
        self.prefixes.iter_mut().map(|prefix| prefix.first.take().unwrap_or_else(|| prefix.rest.clone())).collect()
    }

    /// Opens a container. One nested so deep that half the width is gone is not indented any further.
    fn push_prefix(&mut self, first: Option<Span<'static>>, rest: Span<'static>) {
        let added = rich::columns(std::slice::from_ref(&rest));
        if self.room().saturating_sub(added) * 2 < self.setting.width {
            self.prefixes.push(Prefix { first: None, rest: Span::raw("") });
        } else {
            self.prefixes.push(Prefix { first, rest });
        }
    }

    fn room(&self) -> usize {
        let taken: usize = self.prefixes.iter().map(|prefix| rich::columns(std::slice::from_ref(&prefix.rest))).sum();
        self.setting.width.saturating_sub(taken).max(1)
    }

    fn push_style(&mut self, look: Style) {
        let look = self.look().patch(look);
        self.styles.push(look);
    }

    fn look(&self) -> Style {
        self.styles.last().copied().unwrap_or(self.setting.base)
    }
}

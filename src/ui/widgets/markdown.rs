//! Layout of Markdown for a terminal.
//!
//! Line breaks within a paragraph are kept, because agents use them on purpose. Nothing is omitted: images and raw HTML
//! are shown as text.

use std::mem;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::highlight::{Highlighter, SyntaxState, syntax_style};
use super::styled_line::{self, StyledLine};
use super::table::Table;
use crate::config::theme::Theme;
use crate::ui::style::style;

/// Options of a Markdown layout.
#[derive(Debug)]
pub struct MarkdownOptions<'a> {
    /// Theme.
    pub theme: &'a Theme,
    /// Maximum width in columns.
    pub width: usize,
    /// Style of plain text.
    pub base: Style,
    /// Number of rows after which the layout may stop.
    pub max_lines: usize,
    /// Syntax highlighter; `None` leaves code plain.
    pub highlighter: Option<&'a mut Highlighter>,
}

/// Result of a Markdown layout.
#[derive(Debug, Default)]
pub struct MarkdownRows {
    /// Rows.
    pub lines: Vec<Line<'static>>,
    /// True while highlighting of some code is pending.
    pub pending: bool,
}

/// Lays out a sanitised Markdown text.
pub fn lay(text: &str, options: MarkdownOptions<'_>) -> MarkdownRows {
    let extensions = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let max_lines = options.max_lines;
    let mut writer = Writer::new(options);
    for event in Parser::new_ext(text, extensions) {
        if writer.rows.lines.len() > max_lines {
            break;
        }
        writer.event(event);
    }
    writer.flush();
    writer.rows
}

/// Prefix of the rows of a container.
#[derive(Debug)]
struct Prefix {
    first: Option<Span<'static>>,
    rest: Span<'static>,
}

struct Writer<'a> {
    options: MarkdownOptions<'a>,
    rows: MarkdownRows,
    line: StyledLine,
    styles: Vec<Style>,
    prefixes: Vec<Prefix>,
    /// Next number of each open list; `None` for a bullet list.
    lists: Vec<Option<u64>>,
    /// Target of each open link, and start offset of its text.
    links: Vec<(String, usize)>,
    table: Option<Table>,
    /// Language and text of the open code block.
    code: Option<(String, String)>,
    /// True if a blank row precedes the next block.
    gap: bool,
}

impl<'a> Writer<'a> {
    fn new(options: MarkdownOptions<'a>) -> Self {
        Self {
            styles: vec![options.base],
            options,
            rows: MarkdownRows::default(),
            line: StyledLine::default(),
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
                self.line.push(&"─".repeat(width), style(self.options.theme.faint));
                self.end_block();
            }
            Event::TaskListMarker(done) => self.check_box(done),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let theme = self.options.theme;
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
                // An empty item still shows its mark.
                if self.prefixes.last().is_some_and(|prefix| prefix.first.is_some()) {
                    self.emit(&StyledLine::default());
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
        let code = style(self.options.theme.code);
        let look = self.look().patch(code);
        // Without a code style in the theme, the backticks stay.
        if code == Style::default() {
            self.line.push(&format!("`{text}`"), look);
        } else {
            self.line.push(text, look);
        }
    }

    fn start_quote(&mut self) {
        let quote = style(self.options.theme.quote);
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
        self.push_prefix(Some(Span::styled(mark, style(self.options.theme.muted))), rest);
    }

    /// Replaces the mark of the item with a check box.
    fn check_box(&mut self, done: bool) {
        let theme = self.options.theme;
        let (mark, paint) = if done { ("[x] ", theme.success) } else { ("[ ] ", theme.muted) };
        match self.prefixes.last_mut().and_then(|prefix| prefix.first.as_mut()) {
            Some(first) => *first = Span::styled(mark, style(paint)),
            None => self.line.push(mark, style(paint)),
        }
    }

    /// Appends the target of a link, unless it is the text itself.
    fn end_link(&mut self) {
        self.styles.pop();
        let Some((target, from)) = self.links.pop() else { return };
        let shown = self.line.text().get(from..).unwrap_or_default();
        if !target.is_empty() && shown != target && format!("mailto:{shown}") != target {
            let look = self.look().patch(style(self.options.theme.muted));
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
        let theme = self.options.theme;
        for line in code.lines() {
            let paint = match line.as_bytes().first() {
                Some(b'+') => theme.added,
                Some(b'-') => theme.removed,
                Some(b'@') => theme.hunk,
                _ => theme.code_block,
            };
            self.code_line(&StyledLine::plain(line, style(paint)));
        }
    }

    fn highlighted(&mut self, language: &str, code: &str) {
        let theme = self.options.theme;
        let syntax = self.options.highlighter.as_mut().map(|known| known.syntax(language, code));
        let marked = match syntax {
            Some(SyntaxState::Ready(marked)) => Some(marked),
            Some(SyntaxState::Pending) => {
                self.rows.pending = true;
                None
            }
            Some(SyntaxState::Plain) | None => None,
        };
        for (nth, text) in code.lines().enumerate() {
            let mut line = StyledLine::default();
            let mut from = 0;
            for (end, token) in marked.as_ref().and_then(|marked| marked.get(nth)).into_iter().flatten() {
                if let Some(piece) = text.get(from..*end) {
                    line.push(piece, style(theme.code_block).patch(syntax_style(*token, theme)));
                    from = *end;
                }
            }
            line.push(&text[from..], style(theme.code_block));
            self.code_line(&line);
        }
    }

    /// Writes a line of code. The background of the block reaches to the right edge.
    fn code_line(&mut self, line: &StyledLine) {
        self.blank();
        let band = Style { bg: style(self.options.theme.code_block).bg, ..Style::default() };
        let indent = Span::styled("  ", band);
        let start = self.rows.lines.len();
        self.push_prefix(Some(indent.clone()), indent);
        self.emit(line);
        self.prefixes.pop();
        if band.bg.is_some() {
            let width = self.options.width;
            self.rows.lines[start..].iter_mut().for_each(|row| styled_line::fill(row, width, band));
        }
    }

    fn table_row(&mut self) {
        if let Some(table) = &mut self.table {
            table.rows.push(Vec::new());
        }
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.blank();
        for row in table.lay(self.room(), style(self.options.theme.faint)) {
            let mut spans = self.prefix();
            spans.extend(row);
            self.rows.lines.push(Line::from(spans));
        }
        self.gap = true;
    }

    /// Ends a block; a blank row follows.
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

    /// Writes the open line unless it is empty.
    fn flush(&mut self) {
        if !self.line.is_empty() {
            let line = mem::take(&mut self.line);
            self.emit(&line);
        }
    }

    fn emit(&mut self, line: &StyledLine) {
        self.blank();
        let first = self.prefix();
        let rest: Vec<_> = self.prefixes.iter().map(|prefix| prefix.rest.clone()).collect();
        line.wrap_into(self.options.width, &first, &rest, &mut self.rows.lines);
    }

    /// Writes a pending blank row.
    fn blank(&mut self) {
        if mem::take(&mut self.gap) && !self.rows.lines.is_empty() {
            let mut spans: Vec<_> = self.prefixes.iter().map(|prefix| prefix.rest.clone()).collect();
            while spans.pop_if(|span| span.content.trim().is_empty()).is_some() {}
            self.rows.lines.push(Line::from(spans));
        }
    }

    /// Takes the prefix of the next row. A mark is used for one row only.
    fn prefix(&mut self) -> Vec<Span<'static>> {
        self.prefixes.iter_mut().map(|prefix| prefix.first.take().unwrap_or_else(|| prefix.rest.clone())).collect()
    }

    /// Opens a container. Indentation stops at half of the width.
    fn push_prefix(&mut self, first: Option<Span<'static>>, rest: Span<'static>) {
        let added = styled_line::columns(std::slice::from_ref(&rest));
        if self.room().saturating_sub(added) * 2 < self.options.width {
            self.prefixes.push(Prefix { first: None, rest: Span::raw("") });
        } else {
            self.prefixes.push(Prefix { first, rest });
        }
    }

    fn room(&self) -> usize {
        let taken: usize =
            self.prefixes.iter().map(|prefix| styled_line::columns(std::slice::from_ref(&prefix.rest))).sum();
        self.options.width.saturating_sub(taken).max(1)
    }

    fn push_style(&mut self, look: Style) {
        let look = self.look().patch(look);
        self.styles.push(look);
    }

    fn look(&self) -> Style {
        self.styles.last().copied().unwrap_or(self.options.base)
    }
}

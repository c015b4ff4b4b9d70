//! Outputs of tools: with the colours that the tool wrote, or highlighted if it is the content of a file.
//!
//! A cut output shows its first and its last lines, because a command says at the end how it went.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::file_content::{FileContent, FileHighlighting};
use super::{EntryLayout, LayoutContext, MAX_BYTES, MAX_LINES, failure, plain_text};
use crate::app::reader::Fold;
use crate::domain::transcript::{Tool, ToolAction, ToolStatus};
use crate::stdx::ansi::{self, AnsiText};
use crate::stdx::text;
use crate::ui::style::{self, style};
use crate::ui::widgets::styled_line::{self, StyledLine};

/// First rows of a cut output.
const HEAD_ROWS: usize = 3;

/// Last rows of a cut output.
const TAIL_ROWS: usize = 5;

/// Last rows of an output of which only a few lines are shown.
const FEW_ROWS: usize = 3;

/// Maximum lines that are shown rather than counted, because the note about them takes a line too.
const MAX_SPARED: usize = 2;

/// Bytes at the start and at the end of a long output that are enough for a cut one.
const CUT_BYTES: usize = 32 << 10;

const INDENT: &str = "  ";

/// Lays out the output of a tool.
pub(super) fn lay(tool: &Tool, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    match context.fold {
        Fold::Hidden | Fold::Line => {}
        Fold::Few => few(&Output::ends(tool, context, layout), context, layout),
        Fold::Cut => cut(&Output::ends(tool, context, layout), context, layout),
        Fold::Full => full(tool, context, layout),
    }
}

fn full(tool: &Tool, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let end = text::boundary_before(&tool.output, MAX_BYTES);
    let output = Output::new(tool, &tool.output[..end], context, layout);
    let failed = (tool.status == ToolStatus::Failed).then(|| failure::line(output.texts())).flatten();
    for at in 0..output.lines.len() {
        if layout.lines.len() > MAX_LINES {
            break;
        }
        if failed == Some(at) {
            layout.failure = Some(layout.lines.len());
        }
        layout.lines.extend(output.rows(at, context));
    }
    plain_text::truncate(layout, context, (end < tool.output.len()).then_some(tool.output.len()));
}

fn cut(output: &Output, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let count = output.lines.len();
    let (mut head, mut head_rows) = (0, Vec::new());
    while head < output.skipped_at && head_rows.len() < HEAD_ROWS {
        head_rows.extend(output.rows(head, context));
        head += 1;
    }
    let is_cut = head_rows.len() > HEAD_ROWS + TAIL_ROWS;
    if is_cut {
        head_rows.truncate(HEAD_ROWS);
    }
    let (mut tail, mut tail_rows) = (count, Vec::new());
    while tail > head && tail_rows.len() < TAIL_ROWS {
        tail -= 1;
        tail_rows.splice(0..0, output.rows(tail, context));
    }
    if tail - head <= MAX_SPARED && output.skipped == 0 {
        for at in (head..tail).rev() {
            tail_rows.splice(0..0, output.rows(at, context));
        }
        tail = head;
    }
    layout.lines.extend(head_rows);
    let hidden = tail - head + output.skipped;
    if hidden > 0 || is_cut {
        push_missing(hidden, context, layout);
    }
    let surplus = tail_rows.len().saturating_sub(TAIL_ROWS + MAX_SPARED);
    layout.lines.extend(tail_rows.into_iter().skip(surplus));
}

fn few(output: &Output, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let count = output.lines.len();
    let shown = if count + output.skipped <= FEW_ROWS + MAX_SPARED { count } else { FEW_ROWS.min(count) };
    let hidden = count - shown + output.skipped;
    if hidden > 0 {
        push_missing(hidden, context, layout);
    }
    for at in count - shown..count {
        let mut spans = vec![Span::raw(INDENT)];
        let line = output.line(at, context);
        spans.extend(line.spans(&(0..line.text().len())));
        layout.lines.push(Line::from(styled_line::cut(spans, context.width)));
    }
}

/// Appends a note about lines that are not shown.
fn push_missing(hidden: usize, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let note = match hidden {
        0 => "… more".to_owned(),
        1 => "… 1 more line".to_owned(),
        hidden => format!("… {hidden} more lines"),
    };
    let note = text::ellipsis(&format!("{INDENT}{note}"), context.width);
    layout.lines.push(Line::from(Span::styled(note, style(context.theme.faint))));
}

/// Lines of an output.
struct Output {
    text: AnsiText,
    lines: Vec<Range<usize>>,
    /// Number of lines that were not read, after the first `skipped_at` ones.
    skipped: usize,
    skipped_at: usize,
    content: Option<FileContent>,
    base: Style,
    /// Styles of the runs of the text.
    styles: Vec<Style>,
}

impl Output {
    /// Reads the first and the last lines, which are all lines of a short output.
    fn ends(tool: &Tool, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) -> Self {
        let whole = tool.output.as_str();
        if whole.len() <= MAX_BYTES {
            return Self::new(tool, whole, context, layout);
        }
        let (head, tail) =
            (text::boundary_before(whole, CUT_BYTES), text::boundary_after(whole, whole.len() - CUT_BYTES));
        let head = whole[..head].rfind('\n').map_or(head, |at| at + 1);
        let tail = whole[tail..].find('\n').map_or(tail, |at| tail + at + 1);
        let skipped = memchr::memchr_iter(b'\n', &whole.as_bytes()[head..tail]).count();
        let separator = if whole[..head].ends_with('\n') { "" } else { "\n" };
        let ends = [&whole[..head], separator, &whole[tail..]].concat();
        let mut output = Self::new(tool, &ends, context, layout);
        let first = ansi::parse(&whole[..head]).text.lines().count();
        (output.skipped, output.skipped_at) = (skipped.max(1), first.min(output.lines.len()));
        output
    }

    fn new(tool: &Tool, source: &str, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) -> Self {
        let text = ansi::parse(source.trim_end());
        let styles = text.runs.iter().map(|(_, ansi)| style::ansi(*ansi, context.theme)).collect();
        let lines = line_ranges(&text.text);
        let base = style(context.theme.muted);
        let skipped_at = lines.len();
        let mut output = Self { text, lines, skipped: 0, skipped_at, content: None, base, styles };
        layout.pending |= output.highlight(tool, context);
        output
    }

    /// Highlights the content of a file. Returns true while that is in progress.
    fn highlight(&mut self, tool: &Tool, context: &mut LayoutContext<'_>) -> bool {
        let (ToolAction::Read { path }, Some(highlighter)) = (&tool.action, context.highlighter.as_deref_mut()) else {
            return false;
        };
        let highlighting = FileContent::highlight(path, self.texts(), highlighter);
        let is_pending = matches!(highlighting, FileHighlighting::Pending);
        if let FileHighlighting::Ready(content) = highlighting
            && tool.status != ToolStatus::Failed
        {
            self.content = Some(content);
        }
        is_pending
    }

    fn texts(&self) -> impl Iterator<Item = &str> + Clone {
        self.lines.iter().map(|line| &self.text.text[line.clone()])
    }

    /// Lays out a line in one row or several.
    fn rows(&self, at: usize, context: &LayoutContext<'_>) -> Vec<Line<'static>> {
        let mut rows = Vec::new();
        let indent = [Span::raw(INDENT)];
        self.line(at, context).wrap_into(context.width, &indent, &indent, &mut rows);
        rows
    }

    fn line(&self, at: usize, context: &LayoutContext<'_>) -> StyledLine {
        let range = self.lines[at].clone();
        let text = &self.text.text[range.clone()];
        if let Some(line) = self.content.as_ref().and_then(|content| content.line(at, text, self.base, context.theme)) {
            return line;
        }
        let mut line = StyledLine::default();
        let mut from = range.start;
        let first = self.text.runs.partition_point(|(end, _)| *end <= from);
        for ((end, _), look) in self.text.runs[first..].iter().zip(&self.styles[first..]) {
            let end = (*end).min(range.end);
            line.push(&self.text.text[from..end], self.base.patch(*look));
            from = end;
            if from == range.end {
                break;
            }
        }
        line
    }
}

/// Byte ranges of the lines of a text.
fn line_ranges(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut range = |line: &str| {
        let range = start..start + line.len();
        start = range.end + 1;
        range
    };
    if text.is_empty() { Vec::new() } else { text.split('\n').map(&mut range).collect() }
}

//! Layout of a streaming answer: a stable prefix is laid out once, the mutable tail again for each frame.
//!
//! A Markdown block is complete at a blank line that is followed by a new block in the first column. Complete blocks
//! are laid out permanently, with highlighted code. The tail is laid out plain, because it changes with the next frame.
//! Only link references that are defined later render differently at the end, when the whole answer is laid out again.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{EntryLayout, LayoutContext, MAX_BYTES, MAX_LINES, plain_text};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::markdown::{self, MarkdownOptions};

/// Incremental layout of a growing text.
#[derive(Clone, Debug, Default)]
pub struct StreamingLayout {
    layout: EntryLayout,
    /// Length of the stable prefix in bytes and in lines.
    stable: (usize, usize),
    /// True if the maximum number of lines is reached: more text changes nothing.
    full: bool,
}

impl StreamingLayout {
    /// Returns the current lines.
    pub fn layout(&self) -> &EntryLayout {
        &self.layout
    }

    /// Lays out new text. `whole` must start with the previous text.
    pub fn grow(&mut self, whole: &str, base: Style, context: &mut LayoutContext<'_>) {
        if self.full {
            return;
        }
        let shown = &whole[..text::boundary_before(whole, MAX_BYTES)];
        let (from, lines) = self.stable;
        self.layout.lines.truncate(lines);
        let fresh = &shown[from.min(shown.len())..];
        let complete = complete_blocks_len(fresh);
        if complete > 0 {
            self.layout.pending |= self.append(&fresh[..complete], base, context, true);
            self.stable = (from + complete, self.layout.lines.len());
        }
        let left = (MAX_LINES + 1).saturating_sub(self.layout.lines.len());
        self.append(first_lines(&fresh[complete..], 2 * left), base, context, false);
        if self.layout.lines.is_empty() {
            self.layout.lines.push(Line::from(Span::styled("…", style(context.theme.faint))));
        }
        let cut = shown.len() < whole.len();
        self.full = cut || self.layout.lines.len() > MAX_LINES;
        plain_text::truncate(&mut self.layout, context, cut.then_some(whole.len()));
    }

    /// Appends blocks; returns true if highlighting of some code is still pending.
    fn append(&mut self, part: &str, base: Style, context: &mut LayoutContext<'_>, with_colours: bool) -> bool {
        let (part, _) = plain_text::bounded(part);
        let part = context.secrets.text(&part);
        let highlighter = if with_colours { context.highlighter.as_deref_mut() } else { None };
        let max_lines = MAX_LINES;
        let options = MarkdownOptions { theme: context.theme, width: context.width, base, max_lines, highlighter };
        let rows = markdown::lay(&part, options);
        if !rows.lines.is_empty() && !self.layout.lines.is_empty() {
            self.layout.lines.push(Line::default());
        }
        self.layout.lines.extend(rows.lines);
        rows.pending
    }
}

/// Length in bytes of the complete blocks at the start of a text.
fn complete_blocks_len(part: &str) -> usize {
    let (mut end, mut at, mut blank, mut nested) = (0, 0, false, false);
    // One fence follows the Markdown rules, the other ignores indentation. If either is open, code may be open.
    let (mut fence, mut any_fence) = (Fence::default(), Fence::default());
    for line in part.split_inclusive('\n') {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        let closed = !fence.is_open() && !any_fence.is_open();
        if closed && blank && at > 0 && indent == 0 && starts_block(bare) {
            end = at;
        }
        if closed && is_raw(bare) {
            return end;
        }
        let within = without_marks(bare);
        if nested && !closed && indent == 0 && !bare.is_empty() {
            // Code in a list item or quotation ends with its container, so the next fence marks are ambiguous.
            return end;
        }
        nested = if closed { indent > 0 || within.len() < bare.len() } else { nested };
        if indent <= 3 {
            fence.line(within);
        }
        any_fence.line(within);
        blank = bare.is_empty();
        at += line.len();
    }
    end
}

/// Returns true if a line in the first column starts a new block, whatever follows on that line.
fn starts_block(line: &str) -> bool {
    let first = line.chars().next();
    first.is_some_and(|c| !c.is_ascii_digit() && !matches!(c, '-' | '*' | '+' | '>' | ':' | '[' | '<' | '='))
}

/// Strips list and quotation marks from a line, because a fence may follow them.
fn without_marks(mut line: &str) -> &str {
    loop {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let marked = rest.strip_prefix(['-', '*', '+', '>', '.', ')']).map(|rest| (rest, rest.trim_start_matches(' ')));
        match marked {
            Some((rest, bare)) if bare.len() < rest.len() => line = bare,
            Some(_) | None => return line,
        }
    }
}

/// Returns true for a line of HTML, which may span blank lines and contain text that looks like Markdown.
fn is_raw(line: &str) -> bool {
    line.strip_prefix('<').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)))
}

fn first_lines(part: &str, count: usize) -> &str {
    let end = memchr::memchr_iter(b'\n', part.as_bytes()).nth(count);
    end.map_or(part, |end| &part[..end])
}

/// State of a fenced code block.
#[derive(Default)]
struct Fence(Option<(char, usize)>);

impl Fence {
    fn is_open(&self) -> bool {
        self.0.is_some()
    }

    fn line(&mut self, line: &str) {
        let Some(mark) = line.chars().next().filter(|c| matches!(c, '`' | '~')) else { return };
        let length = line.chars().take_while(|c| *c == mark).count();
        let rest = line[length..].trim();
        match self.0 {
            None if length >= 3 && !(mark == '`' && rest.contains('`')) => self.0 = Some((mark, length)),
            Some((open, least)) if open == mark && length >= least && rest.is_empty() => self.0 = None,
            Some(_) | None => {}
        }
    }
}

//! An answer that is being written: what can no longer change is laid out once, and only its end again each time.
//!
//! A block of Markdown is over where a blank line is followed by text in the first column that belongs to nothing
//! before it. What lies before such a place is laid out for good, code in colours; what lies behind it is laid out
//! plain, since it is different in the next frame. A link that is defined further down is the one thing that reads
//! differently once all is there; then the answer is laid out as a whole.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Frame, Laid, MOST_BYTES, MOST_LINES, words};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::markdown::{self, Setting};

/// A text that grows, as far as it was laid out.
#[derive(Clone, Debug, Default)]
pub struct Growing {
    laid: Laid,
    /// Bytes that are laid out for good, and their lines.
    settled: (usize, usize),
    /// It has as many lines as are shown: what is still to come changes nothing.
    full: bool,
}

impl Growing {
    /// The lines so far.
    pub fn laid(&self) -> &Laid {
        &self.laid
    }

    /// Lays out what came since. The text begins with what it was before.
    pub fn grow(&mut self, whole: &str, base: Style, frame: &mut Frame<'_>) {
        if self.full {
            return;
        }
        let shown = &whole[..text::boundary_before(whole, MOST_BYTES)];
        let (from, lines) = self.settled;
        self.laid.lines.truncate(lines);
        let fresh = &shown[from.min(shown.len())..];
        let over = blocks_end(fresh);
        if over > 0 {
            self.laid.pending |= self.append(&fresh[..over], base, frame, true);
            self.settled = (from + over, self.laid.lines.len());
        }
        let left = (MOST_LINES + 1).saturating_sub(self.laid.lines.len());
        self.append(first_lines(&fresh[over..], 2 * left), base, frame, false);
        if self.laid.lines.is_empty() {
            self.laid.lines.push(Line::from(Span::styled("…", style(frame.theme.faint))));
        }
        let cut = shown.len() < whole.len();
        self.full = cut || self.laid.lines.len() > MOST_LINES;
        words::limit(&mut self.laid, frame, cut.then_some(whole.len()));
    }

    /// Appends blocks. Whether the syntax of some code in them is still being found out.
    fn append(&mut self, part: &str, base: Style, frame: &mut Frame<'_>, in_colours: bool) -> bool {
        let (part, _) = words::bounded(part);
        let highlighter = if in_colours { frame.highlighter.as_deref_mut() } else { None };
        let most = MOST_LINES;
        let setting = Setting { theme: frame.theme, width: frame.width, base, most, highlighter };
        let rows = markdown::lay(&part, setting);
        if !rows.lines.is_empty() && !self.laid.lines.is_empty() {
            self.laid.lines.push(Line::default());
        }
        self.laid.lines.extend(rows.lines);
        rows.pending
    }
}

/// How many bytes of a text are blocks that are over.
fn blocks_end(part: &str) -> usize {
    let (mut end, mut at, mut blank, mut nested) = (0, 0, false, false);
    // As Markdown has it, and however deep it is indented: where one of them says that code is open, it may be.
    let (mut fence, mut any_fence) = (Fence::default(), Fence::default());
    for line in part.split_inclusive('\n') {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        let closed = !fence.is_open() && !any_fence.is_open();
        if closed && blank && at > 0 && indent == 0 && begins_anew(bare) {
            end = at;
        }
        if closed && is_raw(bare) {
            return end;
        }
        let within = without_marks(bare);
        if nested && !closed && indent == 0 && !bare.is_empty() {
            // Code in an item or a quotation ends with that, and who knows what the next marks mean.
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

/// Whether a line in the first column belongs to nothing before it, whatever its rest will be.
fn begins_anew(line: &str) -> bool {
    let first = line.chars().next();
    first.is_some_and(|c| !c.is_ascii_digit() && !matches!(c, '-' | '*' | '+' | '>' | ':' | '[' | '<' | '='))
}

/// A line without the marks of the lists and quotations that it opens: code may begin behind them.
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

/// HTML may span blank lines, and what looks like a mark within it is none.
fn is_raw(line: &str) -> bool {
    line.strip_prefix('<').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)))
}

fn first_lines(part: &str, count: usize) -> &str {
    let end = memchr::memchr_iter(b'\n', part.as_bytes()).nth(count);
    end.map_or(part, |end| &part[..end])
}

/// Whether a block of code is open.
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

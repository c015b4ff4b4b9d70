//! Diffs of files: removed and added lines with highlighted changed words.
//!
//! The signs at the left carry the same information as the colours.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use similar::{ChangeTag, TextDiff};

use super::styled_line::StyledLine;
use crate::config::theme::Theme;
use crate::domain::transcript::ChangeKind;
use crate::ui::style::style;

/// Maximum bytes of both texts for a comparison, because it takes quadratic time. Longer ones are shown as a replacement.
const MAX_COMPARED_BYTES: usize = 32 << 10;

/// Number of unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// Options of a diff layout.
#[derive(Clone, Copy, Debug)]
pub struct DiffOptions<'a> {
    /// Theme.
    pub theme: &'a Theme,
    /// Maximum width in columns.
    pub width: usize,
    /// Number of lines after which the layout may stop.
    pub max_lines: usize,
    /// Conversion of the texts to what may be drawn.
    pub sanitise: fn(&str) -> Cow<'_, str>,
}

/// Formats the numbers of added and removed lines, each for a style of its own: `  +12` and ` −3`. A number of zero beside
/// another one is left out.
pub fn counts(added: usize, removed: usize) -> [String; 2] {
    let plus = if added > 0 || removed == 0 { format!("  +{added}") } else { " ".to_owned() };
    [plus, if removed > 0 { format!(" −{removed}") } else { String::new() }]
}

/// Estimates added and removed lines without a full comparison.
pub fn count(change: &ChangeKind) -> (usize, usize) {
    match change {
        ChangeKind::Write(text) => (text.lines().count(), 0),
        ChangeKind::Delete => (0, 0),
        ChangeKind::Replace(pairs) => pairs.iter().map(|(old, new)| replaced(old, new)).fold((0, 0), sum),
        ChangeKind::Patch(patch) => patch.lines().map(patched).fold((0, 0), sum),
    }
}

/// Lays out a change.
pub fn lay(change: &ChangeKind, options: DiffOptions<'_>) -> Vec<Line<'static>> {
    let mut writer = Writer { options, out: Vec::new(), digits: digits(change) };
    match change {
        ChangeKind::Write(text) => writer.run(ChangeTag::Insert, &(options.sanitise)(text), Some(1)),
        ChangeKind::Delete => writer.note("deleted"),
        ChangeKind::Replace(pairs) => {
            for (nth, (old, new)) in pairs.iter().enumerate() {
                if nth > 0 {
                    writer.note("⋯");
                }
                writer.compare(&(options.sanitise)(old), &(options.sanitise)(new), None);
            }
        }
        ChangeKind::Patch(patch) => writer.patch(&(options.sanitise)(patch)),
    }
    writer.out
}

fn sum(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0 + b.0, a.1 + b.1)
}

/// Counts lines between the common prefix and the common suffix.
fn replaced(old: &str, new: &str) -> (usize, usize) {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let behind = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    (new.len() - same - behind, old.len() - same - behind)
}

fn patched(line: &str) -> (usize, usize) {
    match line.as_bytes() {
        [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => (0, 0),
        [b'+', ..] => (1, 0),
        [b'-', ..] => (0, 1),
        _ => (0, 0),
    }
}

/// Number of digits of the greatest line number; 0 without line numbers.
fn digits(change: &ChangeKind) -> usize {
    let greatest = match change {
        ChangeKind::Write(text) => text.lines().count(),
        ChangeKind::Delete | ChangeKind::Replace(_) => 0,
        ChangeKind::Patch(patch) => {
            let last = patch.lines().filter_map(hunk).next_back();
            last.map_or(0, |(old, new)| old.max(new) + patch.lines().count())
        }
    };
    if greatest == 0 { 0 } else { greatest.to_string().len() }
}

/// Parses the first old and new line number of a hunk header: `@@ -1,4 +1,6 @@`.
fn hunk(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.strip_prefix("@@ -")?.split(' ');
    // Numbers of 32 bits leave room for the lines that are counted from them.
    let number = |word: &str| Some(word.split(',').next()?.parse::<u32>().ok()? as usize);
    let old = number(fields.next()?)?;
    Some((old, number(fields.next()?.strip_prefix('+')?)?))
}

/// Consecutive removed and added lines of a patch.
#[derive(Default)]
struct Pair {
    old: String,
    new: String,
}

struct Writer<'a> {
    options: DiffOptions<'a>,
    out: Vec<Line<'static>>,
    digits: usize,
}

impl Writer<'_> {
    fn is_full(&self) -> bool {
        self.out.len() > self.options.max_lines
    }

    fn patch(&mut self, patch: &str) {
        let mut pair = Pair::default();
        let mut at: Option<(usize, usize)> = None;
        for line in patch.lines() {
            if self.is_full() {
                return;
            }
            let within = at.is_some() || !(line.starts_with("+++ ") || line.starts_with("--- "));
            match line.as_bytes().first() {
                Some(b'-') if within => {
                    if !pair.new.is_empty() {
                        self.pair(&mut pair, &mut at);
                    }
                    pair.old.push_str(&line[1..]);
                    pair.old.push('\n');
                    continue;
                }
                Some(b'+') if within => {
                    pair.new.push_str(&line[1..]);
                    pair.new.push('\n');
                    continue;
                }
                _ => self.pair(&mut pair, &mut at),
            }
            if let Some(start) = hunk(line) {
                at = Some(start);
                let header = StyledLine::plain(line, style(self.options.theme.hunk));
                header.wrap_into(self.options.width, &[], &[], &mut self.out);
            } else if line.starts_with(' ') || (line.is_empty() && at.is_some()) {
                self.line(ChangeTag::Equal, at.map(|at| at.1), &[(false, line.get(1..).unwrap_or_default())]);
                at = at.map(|(old, new)| (old + 1, new + 1));
            } else {
                self.note(line);
            }
        }
        self.pair(&mut pair, &mut at);
    }

    /// Writes and clears a pair of removed and added lines.
    fn pair(&mut self, pair: &mut Pair, at: &mut Option<(usize, usize)>) {
        let Pair { old, new } = std::mem::take(pair);
        if old.is_empty() && new.is_empty() {
            return;
        }
        self.compare(&old, &new, *at);
        *at = at.map(|(from, to)| (from + old.lines().count(), to + new.lines().count()));
    }

    /// Writes the difference of two texts; `at` contains the numbers of their first lines.
    fn compare(&mut self, old: &str, new: &str, at: Option<(usize, usize)>) {
        if old.len() + new.len() > MAX_COMPARED_BYTES || old.is_empty() || new.is_empty() {
            self.run(ChangeTag::Delete, old, at.map(|at| at.0));
            self.run(ChangeTag::Insert, new, at.map(|at| at.1));
            return;
        }
        let diff = TextDiff::from_lines(old, new);
        for (nth, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
            if nth > 0 {
                self.note("⋯");
            }
            for change in group.iter().flat_map(|operation| diff.iter_inline_changes(operation)) {
                if self.is_full() {
                    return;
                }
                let number = match change.tag() {
                    ChangeTag::Delete => at.zip(change.old_index()).map(|(at, index)| at.0 + index),
                    ChangeTag::Equal | ChangeTag::Insert => at.zip(change.new_index()).map(|(at, index)| at.1 + index),
                };
                self.line(change.tag(), number, change.values());
            }
        }
    }

    /// Writes lines with the same tag.
    fn run(&mut self, tag: ChangeTag, lines: &str, first: Option<usize>) {
        for (nth, line) in lines.lines().enumerate() {
            if self.is_full() {
                return;
            }
            self.line(tag, first.map(|first| first + nth), &[(false, line)]);
        }
    }

    fn line(&mut self, tag: ChangeTag, number: Option<usize>, pieces: &[(bool, &str)]) {
        let theme = self.options.theme;
        let (sign, look, word) = match tag {
            ChangeTag::Equal => ("  ", style(theme.muted), style(theme.muted)),
            ChangeTag::Insert => ("+ ", style(theme.added), style(theme.added).patch(style(theme.added_word))),
            ChangeTag::Delete => ("- ", style(theme.removed), style(theme.removed).patch(style(theme.removed_word))),
        };
        let mut line = StyledLine::default();
        for (emphasised, piece) in pieces {
            line.push(piece.trim_end_matches('\n'), if *emphasised { word } else { look });
        }
        let number = number.map_or_else(String::new, |number| number.to_string());
        let margin = if self.digits == 0 { String::new() } else { format!("{number:>width$} ", width = self.digits) };
        let rest = " ".repeat(margin.len() + 2);
        let first = [Span::styled(margin, style(theme.faint)), Span::styled(sign, look)];
        line.wrap_into(self.options.width, &first, &[Span::raw(rest)], &mut self.out);
    }

    fn note(&mut self, note: &str) {
        let look: Style = style(self.options.theme.faint);
        StyledLine::plain(note, look).wrap_into(self.options.width, &[], &[], &mut self.out);
    }
}

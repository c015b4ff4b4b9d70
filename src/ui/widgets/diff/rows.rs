//! Rows of a diff, before they get a width and colours.

use std::borrow::Cow;

use similar::{ChangeTag, TextDiff};

use crate::domain::transcript::ChangeKind;
use crate::ui::widgets::highlight::SyntaxKind;

/// Maximum bytes of both texts for a comparison, because it takes quadratic time. Longer ones are shown as a replacement.
const MAX_COMPARED_BYTES: usize = 32 << 10;

/// Number of unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// Row of a diff.
pub(super) enum DiffRow {
    /// Hunk header.
    Header(String),
    /// Text that is not part of the file.
    Note(String),
    /// Line of the file.
    Line(DiffLine),
}

impl DiffRow {
    /// Returns the line, unless the row is a header or a note.
    pub(super) fn line(&self) -> Option<&DiffLine> {
        match self {
            Self::Line(line) => Some(line),
            Self::Header(_) | Self::Note(_) => None,
        }
    }
}

/// Line of a file in a diff.
pub(super) struct DiffLine {
    /// Removed, added or unchanged.
    pub tag: ChangeTag,
    /// Number in the old file, if known.
    pub old: Option<usize>,
    /// Number in the new file, if known.
    pub new: Option<usize>,
    /// Number of the hunk, whose lines follow each other in the file.
    pub hunk: usize,
    /// Index of the line in the patch, unless the lines are those of two texts.
    pub source: Option<usize>,
    /// Text without the sign.
    pub text: String,
    /// End offset in bytes of each piece of the text; true for a changed word.
    pub words: Vec<(usize, bool)>,
    /// End offset in bytes and kind of each piece of code.
    pub syntax: Vec<(usize, SyntaxKind)>,
}

/// Returns the rows of a change, not many more than `max_rows`.
pub(super) fn of(change: &ChangeKind, max_rows: usize, sanitise: fn(&str) -> Cow<'_, str>) -> Vec<DiffRow> {
    let mut builder = Builder { max_rows, rows: Vec::new(), hunk: 0 };
    match change {
        ChangeKind::Write(text) => builder.run(ChangeTag::Insert, &sanitise(text), (Some(1), None)),
        ChangeKind::Delete => builder.note("deleted"),
        ChangeKind::Replace(pairs) => {
            for (nth, (old, new)) in pairs.iter().enumerate() {
                if nth > 0 {
                    builder.gap();
                }
                builder.compare(&sanitise(old), &sanitise(new), PatchPosition::default());
            }
        }
        ChangeKind::Patch(patch) => builder.patch(&sanitise(patch)),
    }
    builder.rows
}

/// Starts of the lines before the first hunk that name the file, as the heading of the change does.
const FILE_HEADERS: [&str; 6] = ["--- ", "+++ ", "Index: ", "=====", "diff --git ", "index "];

/// Parses the first old and new line number of a hunk header: `@@ -1,4 +1,6 @@`.
fn hunk_start(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.strip_prefix("@@ -")?.split(' ');
    // Numbers of 32 bits leave room for the lines that are counted from them.
    let number = |word: &str| Some(word.split(',').next()?.parse::<u32>().ok()? as usize);
    let old = number(fields.next()?)?;
    Some((old, number(fields.next()?.strip_prefix('+')?)?))
}

/// Consecutive removed and added lines of a patch, each side with the index of its first line.
#[derive(Default)]
struct Pair {
    old: String,
    new: String,
    sources: [usize; 2],
}

/// Position of two texts in a patch: the numbers of their first lines, and the indices of these in the patch.
#[derive(Clone, Copy, Default)]
struct PatchPosition {
    numbers: Option<(usize, usize)>,
    sources: Option<[usize; 2]>,
}

struct Builder {
    max_rows: usize,
    rows: Vec<DiffRow>,
    hunk: usize,
}

impl Builder {
    fn is_full(&self) -> bool {
        self.rows.len() > self.max_rows
    }

    fn patch(&mut self, patch: &str) {
        let mut pair = Pair::default();
        let mut at: Option<(usize, usize)> = None;
        for (nth, line) in patch.lines().enumerate() {
            if self.is_full() {
                return;
            }
            if at.is_none() && FILE_HEADERS.iter().any(|start| line.starts_with(start)) {
                continue;
            }
            match line.as_bytes().first() {
                Some(b'-') => {
                    if !pair.new.is_empty() {
                        self.pair(&mut pair, &mut at);
                    }
                    if pair.old.is_empty() {
                        pair.sources[0] = nth;
                    }
                    pair.old.push_str(&line[1..]);
                    pair.old.push('\n');
                    continue;
                }
                Some(b'+') => {
                    if pair.new.is_empty() {
                        pair.sources[1] = nth;
                    }
                    pair.new.push_str(&line[1..]);
                    pair.new.push('\n');
                    continue;
                }
                _ => self.pair(&mut pair, &mut at),
            }
            if let Some(start) = hunk_start(line) {
                at = Some(start);
                self.hunk += 1;
                // The numbers of the lines say the same as a header without a context.
                if !self.rows.is_empty() || !line.ends_with("@@") {
                    self.rows.push(DiffRow::Header(line.to_owned()));
                }
            } else if line.starts_with(' ') || (line.is_empty() && at.is_some()) {
                let text = line.get(1..).unwrap_or_default();
                self.line(ChangeTag::Equal, at.unzip(), Some(nth), &[(false, text)]);
                at = at.map(|(old, new)| (old + 1, new + 1));
            } else {
                self.note(line);
            }
        }
        self.pair(&mut pair, &mut at);
    }

    /// Adds and clears a pair of removed and added lines.
    fn pair(&mut self, pair: &mut Pair, at: &mut Option<(usize, usize)>) {
        let Pair { old, new, sources } = std::mem::take(pair);
        if old.is_empty() && new.is_empty() {
            return;
        }
        self.compare(&old, &new, PatchPosition { numbers: *at, sources: Some(sources) });
        *at = at.map(|(from, to)| (from + old.lines().count(), to + new.lines().count()));
    }

    /// Adds the difference of two texts.
    fn compare(&mut self, old: &str, new: &str, at: PatchPosition) {
        let PatchPosition { numbers, sources } = at;
        if old.len() + new.len() > MAX_COMPARED_BYTES || old.is_empty() || new.is_empty() {
            self.run(ChangeTag::Delete, old, (numbers.map(|at| at.0), sources.map(|at| at[0])));
            self.run(ChangeTag::Insert, new, (numbers.map(|at| at.1), sources.map(|at| at[1])));
            return;
        }
        let diff = TextDiff::from_lines(old, new);
        for (nth, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
            if nth > 0 {
                self.gap();
            }
            for change in group.iter().flat_map(|operation| diff.iter_inline_changes(operation)) {
                if self.is_full() {
                    return;
                }
                let number = |first: Option<usize>, index: Option<usize>| Some(first? + index?);
                let (old, new) = numbers.unzip();
                let of_line = (number(old, change.old_index()), number(new, change.new_index()));
                let source = number(sources.map(|at| at[1]), change.new_index());
                let source = source.or_else(|| number(sources.map(|at| at[0]), change.old_index()));
                self.line(change.tag(), of_line, source, change.values());
            }
        }
    }

    /// Adds lines with the same tag, from a number and an index in the patch on.
    fn run(&mut self, tag: ChangeTag, lines: &str, (first, source): (Option<usize>, Option<usize>)) {
        for (nth, line) in lines.lines().enumerate() {
            if self.is_full() {
                return;
            }
            let number = first.map(|first| first + nth);
            let numbers = if tag == ChangeTag::Delete { (number, None) } else { (None, number) };
            self.line(tag, numbers, source.map(|source| source + nth), &[(false, line)]);
        }
    }

    fn line(
        &mut self,
        tag: ChangeTag,
        (old, new): (Option<usize>, Option<usize>),
        source: Option<usize>,
        pieces: &[(bool, &str)],
    ) {
        let mut text = String::new();
        let mut words = Vec::new();
        for (emphasised, piece) in pieces {
            text.push_str(piece.trim_end_matches('\n'));
            words.push((text.len(), *emphasised));
        }
        let hunk = self.hunk;
        self.rows.push(DiffRow::Line(DiffLine { tag, old, new, hunk, source, text, words, syntax: Vec::new() }));
    }

    /// Adds a mark between parts of the file that do not follow each other.
    fn gap(&mut self) {
        self.hunk += 1;
        self.note("⋯");
    }

    fn note(&mut self, note: &str) {
        self.rows.push(DiffRow::Note(note.to_owned()));
    }
}

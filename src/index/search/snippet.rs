//! What stands around a match, cut to a line or to some lines, with the matches marked.

use std::ops::Range;

use super::plan::{Plan, Test};
use crate::domain::found::{Place, Snippet};
use crate::domain::query::Part;
use crate::stdx::text::{boundary_after, boundary_before, one_line, sanitise};

/// How much stands around a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// One line of about so many bytes.
    Line(usize),
    /// So many lines before and after.
    Lines(usize),
}

/// Longest text around a match in lines, and most matches that are marked.
const LONGEST: usize = 4 << 10;
const MARKED: usize = 32;

/// Cuts out what stands around the first match at `at`, and marks what the probes of `bits` find in it.
pub fn snippet(plan: &Plan, bits: u64, part: Part, place: Place, text: &str, at: usize, context: Context) -> Snippet {
    let window = match context {
        Context::Line(bytes) => around(text, at, bytes / 3, bytes - bytes / 3),
        Context::Lines(lines) => lines_around(text, at, lines),
    };
    let cut = &text[window.clone()];
    let mut text_shown = match context {
        Context::Line(_) => one_line(cut),
        Context::Lines(_) => sanitise(cut).into_owned(),
    };
    if let Context::Line(_) = context {
        if window.start > 0 {
            text_shown.insert(0, '…');
        }
        if window.end < text.len() {
            text_shown.push('…');
        }
    }
    let ranges = marks(plan, bits, &text_shown);
    Snippet { place, part, text: text_shown, ranges }
}

/// Where the probes of `bits` match, ascending, overlaps joined.
pub fn marks(plan: &Plan, bits: u64, text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, probe) in plan.probes.iter().enumerate() {
        if let (true, Test::Text { matcher, .. }) = (bits & (1 << at) != 0, &probe.test) {
            found.extend(matcher.find_all(text, MARKED));
        }
    }
    found.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

fn around(text: &str, at: usize, before: usize, after: usize) -> Range<usize> {
    let at = at.min(text.len());
    let from = boundary_before(text, at.saturating_sub(before));
    let to = boundary_after(text, (at + after).min(text.len()));
    // Not within a word, where one ends near enough.
    let skipped = if from == 0 { 0 } else { text[from..at.max(from)].find(char::is_whitespace).map_or(0, |at| at + 1) };
    let start = boundary_before(text, from + skipped.min(before / 2));
    start..to
}

fn lines_around(text: &str, at: usize, lines: usize) -> Range<usize> {
    let at = boundary_before(text, at.min(text.len()));
    let from = text[..at].rmatch_indices('\n').nth(lines).map_or(0, |(newline, _)| newline + 1);
    let to = text[at..].match_indices('\n').nth(lines).map_or(text.len(), |(newline, _)| at + newline);
    let from = from.max(boundary_after(text, at.saturating_sub(LONGEST / 2)));
    from..to.min(boundary_before(text, at + LONGEST / 2)).max(at)
}

/// Where the first match of the probes of `bits` begins; 0 where none matches.
pub fn first(plan: &Plan, bits: u64, text: &str) -> usize {
    let found = plan.probes.iter().enumerate().filter_map(|(at, probe)| match &probe.test {
        Test::Text { matcher, .. } if bits & (1 << at) != 0 => matcher.find_at(text, 0),
        Test::Text { .. } | Test::Occurs(_) => None,
    });
    found.map(|range| range.start).min().unwrap_or_default()
}

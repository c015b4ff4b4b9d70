//! Snippets: text around a match, cut to one line or to some lines, with the ranges of the matches.

use std::ops::Range;

use super::plan::{ClauseTest, QueryPlan};
use crate::domain::query::TextKind;
use crate::domain::search::{EntryLocation, Snippet};
use crate::index::locate::alphanumerics;
use crate::stdx::text::{boundary_after, boundary_before, one_line, sanitise};

/// Size of a snippet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnippetContext {
    /// One line of about this many bytes.
    Line(usize),
    /// This many lines before and after.
    Lines(usize),
}

/// Maximum bytes of a snippet of lines, and maximum marked matches.
const MAX_CONTEXT_BYTES: usize = 4 << 10;
const MAX_MATCHES: usize = 32;

/// Bytes after the beginning of a match that tell apart entries with one key; a third of them before it.
const NEAR_BYTES: usize = 120;

/// Cuts the snippet around a match at `at`, and marks the matches of the clauses in `bits`.
pub(super) fn snippet(
    plan: &QueryPlan,
    bits: u64,
    kind: TextKind,
    mut location: EntryLocation,
    text: &str,
    at: usize,
    context: SnippetContext,
) -> Snippet {
    if let EntryLocation::Entry { near, .. } = &mut location {
        *near = alphanumerics(&text[window_around(text, at, NEAR_BYTES / 3, NEAR_BYTES)]).into();
    }
    let window = match context {
        SnippetContext::Line(bytes) => window_around(text, at, bytes / 3, bytes - bytes / 3),
        SnippetContext::Lines(lines) => lines_around(text, at, lines),
    };
    let cut = &text[window.clone()];
    let mut text_shown = match context {
        SnippetContext::Line(_) => one_line(cut),
        SnippetContext::Lines(_) => sanitise(cut).into_owned(),
    };
    if let SnippetContext::Line(_) = context {
        if window.start > 0 {
            text_shown.insert(0, '…');
        }
        if window.end < text.len() {
            text_shown.push('…');
        }
    }
    let ranges = match_ranges(plan, bits, &text_shown);
    Snippet { location, text_kind: kind, text: text_shown, ranges }
}

/// Returns the ranges of the clauses in `bits`, ascending, overlaps merged.
pub(super) fn match_ranges(plan: &QueryPlan, bits: u64, text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, clause) in plan.clauses.iter().enumerate() {
        if let (true, ClauseTest::Text { matcher, .. }) = (bits & (1 << at) != 0, &clause.test) {
            found.extend(matcher.find_all(text, MAX_MATCHES));
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

fn window_around(text: &str, at: usize, before: usize, after: usize) -> Range<usize> {
    let at = at.min(text.len());
    let from = boundary_before(text, at.saturating_sub(before));
    let to = boundary_after(text, (at + after).min(text.len()));
    // Starts at a word, where one begins near enough.
    let skipped = if from == 0 { 0 } else { text[from..at.max(from)].find(char::is_whitespace).map_or(0, |at| at + 1) };
    let start = boundary_before(text, from + skipped.min(before / 2));
    start..to
}

fn lines_around(text: &str, at: usize, lines: usize) -> Range<usize> {
    let at = boundary_before(text, at.min(text.len()));
    let from = text[..at].rmatch_indices('\n').nth(lines).map_or(0, |(newline, _)| newline + 1);
    let to = text[at..].match_indices('\n').nth(lines).map_or(text.len(), |(newline, _)| at + newline);
    let from = from.max(boundary_after(text, at.saturating_sub(MAX_CONTEXT_BYTES / 2)));
    from..to.min(boundary_before(text, at + MAX_CONTEXT_BYTES / 2)).max(at)
}

/// Returns the start of the first match of the clauses in `bits`; 0 without a match.
pub(super) fn first_match(plan: &QueryPlan, bits: u64, text: &str) -> usize {
    let found = plan.clauses.iter().enumerate().filter_map(|(at, clause)| match &clause.test {
        ClauseTest::Text { matcher, .. } if bits & (1 << at) != 0 => matcher.find_at(text, 0),
        ClauseTest::Text { .. } | ClauseTest::Occurs(_) => None,
    });
    found.map(|range| range.start).min().unwrap_or_default()
}

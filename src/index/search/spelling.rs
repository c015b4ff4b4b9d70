//! Fallback without hits: words within one edit of the query's words, and titles by abbreviation.

use std::sync::Arc;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::query_cache::QueryCache;
use super::similar_words;
use super::store::IndexReader;
use super::vocabulary::MIN_WORD_CHARS;
use super::{Cancel, QueryRequest, execute};
use crate::domain::query::fold::{Case, fold};
use crate::domain::query::{Needle, NeedleForm, Query, TermKind, TextKind};
use crate::domain::search::{Coverage, EntryLocation, Hit, SearchUpdate, Snippet};

/// Searches with corrected words and by abbreviation. Returns false if the search stopped at its limit.
pub(super) fn search(
    request: &QueryRequest<'_>,
    reader: &Arc<IndexReader>,
    cancel: &Cancel,
    sink: &mut dyn FnMut(SearchUpdate),
) -> bool {
    let (titles, corrected) = std::thread::scope(|scope| {
        let corrected = scope.spawn(|| correct(request.query, reader, cancel));
        // A thread that panicked corrects nothing; the panic hook has reported it.
        (titles_by_abbreviation(request), corrected.join().ok().flatten())
    });
    if !titles.is_empty() {
        sink(SearchUpdate { hits: titles, ..SearchUpdate::default() });
    }
    let Some((query, corrections)) = corrected else { return true };
    let (mut has_hits, mut is_complete) = (false, false);
    execute::search(request, &query, reader.clone(), &QueryCache::default(), cancel, &mut |found| {
        is_complete = found.coverage.complete;
        let coverage = Coverage { complete: false, ..found.coverage };
        // A vocabulary may contain words of deleted texts.
        has_hits |= !found.hits.is_empty();
        let corrections = if has_hits { corrections.clone() } else { Vec::new() };
        sink(SearchUpdate { coverage, corrections, ..found });
    });
    is_complete
}

/// Returns the sessions whose title matches the only word of the query as an abbreviation.
fn titles_by_abbreviation(request: &QueryRequest<'_>) -> Vec<Hit> {
    let [branch] = &request.query.branches[..] else { return Vec::new() };
    let needles: Vec<&Needle> = branch.required().collect();
    let [Needle { text, form: NeedleForm::Word }] = needles[..] else { return Vec::new() };
    if branch.excluded().next().is_some() || text.chars().count() < 2 {
        return Vec::new();
    }
    let eligible = |session| branch.filters().all(|(filter, not)| filter.admits(session, &request.facts()) != not);
    let matcher = SkimMatcherV2::default().ignore_case();
    let mut hits: Vec<Hit> = request
        .corpus
        .sessions()
        .iter()
        .filter(|session| eligible(session) && has_chars_in_order(&session.title.text, text))
        .filter_map(|session| {
            let (score, positions) = matcher.fuzzy_indices(&session.title.text, text)?;
            let ranges = char_ranges(&session.title.text, &positions);
            let text = session.title.text.to_string();
            let snippet = Snippet { location: EntryLocation::Title, text_kind: TextKind::Title, text, ranges };
            #[expect(clippy::cast_precision_loss, reason = "a rough measure")]
            let score = score as f32 / 1000.0;
            Some(Hit { session: session.clone(), score, count: 0, snippets: vec![snippet] })
        })
        .collect();
    hits.sort_by(|a, b| request.order.compare(a, b));
    hits
}

/// Returns true if a title contains the characters of an abbreviation in their order. Few do, and the matcher is slow.
fn has_chars_in_order(title: &str, abbreviation: &str) -> bool {
    let mut chars = title.chars();
    abbreviation.chars().all(|wanted| chars.any(|c| c.eq_ignore_ascii_case(&wanted)))
}

/// Returns the byte ranges of characters by their numbers.
fn char_ranges(text: &str, numbers: &[usize]) -> Vec<std::ops::Range<usize>> {
    let found = text.char_indices().enumerate().filter(|(number, _)| numbers.contains(number));
    found.map(|(_, (at, c))| at..at + c.len_utf8()).collect()
}

/// Replaces each word that occurs nowhere by the most frequent word within one edit.
fn correct(query: &Query, reader: &IndexReader, cancel: &Cancel) -> Option<(Query, Vec<(String, String)>)> {
    let wanted: Vec<String> = query
        .needles()
        .filter(|needle| needle.form == NeedleForm::Word)
        .map(|needle| fold(&needle.text, Case::Ignored))
        // Numbers and ids are pasted, not typed.
        .filter(|word| word.chars().count() >= MIN_WORD_CHARS && !word.chars().any(char::is_numeric))
        .collect();
    if wanted.is_empty() {
        return None;
    }
    let candidates = similar_words::count(&wanted, reader, cancel);
    let mut corrections: Vec<(String, String)> = Vec::new();
    for word in wanted {
        // A word that occurs is spelled correctly.
        let candidates = candidates.get(&word).filter(|candidates| !candidates.contains_key(&word));
        let best = candidates
            .and_then(|candidates| candidates.iter().max_by_key(|(other, count)| (**count, (*other).clone())));
        corrections.extend(best.map(|(other, _)| (word, other.clone())));
    }
    if corrections.is_empty() {
        return None;
    }
    let mut query = query.clone();
    for term in query.branches.iter_mut().flat_map(|branch| &mut branch.terms).filter(|term| !term.negated) {
        if let TermKind::Text(needle) = &mut term.kind
            && let Some((_, other)) = corrections.iter().find(|(word, _)| *word == fold(&needle.text, Case::Ignored))
        {
            needle.text.clone_from(other);
        }
    }
    Some((query, corrections))
}

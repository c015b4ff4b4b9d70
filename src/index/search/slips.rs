//! When nothing was found: words that are one slip away from what was typed, and titles by abbreviation.

use std::collections::HashMap;
use std::sync::Arc;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::small::Kept;
use super::store::{Buffer, View};
use super::typed::Typed;
use super::{Cancel, Request, run};
use crate::domain::found::{Found, Hit, Place, Reach, Snippet};
use crate::domain::query::fold::{Case, fold, within_one_slip};
use crate::domain::query::{Form, Needle, Part, Query, What};

/// Shortest word that may hold a slip: in shorter ones everything is one slip away from everything.
const SHORTEST: usize = 4;

/// Searches for what may have been meant.
pub fn search(request: &Request<'_>, view: &Arc<View>, small: Arc<Kept>, cancel: &Cancel, sink: &mut dyn FnMut(Found)) {
    let titles = by_abbreviation(request);
    if !titles.is_empty() {
        sink(Found { hits: titles, ..Found::default() });
    }
    let Some((query, instead)) = corrected(request.query, view, cancel) else { return };
    run::search(request, &query, view.clone(), small, &Typed::default(), cancel, &mut |found| {
        let reach = Reach { complete: false, ..found.reach };
        sink(Found { instead: instead.clone(), reach, ..found });
    });
}

/// Sessions whose title the only word of the query abbreviates.
fn by_abbreviation(request: &Request<'_>) -> Vec<Hit> {
    let [branch] = &request.query.branches[..] else { return Vec::new() };
    let words: Vec<&Needle> = branch.wanted().collect();
    let [Needle { text, form: Form::Word }] = words[..] else { return Vec::new() };
    if branch.unwanted().next().is_some() || text.chars().count() < 2 {
        return Vec::new();
    }
    let open = |session| branch.filters().all(|(filter, not)| filter.admits(session, &request.facts(session)) != not);
    let matcher = SkimMatcherV2::default().ignore_case();
    let mut hits: Vec<Hit> = request
        .corpus
        .sessions()
        .iter()
        .filter(|session| open(session))
        .filter_map(|session| {
            let (score, places) = matcher.fuzzy_indices(&session.title.text, text)?;
            let ranges = letters(&session.title.text, &places);
            let text = session.title.text.to_string();
            let snippet = Snippet { place: Place::Title, part: Part::Title, text, ranges };
            #[expect(clippy::cast_precision_loss, reason = "a rough measure")]
            let score = score as f32 / 1000.0;
            Some(Hit { session: session.clone(), score, count: 1, snippets: vec![snippet] })
        })
        .collect();
    hits.sort_by(|a, b| request.order.compare(a, b));
    hits
}

/// Ranges of bytes of letters by their numbers.
fn letters(text: &str, numbers: &[usize]) -> Vec<std::ops::Range<usize>> {
    let found = text.char_indices().enumerate().filter(|(number, _)| numbers.contains(number));
    found.map(|(_, (at, c))| at..at + c.len_utf8()).collect()
}

/// The query with each word that occurs nowhere replaced by the most frequent word that is one slip away.
fn corrected(query: &Query, view: &View, cancel: &Cancel) -> Option<(Query, Vec<(String, String)>)> {
    let wanted: Vec<String> = query
        .needles()
        .filter(|needle| needle.form == Form::Word)
        .map(|needle| fold(&needle.text, Case::Ignored))
        // Numbers and ids are pasted, not typed.
        .filter(|word| word.chars().count() >= SHORTEST && !word.chars().any(char::is_numeric))
        .collect();
    if wanted.is_empty() {
        return None;
    }
    let near = near(&wanted, view, cancel);
    let mut instead: Vec<(String, String)> = Vec::new();
    for word in wanted {
        // A word that occurs is spelled as it was meant.
        let candidates = near.get(&word).filter(|near| !near.contains_key(&word));
        let best = candidates.and_then(|near| near.iter().max_by_key(|(other, count)| (**count, (*other).clone())));
        instead.extend(best.map(|(other, _)| (word, other.clone())));
    }
    if instead.is_empty() {
        return None;
    }
    let mut query = query.clone();
    for term in query.branches.iter_mut().flat_map(|branch| &mut branch.terms).filter(|term| !term.negated) {
        if let What::Text(needle) = &mut term.what
            && let Some((_, other)) = instead.iter().find(|(word, _)| *word == fold(&needle.text, Case::Ignored))
        {
            needle.text.clone_from(other);
        }
    }
    Some((query, instead))
}

/// For each wanted word the words of the talk that are at most one slip away, with their counts.
fn near(wanted: &[String], view: &View, cancel: &Cancel) -> HashMap<String, HashMap<String, usize>> {
    let mut near: HashMap<String, HashMap<String, usize>> = HashMap::new();
    let mut buffer = Buffer::default();
    for live in view.live() {
        if cancel.is_cancelled() {
            break;
        }
        let Ok(block) = view.read(&live.batch, &mut buffer) else { continue };
        let text = String::from_utf8_lossy(block.text);
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            for wanted in wanted.iter().filter(|wanted| plausible(wanted, word)) {
                let word = fold(word, Case::Ignored);
                if within_one_slip(wanted, &word) {
                    *near.entry(wanted.clone()).or_default().entry(word).or_default() += 1;
                }
            }
        }
    }
    near
}

/// A quick look before the exact one: about as long, and the same at its beginning or its end.
fn plausible(wanted: &str, word: &str) -> bool {
    if wanted.len().abs_diff(word.len()) > 4 || word.len() < SHORTEST - 1 {
        return false;
    }
    let same = |a: Option<char>, b: Option<char>| match (a, b) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(&b) || !b.is_ascii(),
        _ => false,
    };
    same(wanted.chars().next(), word.chars().next()) || same(wanted.chars().next_back(), word.chars().next_back())
}

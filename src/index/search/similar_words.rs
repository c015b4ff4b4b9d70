//! Words of the text index within one edit of others.
//!
//! Such a word begins with the first half of the other one, ends with its second half, or has the two letters in the
//! middle exchanged. So these parts are searched for, and n-gram filters exclude most segments.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex::bytes::Regex;

use super::Cancel;
use super::build::threads;
use super::ngram::{NeedleGrams, segments};
use super::store::{BlockBuffer, IndexReader, StoredFilter, StoredSegment};
use crate::domain::query::fold::{Case, fold, within_one_edit};
use crate::domain::query::foldable::next_foldable;
use crate::domain::query::matcher::compile;

/// Minimum length of a word, because all shorter ones are within one edit of each other.
pub(crate) const MIN_WORD_CHARS: usize = 4;

/// Maximum difference in bytes between two similar words.
const MAX_LENGTH_DIFFERENCE: usize = 4;

/// Similar words of each wanted word, with their counts.
pub(crate) type SimilarWords = HashMap<String, HashMap<String, usize>>;

/// Returns the words of the index within one edit of each wanted word, which is folded.
pub(crate) fn count(wanted: &[String], reader: &IndexReader, cancel: &Cancel) -> SimilarWords {
    let wanted: Vec<WantedWord> = wanted.iter().map(|word| WantedWord::new(word)).collect();
    let excluded = excluded_sources(&wanted, reader);
    let segments: Vec<&StoredSegment> =
        reader.live_segments().filter(|stored| !excluded.contains(stored.segment.path())).collect();
    let next = AtomicUsize::new(0);
    let count_some = || {
        let (mut found, mut buffer) = (SimilarWords::new(), BlockBuffer::default());
        while let Some(stored) = segments.get(next.fetch_add(1, Ordering::Relaxed)) {
            if cancel.is_cancelled() {
                break;
            }
            let Ok(block) = reader.read(&stored.segment, &mut buffer) else { continue };
            wanted.iter().for_each(|word| word.count_in(block.text, &mut found));
        }
        found
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads().min(segments.len())).map(|_| scope.spawn(count_some)).collect();
        let mut all = count_some();
        // A thread that panicked adds nothing; the panic hook has reported it.
        for (word, similar) in others.into_iter().flat_map(|other| other.join().unwrap_or_default()) {
            let counts = all.entry(word).or_default();
            similar.into_iter().for_each(|(word, count)| *counts.entry(word).or_default() += count);
        }
        all
    })
}

/// Word whose similar words are wanted.
struct WantedWord<'a> {
    word: &'a str,
    /// Expression of its first half, its second half, and the word with the letters between them exchanged.
    parts: Option<Regex>,
    /// N-grams of its similar words.
    grams: NeedleGrams,
}

impl<'a> WantedWord<'a> {
    fn new(word: &'a str) -> Self {
        let chars: Vec<char> = word.chars().collect();
        let middle = chars.len() / 2;
        let first: String = chars[..middle].iter().collect();
        let second: String = chars[middle..].iter().collect();
        let parts = [first, second, exchanged(&chars, middle)].map(|part| regex::escape(&part)).join("|");
        let parts = compile(&parts, Case::Ignored, !word.is_ascii()).ok();
        Self { word, parts, grams: similar_grams(&chars) }
    }

    /// Counts the similar words in a text.
    fn count_in(&self, text: &[u8], found: &mut SimilarWords) {
        let mut words = BTreeSet::new();
        self.add_words_with_a_part(text, &mut words);
        self.add_foldable_words(text, &mut words);
        for (start, end) in words {
            let Ok(word) = std::str::from_utf8(&text[start..end]) else { continue };
            let word = fold(word, Case::Ignored);
            if within_one_edit(self.word, &word) {
                *found.entry(self.word.to_owned()).or_default().entry(word).or_default() += 1;
            }
        }
    }

    /// Adds the words of a similar length that contain a part.
    fn add_words_with_a_part(&self, text: &[u8], words: &mut BTreeSet<(usize, usize)>) {
        let mut from = 0;
        while let Some(part) = self.parts.as_ref().and_then(|parts| parts.find_at(text, from)) {
            let (start, end) = word_around(text, part.start(), self.word.len() + 2 * MAX_LENGTH_DIFFERENCE);
            from = end.max(part.end());
            let len = end - start;
            if self.word.len().abs_diff(len) <= MAX_LENGTH_DIFFERENCE && len >= MIN_WORD_CHARS - 1 {
                words.insert((start, end));
            }
        }
    }

    /// Adds the words with accented letters, in which a part has other bytes.
    fn add_foldable_words(&self, text: &[u8], words: &mut BTreeSet<(usize, usize)>) {
        let mut from = 0;
        while let Some(at) = next_foldable(text, from..text.len()) {
            // An accented letter may have twice the bytes.
            let word = word_around(text, at, 2 * self.word.len() + 2 * MAX_LENGTH_DIFFERENCE);
            from = word.1.max(at + 1);
            words.insert(word);
        }
    }
}

/// Returns the word with the letters before and after a position exchanged.
fn exchanged(chars: &[char], at: usize) -> String {
    let mut chars = chars.to_vec();
    chars.swap(at - 1, at);
    chars.into_iter().collect()
}

/// N-grams of the words within one edit: those before and after each edited letter, and those of each exchange.
fn similar_grams(chars: &[char]) -> NeedleGrams {
    let text = |chars: &[char]| chars.iter().collect::<String>();
    let edited = (0..chars.len()).map(|at| vec![text(&chars[..at]), text(&chars[at + 1..])]);
    let exchanged = (1..chars.len()).map(|at| vec![exchanged(chars, at)]);
    NeedleGrams::of_parts(edited.chain(exchanged))
}

/// Returns the range of the word that contains a byte, cut to `reach` bytes before and after it.
fn word_around(text: &[u8], at: usize, reach: usize) -> (usize, usize) {
    let is_part = |c: char| c.is_alphanumeric();
    let before = text[at.saturating_sub(reach)..at].utf8_chunks().last();
    let before = before.filter(|chunk| chunk.invalid().is_empty()).map_or("", |chunk| chunk.valid());
    let bytes_before: usize = before.chars().rev().take_while(|c| is_part(*c)).map(char::len_utf8).sum();
    let after = text[at..text.len().min(at + reach)].utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let bytes_after: usize = after.chars().take_while(|c| is_part(*c)).map(char::len_utf8).sum();
    (at - bytes_before, at + bytes_after)
}

/// Returns the sources without any similar word, as their filters prove.
fn excluded_sources<'a>(wanted: &[WantedWord<'_>], reader: &'a IndexReader) -> HashSet<&'a Path> {
    if wanted.iter().any(|word| word.grams.is_empty()) {
        return HashSet::new();
    }
    let mut filters: Vec<(&Path, &StoredFilter)> = reader.current_filters().collect();
    filters.sort_unstable_by_key(|(_, filter)| filter.stored.at);
    let ranges: Vec<_> = filters.iter().map(|(_, filter)| filter.stored.range()).collect();
    let mut excluded = HashSet::new();
    reader.read_ranges(&ranges, |at, bytes| {
        let (path, filter) = filters[at];
        let may_contain = || segments(bytes).any(|segment| wanted.iter().any(|word| segment.may_contain(&word.grams)));
        // A damaged filter excludes nothing.
        if reader.is_intact(filter.stored, bytes) && !may_contain() {
            excluded.insert(path);
        }
        std::ops::ControlFlow::Continue(())
    });
    excluded
}

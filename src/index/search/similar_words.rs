//! Words of the text index within one edit of others: from the vocabularies, and from the texts that are in none yet.
//!
//! Such a word begins with the first half of the other one, or ends with its second half. Otherwise the two letters in
//! the middle are exchanged. So these parts are searched for in the texts.

use std::collections::BTreeSet;

use regex::bytes::Regex;

use super::Cancel;
use super::store::{IndexReader, StoredSegment};
use super::vocabulary::{self, MIN_WORD_CHARS, SimilarWords, read_segments};
use crate::domain::query::fold::{Case, fold, within_one_edit};
use crate::domain::query::foldable::next_foldable;
use crate::domain::query::matcher::compile;

/// Maximum difference in bytes between two similar words.
const MAX_LENGTH_DIFFERENCE: usize = 4;

/// Returns the words of the index within one edit of each wanted word, which is folded.
pub(crate) fn count(wanted: &[String], reader: &IndexReader, cancel: &Cancel) -> SimilarWords {
    let (mut all, segments): (_, Vec<&StoredSegment>) = match vocabulary::similar(wanted, reader) {
        Some(found) => (found, vocabulary::uncovered(reader).collect()),
        // Without intact vocabularies all texts are read.
        None => (SimilarWords::new(), reader.live_segments().collect()),
    };
    let wanted: Vec<WantedWord> = wanted.iter().map(|word| WantedWord::new(word)).collect();
    let count = |found: &mut SimilarWords, text: &[u8]| wanted.iter().for_each(|word| word.count_in(text, found));
    for (word, similar) in read_segments(reader, &segments, cancel, count).into_iter().flatten() {
        let counts = all.entry(word).or_default();
        similar.into_iter().for_each(|(word, count)| *counts.entry(word).or_default() += count);
    }
    all
}

/// Word whose similar words are wanted.
struct WantedWord<'a> {
    word: &'a str,
    /// Expression of its first half, its second half, and the word with the letters between them exchanged.
    parts: Option<Regex>,
}

impl<'a> WantedWord<'a> {
    fn new(word: &'a str) -> Self {
        let chars: Vec<char> = word.chars().collect();
        let middle = chars.len() / 2;
        let first: String = chars[..middle].iter().collect();
        let second: String = chars[middle..].iter().collect();
        let parts = [first, second, exchanged(&chars, middle)].map(|part| regex::escape(&part)).join("|");
        let parts = compile(&parts, Case::Ignored, !word.is_ascii()).ok();
        Self { word, parts }
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

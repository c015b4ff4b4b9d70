//! Vocabulary of the text index: the words of its texts with their numbers of occurrences, for spelling correction.
//!
//! A vocabulary covers the segments that were written since the previous one; the texts of newer segments are read.
//! Words of texts that were deleted since then remain until a vocabulary replaces all others.
//!
//! ```text
//! groups  words of one length, the shortest first: length (2 bytes), number of words (4 bytes),
//!         the words in order, the number of occurrences of each (4 bytes)
//! ```

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::{FixedState, RandomState};

use super::Cancel;
use super::store::{BlockBuffer, IndexReader, IndexRecord, IndexStore, StoredSegment, StoredVocabulary};
use crate::domain::query::fold::{Case, fold, within_one_edit};
use crate::stdx::threads::processors;

/// Minimum length of a word, because all shorter ones are within one edit of each other.
pub(crate) const MIN_WORD_CHARS: usize = 4;

/// Minimum bytes of uncovered text for a vocabulary, because less is read fast.
const MIN_NEW_TEXT: usize = 1 << 20;

/// Maximum number of vocabularies; the next one replaces them all.
const MAX_VOCABULARIES: usize = 8;

/// Lengths of the words in bytes. Longer ones are not typed.
const WORD_BYTES: std::ops::RangeInclusive<usize> = MIN_WORD_CHARS - 1..=64;

/// Maximum number of digits in a word. Words with digits are not corrected, and one edit adds one digit.
const MAX_DIGITS: usize = 1;

/// Maximum difference in bytes between a word and the same after one edit, and of those on ASCII words.
const MAX_EDIT_BYTES: usize = 4;
const MAX_ASCII_EDIT_BYTES: usize = 1;

/// Similar words of each wanted word, with their counts.
pub(crate) type SimilarWords = HashMap<String, HashMap<String, usize>>;

/// Returns true if much text is in no vocabulary.
pub(super) fn is_due(reader: &IndexReader) -> bool {
    let uncovered: usize = uncovered(reader).map(|stored| stored.segment.layout.text).sum();
    uncovered >= MIN_NEW_TEXT
}

/// Returns the live segments that no vocabulary covers.
pub(super) fn uncovered(reader: &IndexReader) -> impl Iterator<Item = &StoredSegment> {
    reader.segments_since(covered_end(reader))
}

/// Returns the length of the manifest with the covered segments.
fn covered_end(reader: &IndexReader) -> u64 {
    reader.vocabularies().last().map_or(0, |vocabulary| vocabulary.end)
}

/// Adds a vocabulary of the uncovered segments, unless there is little text in them, or another process writes.
pub(super) fn update(store: &IndexStore, cancel: &Cancel) -> io::Result<()> {
    if !is_due(&store.refresh()) {
        return Ok(());
    }
    let Some(mut writer) = store.writer()? else { return Ok(()) };
    let reader = writer.reader();
    let is_whole = reader.vocabularies().len() >= MAX_VOCABULARIES;
    let since = if is_whole { 0 } else { covered_end(&reader) };
    let segments: Vec<&StoredSegment> = reader.segments_since(since).collect();
    let counters = read_segments(&reader, &segments, cancel, |counter: &mut WordCounter, text| counter.add_text(text));
    let all = counters.into_iter().reduce(|mut all, counter| {
        counter.words().for_each(|(word, count)| all.add(word, count));
        all
    });
    if cancel.is_cancelled() {
        return Ok(());
    }
    let bytes = all.unwrap_or_default().encode();
    let vocabulary = StoredVocabulary::new(&bytes, reader.version().1, is_whole);
    writer.append([(IndexRecord::Vocabulary(vocabulary), bytes.into())])
}

/// Counts the words within one edit of each wanted word, which is folded. `None` if a vocabulary is damaged.
pub(super) fn similar(wanted: &[String], reader: &IndexReader) -> Option<SimilarWords> {
    let (mut found, mut bytes) = (SimilarWords::new(), Vec::new());
    for vocabulary in reader.vocabularies() {
        reader.read_stored(vocabulary.stored, &mut bytes).ok()?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (group, behind) = Group::split(rest)?;
            for word in wanted.iter().filter(|word| word.len().abs_diff(group.len) <= MAX_EDIT_BYTES) {
                group.add_similar(word, &mut found);
            }
            rest = behind;
        }
    }
    Some(found)
}

/// Reads the texts of segments on all processors. Returns the result of each thread.
pub(super) fn read_segments<T: Default + Send>(
    reader: &IndexReader,
    segments: &[&StoredSegment],
    cancel: &Cancel,
    read: impl Fn(&mut T, &[u8]) + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let read_some = || {
        let (mut result, mut buffer) = (T::default(), BlockBuffer::default());
        while let Some(stored) = segments.get(next.fetch_add(1, Ordering::Relaxed)) {
            if cancel.is_cancelled() {
                break;
            }
            let Ok(block) = reader.read(&stored.segment, &mut buffer) else { continue };
            read(&mut result, block.text);
        }
        result
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..processors().min(segments.len())).map(|_| scope.spawn(read_some)).collect();
        let mine = read_some();
        // A thread that panicked adds nothing; the panic hook has reported it.
        others.into_iter().filter_map(|other| other.join().ok()).chain([mine]).collect()
    })
}

/// Words of one length.
struct Group<'a> {
    /// Length in bytes.
    len: usize,
    words: &'a [u8],
    counts: &'a [[u8; 4]],
}

impl<'a> Group<'a> {
    /// Splits off the first group; `None` where it is damaged.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (len, rest) = bytes.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (len, count) = (usize::from(u16::from_le_bytes(*len)), u32::from_le_bytes(*count) as usize);
        let (words, rest) = rest.split_at_checked(len.checked_mul(count)?)?;
        let (counts, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        (len > 0).then_some((Self { len, words, counts: counts.as_chunks().0 }, rest))
    }

    fn add_similar(&self, wanted: &str, found: &mut SimilarWords) {
        for (word, count) in self.words.chunks_exact(self.len).zip(self.counts) {
            if !may_be_similar(wanted.as_bytes(), word) {
                continue;
            }
            let Some(word) = std::str::from_utf8(word).ok().filter(|word| within_one_edit(wanted, word)) else {
                continue;
            };
            let count = u32::from_le_bytes(*count) as usize;
            *found.entry(wanted.to_owned()).or_default().entry(word.to_owned()).or_default() += count;
        }
    }
}

/// Compares the first and the last bytes of two words: few words are within one edit, and the exact test is slower.
fn may_be_similar(a: &[u8], b: &[u8]) -> bool {
    let max_edit = if a.is_ascii() && b.is_ascii() { MAX_ASCII_EDIT_BYTES } else { MAX_EDIT_BYTES };
    let len = a.len().max(b.len());
    if a.len().abs_diff(b.len()) > max_edit {
        return false;
    }
    let first = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let last = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    // Two exchanged letters take up twice the bytes.
    first + last + 2 * max_edit >= len
}

/// Counter of words.
#[derive(Default)]
struct WordCounter {
    /// Words by their hash. Of two words with one hash, the first one is counted.
    words: HashMap<u64, CountedWord, RandomState>,
    /// Bytes of all words. One buffer, because allocators do not return many small ones to the system.
    bytes: Vec<u8>,
}

/// Word in a [`WordCounter`].
struct CountedWord {
    start: usize,
    len: usize,
    count: u32,
}

impl WordCounter {
    /// Counts the words of a text.
    fn add_text(&mut self, text: &[u8]) {
        let is_part = |c: char| c.is_alphanumeric();
        for chunk in text.utf8_chunks() {
            for word in chunk.valid().split(|c| !is_part(c)).filter(|word| WORD_BYTES.contains(&word.len())) {
                if word.chars().filter(|c| c.is_numeric()).count() > MAX_DIGITS {
                    continue;
                }
                if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
                    self.add(word.as_bytes(), 1);
                } else {
                    self.add(fold(word, Case::Ignored).as_bytes(), 1);
                }
            }
        }
    }

    fn add(&mut self, word: &[u8], count: u32) {
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(word);
        let Self { words, bytes } = self;
        let known = words.entry(hasher.finish()).or_insert_with(|| {
            bytes.extend_from_slice(word);
            CountedWord { start: bytes.len() - word.len(), len: word.len(), count: 0 }
        });
        if bytes[known.start..known.start + known.len] == *word {
            known.count = known.count.saturating_add(count);
        }
    }

    /// Iterates the words with their numbers of occurrences.
    fn words(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.words.values().map(|word| (&self.bytes[word.start..word.start + word.len], word.count))
    }

    /// Encodes the vocabulary.
    fn encode(&self) -> Vec<u8> {
        let mut by_length: BTreeMap<u16, Vec<(&[u8], u32)>> = BTreeMap::new();
        for (word, count) in self.words() {
            // A folded word may be longer than the written one, but not by so much.
            let Ok(len @ 1..) = u16::try_from(word.len()) else { continue };
            by_length.entry(len).or_default().push((word, count));
        }
        let mut bytes = Vec::new();
        for (len, mut words) in by_length {
            words.sort_unstable();
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(words.len()).unwrap_or(u32::MAX).to_le_bytes());
            words.iter().for_each(|(word, _)| bytes.extend_from_slice(word));
            words.iter().for_each(|(_, count)| bytes.extend_from_slice(&count.to_le_bytes()));
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, SimilarWords, WordCounter, may_be_similar};
    use crate::domain::query::fold::within_one_edit;

    fn similar(texts: &[&str], wanted: &str) -> Vec<(String, usize)> {
        let mut counter = WordCounter::default();
        texts.iter().for_each(|text| counter.add_text(text.as_bytes()));
        let (bytes, mut found) = (counter.encode(), SimilarWords::new());
        let mut rest = &bytes[..];
        while let Some((group, behind)) = Group::split(rest) {
            group.add_similar(wanted, &mut found);
            rest = behind;
        }
        assert!(rest.is_empty(), "all groups are read");
        let mut found: Vec<_> = found.remove(wanted).unwrap_or_default().into_iter().collect();
        found.sort();
        found
    }

    #[test]
    fn words_are_counted_in_any_case_and_script() {
        let texts = ["The Parser, the parser_of parsers", "PARSER parsér naïve 解析器", "utf8 0a1b2c3d"];
        assert_eq!(similar(&texts, "parser"), [("parser".to_owned(), 4), ("parsers".to_owned(), 1)]);
        assert_eq!(similar(&texts, "naive"), [("naive".to_owned(), 1)]);
        assert_eq!(similar(&texts, "utff"), [("utf8".to_owned(), 1)]);
        assert_eq!(similar(&texts, "解析"), [("解析器".to_owned(), 1)]);
        assert!(similar(&texts, "nowhere").is_empty());
    }

    #[test]
    fn a_damaged_vocabulary_is_rejected() {
        let mut counter = WordCounter::default();
        counter.add_text(b"some words of a text");
        let bytes = counter.encode();
        assert!(Group::split(&bytes[..bytes.len().min(7)]).is_none());
        assert!(Group::split(&[0; 16]).is_none(), "an empty length would not end");
    }

    #[test]
    fn every_single_edit_may_be_similar() {
        let inserted = ['a', 'b', 'é', '解', '😀'];
        for word in ["parser", "pärser", "解析器", "ab"] {
            let chars: Vec<char> = word.chars().collect();
            let mut edited = Vec::new();
            for at in 0..=chars.len() {
                let (before, after) = chars.split_at(at);
                for other in inserted {
                    edited.push([before, &[other], after].concat());
                    edited.push([before, &[other], after.get(1..).unwrap_or_default()].concat());
                }
                edited.push([before, after.get(1..).unwrap_or_default()].concat());
                if let [one, two, rest @ ..] = after {
                    edited.push([before, &[*two, *one], rest].concat());
                }
            }
            for other in edited.into_iter().map(|chars| chars.into_iter().collect::<String>()) {
                assert!(within_one_edit(word, &other), "{word} {other}");
                assert!(may_be_similar(word.as_bytes(), other.as_bytes()), "{word} {other}");
            }
        }
    }
}

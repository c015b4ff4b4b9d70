//! Text folding: case, accents, composed and decomposed letters, full width, runs of white space.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Case sensitivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// `A` and `a` differ.
    Exact,
    /// `A` and `a` are equal.
    Ignored,
}

impl Case {
    /// Applies smart case: an upper-case letter makes the search case-sensitive.
    pub fn smart(text: &str) -> Self {
        if text.chars().any(char::is_uppercase) { Self::Exact } else { Self::Ignored }
    }
}

/// Folded text with a mapping to the original bytes.
#[derive(Debug, Default)]
pub struct Folded {
    /// Folded text.
    pub text: String,
    /// For each byte of the folded text, start and end of its character in the original.
    origin: Vec<(u32, u32)>,
}

impl Folded {
    /// Folds a text of less than 4 GB.
    pub fn new(text: &str, case: Case) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), origin: Vec::with_capacity(text.len()) };
        for (at, cluster) in text.grapheme_indices(true) {
            fold_cluster(cluster, case, &mut folded.text);
            let place = (index(at), index(at + cluster.len()));
            let fresh = folded.text.len() - folded.origin.len();
            match folded.origin.last_mut() {
                // A further space of a run, or a combining mark by itself, adds no text.
                Some(last) if fresh == 0 => last.1 = place.1,
                _ => folded.origin.resize(folded.text.len(), place),
            }
        }
        folded
    }

    /// Maps a range of the folded text to the original.
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        let start = self.origin.get(range.start).map_or(0, |place| place.0 as usize);
        let end = self.origin.get(range.end.saturating_sub(1)).map_or(start, |place| place.1 as usize);
        start..end.max(start)
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Folds a text: accents, composition, width, and case if it is ignored. A run of white space becomes one space.
pub fn fold(text: &str, case: Case) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        for c in text.chars() {
            fold_ascii(c, case, &mut folded);
        }
    } else {
        for cluster in text.graphemes(true) {
            fold_cluster(cluster, case, &mut folded);
        }
    }
    folded
}

fn fold_cluster(cluster: &str, case: Case, folded: &mut String) {
    if cluster.is_ascii() {
        cluster.chars().for_each(|c| fold_ascii(c, case, folded));
        return;
    }
    // Compose again after removing the marks, so that Hangul remains whole syllables.
    for c in cluster.nfkd().filter(|c| !is_accent(*c)).nfc() {
        if c.is_whitespace() {
            fold_ascii(' ', case, folded);
            continue;
        }
        match (c, case) {
            ('ß' | 'ẞ', Case::Ignored) | ('ß', Case::Exact) => folded.push_str("ss"),
            ('ẞ', Case::Exact) => folded.push_str("SS"),
            ('ø', _) | ('Ø', Case::Ignored) => folded.push('o'),
            ('Ø', Case::Exact) => folded.push('O'),
            ('ł', _) | ('Ł', Case::Ignored) => folded.push('l'),
            ('Ł', Case::Exact) => folded.push('L'),
            ('ı', _) => folded.push('i'),
            ('ς', _) => folded.push('σ'),
            (c, Case::Exact) => folded.push(c),
            (c, Case::Ignored) => folded.extend(c.to_lowercase().filter(|c| !is_accent(*c))),
        }
    }
}

fn fold_ascii(c: char, case: Case, folded: &mut String) {
    if c.is_ascii_whitespace() || c == '\u{b}' {
        if !folded.ends_with(' ') {
            folded.push(' ');
        }
    } else {
        folded.push(if case == Case::Ignored { c.to_ascii_lowercase() } else { c });
    }
}

/// Returns true for marks that users omit when typing. Vowel signs of Indic scripts are letters and remain.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{200b}'..='\u{200d}' | '\u{ad}')
}

/// Returns true if the Damerau-Levenshtein distance of two words is at most one.
pub fn within_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[same..], &long[same..]);
    match long.len() - short.len() {
        0 if short.is_empty() => true,
        0 if short[1..] == long[1..] => true,
        0 => short.len() > 1 && short[0] == long[1] && short[1] == long[0] && short[2..] == long[2..],
        1 => *short == long[1..],
        _ => false,
    }
}

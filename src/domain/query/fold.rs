//! Texts made comparable: case, accents, composed or decomposed letters, full width, runs of white space.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Whether case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// `A` and `a` differ.
    Exact,
    /// They do not.
    Ignored,
}

impl Case {
    /// Smart case: a capital letter in what is looked for makes case count.
    pub fn smart(text: &str) -> Self {
        if text.chars().any(char::is_uppercase) { Self::Exact } else { Self::Ignored }
    }
}

/// A folded text that remembers where each of its bytes came from.
#[derive(Debug, Default)]
pub struct Folded {
    /// The folded text.
    pub text: String,
    /// For each byte of it, where in the original the character began, and where it ended.
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
                // Nothing was added: white space that goes on, or a mark by itself.
                Some(last) if fresh == 0 => last.1 = place.1,
                _ => folded.origin.resize(folded.text.len(), place),
            }
        }
        folded
    }

    /// Where a range of the folded text lies in the original.
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        let start = self.origin.get(range.start).map_or(0, |place| place.0 as usize);
        let end = self.origin.get(range.end.saturating_sub(1)).map_or(start, |place| place.1 as usize);
        start..end.max(start)
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Folds a text: without case where it does not count, accents, and differences of composition and width; runs of
/// white space become one space.
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
    // Composed again after the marks are gone, so that Hangul stays whole syllables.
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

/// Marks that people leave out when they type. Vowel signs of Indic scripts are letters and stay.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{200b}'..='\u{200d}' | '\u{ad}')
}

/// Whether two words are equal but for one letter too many, too few, wrong, or exchanged with its neighbour.
pub fn within_one_slip(a: &str, b: &str) -> bool {
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

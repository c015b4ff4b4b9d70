//! Matches in the encoded texts of records, so that records are not decoded only to be counted.

use super::plan::{ClauseTest, QueryPlan};
use super::prefilter::Literal;
use super::score::{Match, word_boundary};

/// Matcher of encoded texts, for queries of plain words.
#[derive(Debug)]
pub(super) struct RawMatcher<'a> {
    /// Literal of each clause, and its length in bytes.
    words: Vec<(&'a Literal, usize)>,
}

/// Match in an encoded text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RawMatch {
    /// Matched clauses, as bits.
    pub bits: u64,
    /// First match of the only clause, with the word boundary of the decoded text; `None` for several clauses.
    pub first: Option<Match>,
}

/// The bytes do not show whether there is a match.
pub(super) struct Undecided;

impl<'a> RawMatcher<'a> {
    /// Creates the matcher of a query; `None` if encoded texts show too little.
    pub(super) fn new(plan: &'a QueryPlan) -> Option<Self> {
        if plan.branches.len() != 1 || plan.has_scope() || plan.has_exclusions() {
            return None;
        }
        let word = |test: &'a ClauseTest| match test {
            ClauseTest::Text { matcher, prefilter: Some(prefilter), per_text: false, .. } => {
                let (folded, _) = matcher.plain_ascii()?;
                match prefilter.literals() {
                    [literal] if literal.is_whole(folded) => Some((literal, folded.len())),
                    _ => None,
                }
            }
            ClauseTest::Text { .. } | ClauseTest::Occurs(_) => None,
        };
        let words: Option<Vec<_>> = plan.clauses.iter().map(|clause| word(&clause.test)).collect();
        words.map(|words| Self { words })
    }

    /// Matches an encoded text, which consists of parts in lines of their own.
    pub(super) fn find(&self, parts: &[&[u8]]) -> Result<RawMatch, Undecided> {
        let mut found = RawMatch::default();
        for (clause, &(literal, len)) in self.words.iter().enumerate() {
            for part in parts {
                let Some(at) = find(literal, part)? else { continue };
                found.bits |= 1 << clause;
                if self.words.len() == 1 {
                    let (before, behind) = (byte_before(part, at), byte_at(part, at + len));
                    let boundary = word_boundary(before, part.get(at).copied(), behind);
                    found.first = Some(Match::at(clause, at, boundary));
                }
                break;
            }
        }
        Ok(found)
    }
}

/// Returns the offset of the first match.
fn find(literal: &Literal, text: &[u8]) -> Result<Option<usize>, Undecided> {
    let mut from = 0;
    while let Some(at) = literal.find_at(text, from) {
        if !literal.occurs_at(text, at) {
            return Err(Undecided);
        }
        if escape_around(text, at).is_none() {
            return Ok(Some(at));
        }
        // The letter belongs to an escape such as `\n` or `\u00e9`.
        from = at + 1;
    }
    Ok(None)
}

/// Length of an escape with the number of its letter.
const UNICODE_ESCAPE: usize = "\\u00e9".len();

/// Returns the start of the escape that contains the byte at an offset.
fn escape_around(text: &[u8], at: usize) -> Option<usize> {
    (at.saturating_sub(UNICODE_ESCAPE - 1)..=at).find(|&start| {
        // A backslash after an even number of them begins an escape.
        let slashes = text[..start].iter().rev().take_while(|byte| **byte == b'\\').count();
        text[start] == b'\\' && slashes % 2 == 0 && at < start + escape_len(&text[start..])
    })
}

fn escape_len(escape: &[u8]) -> usize {
    if escape.get(1) == Some(&b'u') { UNICODE_ESCAPE } else { 2 }
}

/// Returns the last byte of the character before an offset, as decoded; of a character beyond ASCII any such byte.
fn byte_before(text: &[u8], at: usize) -> Option<u8> {
    let last = at.checked_sub(1)?;
    escape_around(text, last).map_or(Some(text[last]), |start| Some(decoded(&text[start..])))
}

/// Returns the first byte of the character at an offset, as decoded.
fn byte_at(text: &[u8], at: usize) -> Option<u8> {
    let byte = *text.get(at)?;
    Some(if byte == b'\\' { decoded(&text[at..]) } else { byte })
}

/// Returns a byte of an escaped character: itself if it is ASCII, else one that counts as a letter. Those of single
/// escapes are no letters.
fn decoded(escape: &[u8]) -> u8 {
    let digits = escape.get(1).filter(|letter| **letter == b'u').and(escape.get(2..UNICODE_ESCAPE));
    let Some(digits) = digits else { return b' ' };
    let code = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    code.and_then(|code| u8::try_from(code).ok()).filter(u8::is_ascii).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::query::Query;

    fn matched(query: &str, parts: &[&str]) -> Option<u64> {
        let plan = QueryPlan::new(&Query::parse(query));
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        RawMatcher::new(&plan).expect("a matcher").find(&parts).ok().map(|found| found.bits)
    }

    fn boundary(text: &str) -> Option<u8> {
        let plan = QueryPlan::new(&Query::parse("error"));
        let found = RawMatcher::new(&plan).expect("a matcher").find(&["none".as_bytes(), text.as_bytes()]).ok();
        found.expect("decided").first.map(|first| first.boundary)
    }

    #[test]
    fn word_boundaries_are_those_of_the_decoded_text() {
        assert_eq!(boundary("error"), Some(2));
        assert_eq!(boundary("an error: none"), Some(2));
        assert_eq!(boundary("errors"), Some(1));
        assert_eq!(boundary("terrors"), Some(0));
        for (encoded, text) in [
            (r#"an \"error\""#, "an \"error\""),
            (r"an\nerror", "an\nerror"),
            (r"an\\nerror", "an\\nerror"),
            (r"an error\nhere", "an error\nhere"),
            (r"error\u00e9", "error\u{e9}"),
            (r"error\u0041", "errorA"),
            (r"error\u001b[m", "error\u{1b}[m"),
            (r"\u00fcerror", "\u{fc}error"),
            (r"\u001berror", "\u{1b}error"),
            (r"\\u001berror", "\\u001berror"),
            (r"\nerror", "\nerror"),
            (r"\terrors", "\terrors"),
        ] {
            let start = text.find("error").expect("the word");
            let wanted = Match::new(0, text.as_bytes(), start..start + "error".len()).boundary;
            assert_eq!(boundary(encoded), Some(wanted), "{encoded}");
        }
    }

    #[test]
    fn encoded_texts_match_as_their_decoded_forms() {
        assert_eq!(matched("error", &["an Error here"]), Some(1));
        assert_eq!(matched("Error", &["an error here"]), Some(0));
        assert_eq!(matched("error", &[r"a\n\nerror"]), Some(1), "the escape before is complete");
        assert_eq!(matched("nerror", &[r"a\nerror"]), Some(0), "the letter of an escape");
        assert_eq!(matched("nerror", &[r"a\nerror \\nerror"]), Some(1), "an escaped backslash");
        assert_eq!(matched("bad", &[r"\u0bad"]), Some(0));
        assert_eq!(matched("bad", &[r"\u0bad, bad"]), Some(1));
        assert_eq!(matched("cafe", &["caf\u{e9}"]), None, "an accented letter needs the decoded text");
        assert_eq!(matched("über", &["\u{fc}ber"]), None);
        assert_eq!(matched("über", &["uber"]), Some(1), "accents are ignored");
        assert_eq!(matched("one two", &["two", "one"]), Some(3));
        assert_eq!(matched("one two", &["two"]), Some(2));
        assert_eq!(matched("nothing", &["else"]), Some(0));
    }

    #[test]
    fn other_queries_need_decoded_texts() {
        for query in ["\"two words\"", "/err.r/", "error -not", "error OR warning", "kind:tool error", "日本"] {
            assert!(RawMatcher::new(&QueryPlan::new(&Query::parse(query))).is_none(), "{query}");
        }
    }
}

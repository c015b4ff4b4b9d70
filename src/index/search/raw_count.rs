//! Matches in the encoded texts of records, so that records are not decoded only to be counted.

use super::plan::{ClauseTest, QueryPlan};
use super::prefilter::Literal;
use super::score::Match;

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
    /// First match of the only clause as in the decoded text; `None` if unknown.
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
                if self.words.len() == 1 && !has_escape_around(part, at, at + len) {
                    found.first = Some(Match::new(clause, part, at..at + len));
                }
                break;
            }
        }
        Ok(found)
    }
}

/// Returns the offset of the first match.
fn find(literal: &Literal, text: &[u8]) -> Result<Option<usize>, Undecided> {
    let Some(at) = literal.find_at(text, 0) else { return Ok(None) };
    if literal.occurs_at(text, at) && !may_be_in_escape(text, at) { Ok(Some(at)) } else { Err(Undecided) }
}

/// Returns true if the character before or after a match may be encoded as an escape that looks like a letter, or hides
/// one.
fn has_escape_around(text: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(2).map(|at| text[at]);
    before == Some(b'\\') || text[end..].starts_with(b"\\u")
}

/// Returns true if the letter at an offset may belong to an escape such as `\n` or `\u00e9`.
fn may_be_in_escape(text: &[u8], at: usize) -> bool {
    let before = &text[at.saturating_sub("\\u00e9".len())..at];
    before.last() == Some(&b'\\') || before.windows(2).any(|pair| pair == b"\\u")
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
        assert_eq!(boundary(r#"an \"error\""#), None, "a quote would be known, a newline looks like a letter");
        assert_eq!(boundary(r"an\nerror"), None);
        assert_eq!(boundary(r"an error\nhere"), Some(2));
        assert_eq!(boundary(r"error\u00e9"), None, "an escaped letter");
    }

    #[test]
    fn encoded_texts_match_as_their_decoded_forms() {
        assert_eq!(matched("error", &["an Error here"]), Some(1));
        assert_eq!(matched("Error", &["an error here"]), Some(0));
        assert_eq!(matched("error", &[r"a\n\nerror"]), Some(1), "the escape before is complete");
        assert_eq!(matched("nerror", &[r"a\nerror"]), None);
        assert_eq!(matched("bad", &[r"\u0bad"]), None);
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

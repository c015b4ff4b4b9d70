//! Matches in the encoded texts of records, so that records are not decoded only to be counted.

use std::ops::ControlFlow;

use super::plan::{ClauseTest, QueryPlan};
use super::prefilter::Literal;

/// Matcher of encoded texts, for queries of plain words.
#[derive(Debug)]
pub(super) struct RawMatcher<'a> {
    /// Literal of each clause.
    words: Vec<&'a Literal>,
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
                    [literal] if literal.is_whole(folded) => Some(literal),
                    _ => None,
                }
            }
            ClauseTest::Text { .. } | ClauseTest::Occurs(_) => None,
        };
        let words: Option<Vec<_>> = plan.clauses.iter().map(|clause| word(&clause.test)).collect();
        words.map(|words| Self { words })
    }

    /// Returns the clauses that match an encoded text, as bits. The text consists of parts in lines of their own.
    pub(super) fn matched(&self, parts: &[&[u8]]) -> Result<u64, Undecided> {
        let mut bits = 0;
        for (at, literal) in self.words.iter().enumerate() {
            let found = parts.iter().try_for_each(|part| match is_match(literal, part) {
                Ok(false) => ControlFlow::Continue(()),
                other => ControlFlow::Break(other),
            });
            match found {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(found) => bits |= u64::from(found?) << at,
            }
        }
        Ok(bits)
    }
}

fn is_match(literal: &Literal, text: &[u8]) -> Result<bool, Undecided> {
    let Some(at) = literal.find_at(text, 0) else { return Ok(false) };
    if literal.occurs_at(text, at) && !may_be_in_escape(text, at) { Ok(true) } else { Err(Undecided) }
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
        RawMatcher::new(&plan).expect("a matcher").matched(&parts).ok()
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

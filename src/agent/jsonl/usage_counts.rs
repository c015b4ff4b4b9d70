//! Sums of usage that an agent records as totals: of one count usually, of several for a session in several files.
//!
//! A file may go on with the count of another one, as after a resume, or begin a count of its own.

use serde::{Deserialize, Serialize};

use super::UsageTotal;
use crate::domain::Tokens;

/// Last total of each count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsageCounts(Vec<LastTotal>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LastTotal {
    count: u32,
    total: Tokens,
    is_complete: bool,
}

impl UsageCounts {
    /// True before the first total.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records a total. Returns the usage that it adds to those before.
    pub(crate) fn add(&mut self, usage: UsageTotal) -> Tokens {
        let UsageTotal { total, count, is_complete, .. } = usage;
        let before = before(usage);
        let Some(last) = self.0.iter_mut().find(|last| last.count == count) else {
            let added = total.since(self.continued(total, before));
            self.0.push(LastTotal { count, total, is_complete });
            return added;
        };
        let begins_again = before == Some(Tokens::default()) && total != last.total;
        let added = match before {
            _ if last.is_complete && !is_complete => return Tokens::default(),
            _ if is_complete && !last.is_complete => total.since(last.total),
            _ if includes(total, last.total) && !begins_again => total.since(last.total),
            // The process that counts was started again.
            Some(before) => total.since(before),
            // A torn number.
            None => return Tokens::default(),
        };
        *last = LastTotal { count, total, is_complete };
        added
    }

    /// Total with which a new count begins: that of the count that it goes on with, or 0.
    fn continued(&self, total: Tokens, before: Option<Tokens>) -> Tokens {
        let known = self.0.iter().map(|last| last.total);
        match before {
            Some(before) if before == Tokens::default() || known.clone().any(|last| last == before) => before,
            Some(_) | None => {
                known.filter(|last| includes(total, *last)).max_by_key(|last| last.total()).unwrap_or_default()
            }
        }
    }
}

/// Usage before the last reply; `None` if it is not recorded, or the total does not include it.
fn before(UsageTotal { total, reply, .. }: UsageTotal) -> Option<Tokens> {
    reply.filter(|reply| includes(total, *reply)).map(|reply| total.since(reply))
}

/// True if no number of a total is smaller than that of an earlier one.
fn includes(total: Tokens, earlier: Tokens) -> bool {
    earlier + total.since(earlier) == total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(count: u32, total: u64, reply: Option<u64>) -> UsageTotal {
        let tokens = |input| Tokens { input, ..Tokens::default() };
        UsageTotal { total: tokens(total), reply: reply.map(tokens), count, is_complete: true }
    }

    fn sum(totals: &[UsageTotal]) -> u64 {
        let mut counts = UsageCounts::default();
        totals.iter().map(|total| counts.add(*total).input).sum()
    }

    #[test]
    fn a_count_that_begins_again_is_added() {
        // Whether it is smaller, equal or greater.
        for first in [50, 150, 900] {
            let totals = [usage(0, 100, Some(100)), usage(0, 150, Some(50)), usage(1, first, Some(first))];
            assert_eq!(sum(&totals), 150 + first);
        }
        assert_eq!(sum(&[usage(0, 100, None), usage(1, 40, None), usage(1, 60, None)]), 160);
        for again in [30, 130] {
            assert_eq!(sum(&[usage(0, 100, Some(100)), usage(0, again, Some(again))]), 100 + again);
        }
    }

    #[test]
    fn totals_that_begin_later_do_not_count_beside_complete_ones() {
        let partial = |total, reply| UsageTotal { is_complete: false, ..usage(0, total, Some(reply)) };
        let later = [usage(0, 100, Some(100)), partial(40, 40), usage(0, 140, Some(40)), partial(90, 50)];
        assert_eq!(sum(&later), 140);
        let both = [partial(40, 40), usage(0, 40, Some(40)), partial(90, 50), usage(0, 90, Some(50))];
        assert_eq!(sum(&both), 90);
        assert_eq!(sum(&[partial(40, 40), partial(90, 50)]), 90);
    }

    #[test]
    fn a_torn_total_is_ignored() {
        for torn in [usage(0, 1, Some(50)), usage(0, 1, None)] {
            assert_eq!(sum(&[usage(0, 100, Some(100)), torn, usage(0, 150, Some(50))]), 150);
        }
    }

    #[test]
    fn a_count_that_goes_on_is_counted_once() {
        let first = [usage(0, 100, Some(100)), usage(0, 150, Some(50)), usage(0, 150, Some(50))];
        for second in [usage(1, 180, Some(30)), usage(1, 180, None), usage(1, 180, Some(20))] {
            assert_eq!(sum(&[&first[..], &[second]].concat()), 180);
        }
        // Both may grow by turns.
        let totals =
            [usage(0, 100, Some(100)), usage(1, 70, Some(70)), usage(0, 110, Some(10)), usage(1, 90, Some(20))];
        assert_eq!(sum(&totals), 200);
    }
}

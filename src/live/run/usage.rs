//! Usage of a run over all its processes. Some agents count from the start of their process, some over the session.

use crate::domain::Tokens;
use crate::domain::run::RunInfo;

/// Usage of earlier processes that the current one does not count.
#[derive(Debug, Default)]
pub(super) struct UsageTotals {
    /// Totals when the current process started, until its first report.
    before: Option<(Tokens, Option<f64>)>,
    tokens: Tokens,
    cost_usd: f64,
}

impl UsageTotals {
    /// Records the start of another process.
    pub(super) fn process_started(&mut self, info: &RunInfo) {
        self.before = Some((info.tokens, info.cost_usd));
    }

    /// Adds the usage of earlier processes to a report, unless the agent counts over the session: then its first report
    /// after a turn is larger than the totals, and one while it starts is not smaller.
    pub(super) fn total(
        &mut self,
        is_starting: bool,
        tokens: Option<Tokens>,
        cost_usd: Option<f64>,
    ) -> (Option<Tokens>, Option<f64>) {
        let reported = (tokens.unwrap_or_default().total(), cost_usd.unwrap_or_default());
        if reported == (0, 0.0) && self.before.is_some() {
            // A new process reports zeros before its first turn.
            return (None, None);
        }
        if let Some((tokens_before, cost_before)) = self.before.take() {
            let before = (tokens_before.total(), cost_before.unwrap_or_default());
            let continues = reported.0 >= before.0 && reported.1 >= before.1 && (is_starting || reported != before);
            (self.tokens, self.cost_usd) = if continues { (Tokens::default(), 0.0) } else { (tokens_before, before.1) };
        }
        let tokens = tokens.map(|mut tokens| {
            tokens += self.tokens;
            tokens
        });
        (tokens, cost_usd.map(|cost| cost + self.cost_usd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Agent;
    use crate::domain::run::RunId;

    fn tokens(input: u64) -> Tokens {
        Tokens { input, ..Tokens::default() }
    }

    fn restarted(input: u64, cost: f64) -> UsageTotals {
        let mut totals = UsageTotals::default();
        let mut info = RunInfo::starting(RunId("r".into()), Agent::Claude, "/".into());
        (info.tokens, info.cost_usd) = (tokens(input), Some(cost));
        totals.process_started(&info);
        totals
    }

    #[test]
    fn a_process_that_counts_from_its_start_continues_the_totals() {
        let mut totals = restarted(100, 1.0);
        assert_eq!(totals.total(true, Some(tokens(0)), Some(0.0)), (None, None), "nothing was used yet");
        assert_eq!(totals.total(false, Some(tokens(30)), Some(0.5)), (Some(tokens(130)), Some(1.5)));
        assert_eq!(
            totals.total(false, Some(tokens(120)), Some(1.25)),
            (Some(tokens(220)), Some(2.25)),
            "the same process"
        );
        let mut same = restarted(100, 1.0);
        assert_eq!(same.total(false, Some(tokens(100)), Some(1.0)), (Some(tokens(200)), Some(2.0)), "an equal turn");
    }

    #[test]
    fn a_process_that_counts_over_the_session_is_believed() {
        let mut totals = restarted(100, 1.0);
        assert_eq!(
            totals.total(true, Some(tokens(100)), Some(1.0)),
            (Some(tokens(100)), Some(1.0)),
            "its record of the session"
        );
        assert_eq!(totals.total(false, Some(tokens(130)), Some(1.5)), (Some(tokens(130)), Some(1.5)));
    }
}

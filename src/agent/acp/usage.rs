//! Token usage: per reply or per turn, depending on the agent; reported as the usage of the session.

use serde_json::Value;

use crate::domain::Tokens;

/// Usage of a session since it was opened.
#[derive(Debug, Default)]
pub(super) struct AcpUsage {
    /// Usage of the replies and turns so far.
    total: Tokens,
    /// True if replies of the open turn reported their usage.
    has_replies: bool,
}

impl AcpUsage {
    /// Adds the usage of a reply, which some agents report with its text.
    pub(super) fn add_reply(&mut self, meta: &Value) -> Option<Tokens> {
        let tokens = tokens(&meta["usage"])?;
        self.has_replies = true;
        self.total += tokens;
        Some(self.total)
    }

    /// Adds the usage in the response to a prompt. The replies of the turn are not counted twice.
    pub(super) fn end_turn(&mut self, result: &Value, counts_session: bool) -> Option<Tokens> {
        let has_replies = std::mem::take(&mut self.has_replies);
        let reported = tokens(&result["usage"]).or_else(|| quota(&result["_meta"]["quota"]["token_count"]))?;
        if counts_session {
            self.total = reported;
        } else if !has_replies {
            self.total += reported;
        }
        Some(self.total)
    }
}

fn tokens(usage: &Value) -> Option<Tokens> {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let input = usage["inputTokens"].as_u64()?;
    let output = count("outputTokens").saturating_add(count("thoughtTokens"));
    let (cache_read, cache_write) = (count("cachedReadTokens"), count("cachedWriteTokens"));
    // Only the total shows if the input includes what was cached.
    let all = input.saturating_add(output).saturating_add(cache_read).saturating_add(cache_write);
    let is_separate = count("totalTokens") == all;
    let input = if is_separate { input } else { input.saturating_sub(cache_read) };
    Some(Tokens { input, output, cache_read, cache_write })
}

/// Usage of a turn in the metadata of Gemini.
fn quota(count: &Value) -> Option<Tokens> {
    let input = count["input_tokens"].as_u64()?;
    let output = count["output_tokens"].as_u64().unwrap_or(0);
    Some(Tokens { input, output, cache_read: 0, cache_write: 0 })
}

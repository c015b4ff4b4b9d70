//! Prices of models, by which usage without a reported cost is estimated.

use super::Tokens;

/// Tokens to which a price refers.
const UNIT: f64 = 1e6;

/// Price of the models whose names match a pattern, in dollars per million tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelPrice {
    /// Name of a model without its provider and date. A `*` at its end stands for any rest.
    pub model: String,
    /// Uncached input.
    pub input: f64,
    /// Output.
    pub output: f64,
    /// Input read from the cache.
    pub cache_read: f64,
    /// Input written to the cache.
    pub cache_write: f64,
}

impl ModelPrice {
    /// Computes the cost of tokens in dollars.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub fn cost(&self, tokens: Tokens) -> f64 {
        let Tokens { input, output, cache_read, cache_write } = tokens;
        let parts = [
            (input, self.input),
            (output, self.output),
            (cache_read, self.cache_read),
            (cache_write, self.cache_write),
        ];
        parts.iter().map(|(count, price)| *count as f64 * price / UNIT).sum()
    }

    /// Returns the length of the matched part of the pattern; an exact name counts one more than any prefix.
    fn score(&self, name: &str) -> Option<usize> {
        match self.model.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix).then_some(prefix.len()),
            None => (self.model == name).then_some(name.len() + 1),
        }
    }
}

/// Prices of all known models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceTable {
    /// Date of the built-in prices, `2026-10-01`.
    pub date: String,
    /// Prices of the user, which take precedence.
    pub own: Vec<ModelPrice>,
    /// Built-in prices.
    pub built_in: Vec<ModelPrice>,
}

impl PriceTable {
    /// Returns the price of a model, by the most specific pattern.
    pub fn of(&self, model: &str) -> Option<&ModelPrice> {
        let name = plain_name(model);
        let best = |prices: &'_ [ModelPrice]| {
            let scored = prices.iter().enumerate().filter_map(|(at, price)| Some((price.score(&name)?, at)));
            scored.max().map(|(_, at)| at)
        };
        best(&self.own).map(|at| &self.own[at]).or_else(|| best(&self.built_in).map(|at| &self.built_in[at]))
    }
}

/// Reduces a model's name to that of its vendor: in lower case, without provider, region, variant and date.
/// `anthropic/claude-sonnet-4-5-20250929` and `us.anthropic.claude-sonnet-4-5-20250929-v1:0` are `claude-sonnet-4-5`.
fn plain_name(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model).to_lowercase();
    let name = name.rsplit_once("anthropic.").map_or(&*name, |(_, name)| name);
    let name = name.split(['@', ':', '[']).next().unwrap_or(name);
    let name = name.strip_suffix("-v1").or_else(|| name.strip_suffix("-latest")).unwrap_or(name);
    without_date(name).to_owned()
}

/// Removes a date at the end: `-20250929` or `-2025-09-29`.
fn without_date(name: &str) -> &str {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    for length in ["-20250929".len(), "-2025-09-29".len()] {
        let Some((head, date)) = name.len().checked_sub(length).and_then(|at| name.split_at_checked(at)) else {
            continue;
        };
        if date.starts_with("-20") && is_digits(&date.replace('-', "")) && !head.is_empty() {
            return head;
        }
    }
    name
}

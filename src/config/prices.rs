//! Prices of models, from the embedded table and from the user's configuration.

use toml::{Table, Value};

use crate::domain::price::{ModelPrice, PriceTable};

/// Embedded table.
const BUILT_IN: &str = include_str!("../../assets/prices.toml");

/// Returns the embedded table.
pub(super) fn built_in() -> PriceTable {
    let table = BUILT_IN.parse::<Table>().unwrap_or_default();
    let date = table.get("date").and_then(Value::as_str).unwrap_or_default().to_owned();
    let built_in = table.get("prices").and_then(|prices| read(prices).ok()).unwrap_or_default();
    PriceTable { date, own: Vec::new(), built_in }
}

/// Reads a list of prices.
pub(super) fn read(value: &Value) -> Result<Vec<ModelPrice>, String> {
    let prices = value.as_array().ok_or("must be a list of prices")?;
    prices.iter().map(price).collect()
}

fn price(value: &Value) -> Result<ModelPrice, String> {
    let table =
        value.as_table().ok_or_else(|| format!("{value} is not a price such as {{ model = \"…\", input = 1.0 }}"))?;
    let model = table.get("model").and_then(Value::as_str).filter(|model| !model.is_empty());
    let model = model.ok_or("a price has no model")?.to_lowercase();
    let names = ["model", "input", "output", "cache_read", "cache_write"];
    if let Some(unknown) = table.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("\"{unknown}\" is not part of a price; the parts are {}", names.join(", ")));
    }
    let amount = |name: &str| match table.get(name) {
        None => Ok(0.0),
        Some(Value::Float(amount)) if *amount >= 0.0 && amount.is_finite() => Ok(*amount),
        Some(Value::Integer(amount)) if *amount >= 0 => Ok(f64::from(i32::try_from(*amount).unwrap_or(i32::MAX))),
        Some(other) => Err(format!("{name} of {model}: {other} is not an amount")),
    };
    let [input, output] = [amount("input")?, amount("output")?];
    Ok(ModelPrice { cache_read: amount("cache_read")?, cache_write: amount("cache_write")?, input, output, model })
}

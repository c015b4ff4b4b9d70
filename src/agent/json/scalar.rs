//! Times and counts, in all forms in which they were seen.

use serde_json::Value;

use crate::domain::Time;

/// Reads a time in a text or a number, see [`Time::parse`].
pub(crate) fn time(value: &Value) -> Option<Time> {
    match value {
        Value::String(text) => Time::parse(text),
        Value::Number(number) => number.as_f64().and_then(Time::from_number),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads a count: a number, also as a float or in a text. A negative one counts as none.
pub(crate) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(float_count)),
        Value::String(text) => text_count(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads a count from a text, see [`count`].
pub(super) fn text_count(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| text.parse().ok().and_then(float_count))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the check before")]
fn float_count(number: f64) -> Option<u64> {
    (0.0..9e15).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{count, time};

    #[test]
    fn times_in_all_forms() {
        let millis = |value| time(&value).map(crate::domain::Time::millis);
        let expected = Some(1_795_887_127_837);
        assert_eq!(millis(json!("2026-11-28T17:32:07.837Z")), expected);
        assert_eq!(millis(json!("2026-11-28T17:32:07.837")), expected);
        assert_eq!(millis(json!("2026-11-28 17:32:07.837")), expected);
        assert_eq!(millis(json!("2026-11-28T18:32:07.837+01:00")), expected);
        assert_eq!(millis(json!(1_795_887_127_837_i64)), expected);
        assert_eq!(millis(json!("1795887127837")), expected);
        assert_eq!(millis(json!(1_795_887_127.837)), expected);
        assert_eq!(millis(json!(1_795_887_127_837_000_000_i64)), expected);
        assert_eq!((millis(json!(12)), millis(json!("soon")), millis(json!(null))), (None, None, None));
    }

    #[test]
    fn counts_in_all_forms() {
        assert_eq!((count(&json!(12)), count(&json!(12.0)), count(&json!("12"))), (Some(12), Some(12), Some(12)));
        assert_eq!((count(&json!(-1)), count(&json!(null))), (None, None));
    }
}

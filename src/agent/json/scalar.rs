//! Times and counts, in all forms in which they were seen.

use serde_json::Value;

use crate::domain::Time;

/// Reads a time in a text or a number, see [`Time::parse`]; also in an object around one, or in seconds and nanoseconds.
pub(crate) fn time(value: &Value) -> Option<Time> {
    const AROUND: [&str; 8] = ["$date", "$numberLong", "value", "text", "time", "timestamp", "created", "0"];
    match value {
        Value::String(text) => Time::parse(text),
        Value::Number(number) => number.as_f64().and_then(Time::from_number),
        Value::Array(items) => items.first().and_then(time),
        Value::Object(fields) => {
            let number = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)?.as_f64());
            let parts = || {
                let seconds = number(&["secs", "seconds", "_seconds", "secs_since_epoch"])?;
                let nanos = number(&["nanos", "nanoseconds", "_nanoseconds", "nanos_since_epoch"]).unwrap_or_default();
                Time::from_number(seconds + nanos / 1e9)
            };
            AROUND.iter().find_map(|name| time(fields.get(*name)?)).or_else(parts)
        }
        Value::Null | Value::Bool(_) => None,
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
        assert_eq!(millis(json!({"$date": {"$numberLong": "1795887127837"}})), expected);
        assert_eq!(millis(json!([{"time": "2026-11-28T17:32:07.837Z"}])), expected);
        assert_eq!(millis(json!({"secs": 1_795_887_127, "nanos": 837_000_000})), expected);
        assert_eq!((millis(json!(12)), millis(json!("soon")), millis(json!(null))), (None, None, None));
    }

    #[test]
    fn counts_in_all_forms() {
        assert_eq!((count(&json!(12)), count(&json!(12.0)), count(&json!("12"))), (Some(12), Some(12), Some(12)));
        assert_eq!((count(&json!(-1)), count(&json!(null))), (None, None));
    }
}

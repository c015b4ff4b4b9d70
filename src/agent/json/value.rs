//! Decoding of a whole value.

use serde_json::{Map, Number, Value};

use super::cursor::{JsonCursor, MalformedJson};
use super::unescape::unescape;

/// Maximum levels of nesting that become values, because readers of our own output allow few more; deeper ones become
/// text.
const MAX_DEPTH: usize = 64;

/// Parses a JSON text; `None` if it contains no whole value. Text after the value is ignored.
pub(crate) fn parse(text: &[u8]) -> Option<Value> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    serde_json::from_slice(text).ok().or_else(|| value(&mut JsonCursor::new(text), MAX_DEPTH).ok())
}

fn value(cursor: &mut JsonCursor<'_>, depth: usize) -> Result<Value, MalformedJson> {
    match cursor.peek()? {
        b'{' | b'[' if depth == 0 => Ok(Value::String(flattened(cursor.raw()?))),
        b'{' => {
            let mut fields = Map::new();
            cursor.object(|name, cursor| {
                fields.insert(unescape(name).into_owned(), value(cursor, depth - 1)?);
                Ok(())
            })?;
            Ok(Value::Object(fields))
        }
        b'[' => {
            let mut items = Vec::new();
            cursor.array(|cursor| {
                items.push(value(cursor, depth - 1)?);
                Ok(())
            })?;
            Ok(Value::Array(items))
        }
        b'"' => Ok(Value::String(cursor.text()?.map(|text| text.decode().into_owned()).unwrap_or_default())),
        _ => Ok(scalar(&String::from_utf8_lossy(cursor.raw()?))),
    }
}

/// Joins the names and values of a JSON text by blanks, whatever its nesting.
pub(crate) fn flattened(json: &[u8]) -> String {
    let (mut text, mut at) = (String::new(), 0);
    while at < json.len() {
        let rest = &json[at..];
        let (word, len) = if rest[0] == b'"' {
            let end = (1..rest.len()).find(|&end| rest[end] == b'"' && !is_escaped(&rest[..end])).unwrap_or(rest.len());
            (unescape(&rest[1..end]).into_owned(), end + 1)
        } else {
            let len = rest.iter().position(|byte| b"{}[],:\" \t\r\n".contains(byte)).unwrap_or(rest.len());
            (String::from_utf8_lossy(&rest[..len]).into_owned(), len.max(1))
        };
        if !word.is_empty() {
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(&word);
        }
        at += len;
    }
    text
}

/// True if the byte after these ones is escaped.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Parses a literal; one that JSON does not have becomes text.
fn scalar(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        number => number.parse::<Number>().map_or_else(|_| Value::String(number.to_owned()), Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn strict_texts_are_read_as_they_are() {
        assert_eq!(parse(br#"{"a":[1,2.5,true,null,"x"]}"#), Some(json!({"a": [1, 2.5, true, null, "x"]})));
    }

    #[test]
    fn what_a_strict_parser_refuses_is_read() {
        assert_eq!(parse(br#"{"a":"x \ud83d","b":NaN}"#), Some(json!({"a": "x \u{fffd}", "b": "NaN"})));
        assert_eq!(parse(br#"{"a":what}"#), None);
        assert_eq!(parse(b"\xef\xbb\xbf{\"a\":\"\t\xff\"}"), Some(json!({"a": "\t\u{fffd}"})));
    }

    #[test]
    fn deep_values_become_text_and_lose_nothing() {
        let deep = format!("{}\"kernel\"{}", "[".repeat(5000), "]".repeat(5000));
        let read = parse(format!(r#"{{"before":"b","deep":{deep},"after":"a"}}"#).as_bytes()).expect("is read");
        assert_eq!((&read["before"], &read["after"]), (&json!("b"), &json!("a")));
        let printed = read.to_string();
        assert!(printed.contains("kernel") && serde_json::from_str::<serde_json::Value>(&printed).is_ok());
    }
}

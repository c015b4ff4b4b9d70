//! Tolerant JSON decoding for stored records that a strict parser refuses: reads as much as there is, and names each repair.
//!
//! Half surrogates and invalid UTF-8 become U+FFFD. Control characters in strings are accepted. Values that are cut off end
//! where the text ends, and records without a separator are split at their real ends. Strict parsing is tried first, so
//! that sound records cost nothing extra. Must not depend on any agent's fields.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Number, Value};

/// Maximum nesting that becomes values, because readers of our own output allow few more; deeper ones become their own JSON text.
const MAX_DEPTH: usize = 64;

/// Repairs that a record needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Repairs(u8);

impl Repairs {
    /// Half of a surrogate pair, or bytes that are not UTF-8.
    const CHARACTERS: Self = Self(1);
    /// Control characters, NUL bytes or a byte order mark.
    const CONTROLS: Self = Self(2);
    /// Nesting that is too deep for values.
    const NESTING: Self = Self(4);
    /// The record ends too early.
    const CUT_OFF: Self = Self(8);
    /// Several records without a separator.
    pub(super) const GLUED: Self = Self(16);
    /// A field that has another type than usual.
    pub(super) const FIELD_TYPES: Self = Self(32);
    /// Text between or inside records that is not JSON.
    pub(super) const GARBAGE: Self = Self(64);

    const NAMES: [(Self, &str); 7] = [
        (Self::CHARACTERS, "half characters replaced"),
        (Self::CONTROLS, "control characters accepted"),
        (Self::NESTING, "deep nesting shown as text"),
        (Self::CUT_OFF, "record is cut off"),
        (Self::GLUED, "records without a separator split"),
        (Self::FIELD_TYPES, "fields of an unusual type converted"),
        (Self::GARBAGE, "text that is not JSON skipped"),
    ];

    /// True if nothing was repaired.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if a part of the record was lost.
    pub(super) fn is_lossy(self) -> bool {
        self.0 & (Self::CUT_OFF.0 | Self::GARBAGE.0) != 0
    }

    /// True if a part of the text is in no value, or in that of another record.
    pub(super) fn skips_text(self) -> bool {
        self.0 & (Self::GARBAGE.0 | Self::GLUED.0) != 0
    }

    /// Adds other repairs.
    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(repair, _)| self.0 & repair.0 != 0).map(|(_, name)| *name);
        f.write_str(&names.collect::<Vec<_>>().join(", "))
    }
}

/// A decoded record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RepairedRecord {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// Its value.
    pub value: Value,
    /// Repairs that it needed.
    pub repairs: Repairs,
}

/// Decodes the first record of a text; `None` if there is none.
pub(super) fn value(text: &[u8]) -> Option<(Value, Repairs)> {
    if let Ok(value) = serde_json::from_slice(text) {
        return Some((value, Repairs::default()));
    }
    records(text).into_iter().next().map(|record| (record.value, record.repairs))
}

/// Decodes all records of a text: objects, split at their real ends. Text between them is skipped.
pub(super) fn records(text: &[u8]) -> Vec<RepairedRecord> {
    if let Ok(value) = serde_json::from_slice(text) {
        return vec![RepairedRecord { range: 0..text.len(), value, repairs: Repairs::default() }];
    }
    let mut found = Vec::new();
    let mut parser = Parser { text, at: 0, repairs: Repairs::default() };
    while let Some(start) = parser.next_start() {
        let skipped = !text[parser.at..start].iter().all(|byte| is_filler(*byte));
        let has_filler = text[parser.at..start].iter().any(|byte| !byte.is_ascii_whitespace());
        parser.at = start;
        parser.repairs = Repairs::default();
        let Some(value) = parser.value(0) else { break };
        let range = start..parser.at;
        let mut repairs = std::mem::take(&mut parser.repairs);
        match (skipped, has_filler) {
            (true, _) => repairs.add(Repairs::GARBAGE),
            (false, true) => repairs.add(Repairs::CONTROLS),
            (false, false) => {}
        }
        found.push(RepairedRecord { range, value, repairs });
    }
    // What follows the last record is lost.
    let rest = text.get(parser.at..).unwrap_or_default();
    if let Some(last) = found.last_mut().filter(|_| !rest.iter().all(|byte| is_filler(*byte))) {
        last.repairs.add(Repairs::GARBAGE);
    }
    if found.len() > 1 {
        found.iter_mut().for_each(|record| record.repairs.add(Repairs::GLUED));
    }
    found
}

/// Finds the bytes of the items of a list, or of the values of an object, in the first record of a text. A path of field
/// names leads to it, also where a strict parser refuses the record.
pub(super) fn items(text: &[u8], path: &[&str]) -> Vec<Range<usize>> {
    let mut parser = Parser { text, at: 0, repairs: Repairs::default() };
    let Some(start) = parser.next_start() else { return Vec::new() };
    parser.at = start;
    if path.iter().all(|name| parser.enter(name)) { parser.item_ranges() } else { Vec::new() }
}

/// Finds the value that a path of field names leads to, in the first record of a text: its bytes.
pub(super) fn field(text: &[u8], path: &[&str]) -> Option<Range<usize>> {
    let mut parser = Parser { text, at: 0, repairs: Repairs::default() };
    parser.at = parser.next_start()?;
    let found = path.iter().all(|name| parser.enter(name)).then_some(parser.at)?;
    parser.value(0)?;
    Some(found..parser.at)
}

/// True for bytes that may surround a record without being text: blanks, NUL bytes and a byte order mark.
fn is_filler(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0 | 0xef | 0xbb | 0xbf)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    repairs: Repairs,
}

impl Parser<'_> {
    /// Start of the next record: of an object, or of an array where the text begins with one.
    fn next_start(&self) -> Option<usize> {
        let rest = &self.text[self.at..];
        let first = rest.iter().position(|byte| !is_filler(*byte))?;
        if self.at == 0 && rest[first] == b'[' {
            return Some(first);
        }
        memchr::memchr(b'{', &rest[first..]).map(|brace| self.at + first + brace)
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                // A run of NUL bytes is a hole that a crash left.
                0 => self.repairs.add(Repairs::CONTROLS),
                byte => return Some(byte),
            }
            self.at += 1;
        }
        None
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        let first = self.peek()?;
        if depth > MAX_DEPTH && matches!(first, b'{' | b'[') {
            self.repairs.add(Repairs::NESTING);
            return Some(self.too_deep());
        }
        match first {
            b'{' => Some(self.object(depth)),
            b'[' => Some(self.array(depth)),
            b'"' => Some(Value::String(self.string())),
            _ => self.scalar(),
        }
    }

    /// Moves into an object, to the value of a field; false if there is none.
    fn enter(&mut self, name: &str) -> bool {
        if self.peek() != Some(b'{') {
            return false;
        }
        self.at += 1;
        loop {
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    let key = self.string();
                    if self.peek() == Some(b':') {
                        self.at += 1;
                    }
                    if key == name {
                        return self.peek().is_some();
                    }
                    if self.value(0).is_none() {
                        return false;
                    }
                }
                Some(_) | None => return false,
            }
        }
    }

    /// Bytes of the items of a list at the cursor.
    fn item_ranges(&mut self) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let is_object = self.peek() == Some(b'{');
        if !is_object && self.peek() != Some(b'[') {
            return ranges;
        }
        self.at += 1;
        loop {
            match self.peek() {
                Some(b',' | b':') => self.at += 1,
                Some(b']' | b'}') | None => return ranges,
                // The name of a field.
                Some(b'"') if is_object && self.is_name() => _ = self.string(),
                Some(_) => {
                    let start = self.at;
                    if self.value(0).is_none() {
                        return ranges;
                    }
                    ranges.push(start..self.at);
                }
            }
        }
    }

    /// True if the string at the cursor is the name of a field.
    fn is_name(&self) -> bool {
        let mut ahead = Parser { text: self.text, at: self.at, repairs: Repairs::default() };
        ahead.string();
        ahead.peek() == Some(b':')
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut fields = Map::new();
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    break;
                }
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    let key = self.string();
                    if self.peek() == Some(b':') {
                        self.at += 1;
                    }
                    match self.value(depth + 1) {
                        Some(value) => drop(fields.insert(key, value)),
                        None => break self.repairs.add(Repairs::CUT_OFF),
                    }
                }
                // The rest is not the rest of this object: a record that is cut off ends here.
                Some(_) | None => break self.repairs.add(Repairs::CUT_OFF),
            }
        }
        Value::Object(fields)
    }

    fn array(&mut self, depth: usize) -> Value {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                Some(b',') => self.at += 1,
                Some(_) => match self.value(depth + 1) {
                    Some(item) => items.push(item),
                    None => break self.repairs.add(Repairs::CUT_OFF),
                },
                None => break self.repairs.add(Repairs::CUT_OFF),
            }
        }
        Value::Array(items)
    }

    /// Skips a value that is nested too deeply, and returns its JSON text.
    fn too_deep(&mut self) -> Value {
        let start = self.at;
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                break;
            }
        }
        Value::String(super::json::flattened(&self.text[start..self.at]))
    }

    fn scalar(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let len =
            rest.iter().take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'));
        let word = &rest[..len.count()];
        if word.is_empty() {
            return None;
        }
        self.at += word.len();
        let word = std::str::from_utf8(word).unwrap_or_default();
        Some(match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            number => serde_json::from_str::<Number>(number).map_or_else(
                |_| {
                    self.repairs.add(Repairs::GARBAGE);
                    Value::Null
                },
                Value::Number,
            ),
        })
    }

    /// Reads a string; the cursor is at its opening quote.
    fn string(&mut self) -> String {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = memchr::memchr2(b'"', b'\\', rest) else {
                bytes.extend_from_slice(rest);
                self.at = self.text.len();
                self.repairs.add(Repairs::CUT_OFF);
                break;
            };
            bytes.extend_from_slice(&rest[..plain]);
            self.at += plain + 1;
            if rest[plain] == b'"' {
                break;
            }
            self.escape(&mut bytes);
        }
        if bytes.contains(&0) {
            self.repairs.add(Repairs::CONTROLS);
            bytes.retain(|byte| *byte != 0);
        }
        String::from_utf8(bytes).unwrap_or_else(|error| {
            self.repairs.add(Repairs::CHARACTERS);
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        })
    }

    /// Decodes an escape; the cursor is after its backslash.
    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(&letter) = self.text.get(self.at) else { return };
        self.at += 1;
        let plain = match letter {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'"' | b'\\' | b'/' => letter,
            b'u' => {
                let letter = self.unicode();
                return out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => {
                self.repairs.add(Repairs::GARBAGE);
                out.push(b'\\');
                other
            }
        };
        out.push(plain);
    }

    /// Decodes the digits of `\u…`, and the second half of a pair.
    fn unicode(&mut self) -> char {
        let Some(first) = self.hex() else { return self.half() };
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).unwrap_or_else(|| self.half());
        }
        let after = self.at;
        if first < 0xdc00 && self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            if let Some(second) = self.hex().filter(|second| (0xdc00..0xe000).contains(second)) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).unwrap_or_else(|| self.half());
            }
        }
        self.at = after;
        self.half()
    }

    fn half(&mut self) -> char {
        self.repairs.add(Repairs::CHARACTERS);
        char::REPLACEMENT_CHARACTER
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let digits =
            std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{field, items, records, value};

    fn repaired(text: &[u8]) -> (serde_json::Value, String) {
        let (value, repairs) = value(text).expect("a record");
        (value, repairs.to_string())
    }

    #[test]
    fn a_sound_record_needs_no_repair() {
        assert_eq!(repaired(br#"{"a":"\ud83d\ude00"}"#), (json!({"a": "\u{1f600}"}), String::new()));
    }

    #[test]
    fn half_characters_become_replacement_characters() {
        let (value, repairs) = repaired(br#"{"a":"x \ud83d y","b":"\ude00\ud83d\u0041"}"#);
        assert_eq!(value, json!({"a": "x \u{fffd} y", "b": "\u{fffd}\u{fffd}A"}));
        assert_eq!(repairs, "half characters replaced");
    }

    #[test]
    fn marks_and_nul_bytes_around_a_record_are_skipped() {
        let (value, repairs) = repaired(b"\xef\xbb\xbf\0\0{\"a\":\"b\0c\"}\0\0");
        assert_eq!((value, &*repairs), (json!({"a": "bc"}), "control characters accepted"));
    }

    #[test]
    fn records_without_a_separator_are_split_at_their_ends() {
        let found = records(br#"{"a":"}{"}{"b":[{"c":1}]} {"d":2}"#);
        let values: Vec<_> = found.iter().map(|record| record.value.clone()).collect();
        assert_eq!(values, [json!({"a": "}{"}), json!({"b": [{"c": 1}]}), json!({"d": 2})]);
        assert_eq!(found[1].range, 10..25);
    }

    #[test]
    fn a_record_that_is_cut_off_keeps_what_there_is() {
        assert_eq!(repaired(br#"{"a":{"b":["one","tw"#).0, json!({"a": {"b": ["one", "tw"]}}));
        assert_eq!(repaired(br#"{"a":1,"b":"#).0, json!({"a": 1}));
    }

    #[test]
    fn items_of_a_list_are_found_in_a_record_that_is_refused() {
        let text = br#"{"a":"\ud83d","set":{"m":[{"x":"]"}, {"y":"\ude00"},{"cut"#;
        let found: Vec<&[u8]> = items(text, &["set", "m"]).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, [&br#"{"x":"]"}"#[..], br#"{"y":"\ude00"}"#, br#"{"cut"#]);
        assert_eq!(field(text, &["a"]), Some(5..13));
        assert_eq!(field(text, &["b"]), None);
    }

    #[test]
    fn nesting_of_any_depth_is_read() {
        for depth in [63, 128, 200, 100_000] {
            let text = format!("{{\"a\":{}\"deep\"{}}}", "[".repeat(depth), "]".repeat(depth));
            let (value, _) = value(text.as_bytes()).expect("a record");
            assert!(value.to_string().contains("deep"), "{depth}");
        }
    }
}

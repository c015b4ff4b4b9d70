//! Outputs of tools as encoded in a record, for searches that only count them.

use memchr::memmem;

use super::block::plain_string;
use super::outputs::has_longer_result;
use super::preview::MARKER;
use crate::agent::jsonl::{JsonCursor, MalformedJson};

/// Texts whose record needs to be decoded: previews of longer outputs, reminders that are not shown, and a second record
/// in the line.
const SPECIAL: [&str; 5] = [MARKER, "tool-results", "<system-reminder", r#"}{""#, r#""structuredContent":"#];

/// Parts of the outputs in a record, in encoded form.
type Outputs<'a> = Vec<Vec<&'a [u8]>>;

/// Returns the outputs in a record that contains nothing else, each as its encoded parts, which are shown one below the
/// other. `None` for any other record.
pub(super) fn read(line: &[u8]) -> Option<Outputs<'_>> {
    if SPECIAL.iter().any(|text| memmem::find(line, text.as_bytes()).is_some()) {
        return None;
    }
    if has_longer_result(line) {
        return None;
    }
    let mut record = Record::default();
    let mut cursor = JsonCursor::new(line);
    let read = cursor.object(|key, value| record.field(key, value));
    let is_whole = read.is_ok() && cursor.at_end();
    (is_whole && record.is_user && record.has_id && !record.is_other).then_some(record.outputs)
}

#[derive(Default)]
struct Record<'a> {
    is_user: bool,
    has_id: bool,
    /// True if it contains anything but outputs.
    is_other: bool,
    outputs: Outputs<'a>,
}

impl<'a> Record<'a> {
    fn field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        match key {
            b"type" => self.is_user = plain_string(value)? == b"user",
            b"uuid" => self.has_id = value.text()?.is_some(),
            b"message" if value.peek()? == b'{' => value.object(|key, value| self.message_field(key, value))?,
            b"message" | b"content" | b"isCompactSummary" => self.is_other = true,
            _ => {}
        }
        Ok(())
    }

    fn message_field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        match key {
            b"content" if value.peek()? == b'[' => value.array(|item| self.block(item)),
            b"content" => {
                self.is_other = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn block(&mut self, item: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        let (mut kind, mut has_call, mut parts) = (&b""[..], false, Some(Vec::new()));
        item.object(|key, value| {
            match key {
                b"type" => kind = plain_string(value)?,
                b"tool_use_id" => has_call = value.text()?.is_some(),
                b"content" => parts = texts(value)?,
                _ => {}
            }
            Ok(())
        })?;
        match parts {
            Some(parts) if kind == b"tool_result" && has_call => self.outputs.push(parts),
            Some(_) | None => self.is_other = true,
        }
        Ok(())
    }
}

/// Reads a text, or a list of blocks of text; `None` for any other content.
fn texts<'a>(value: &mut JsonCursor<'a>) -> Result<Option<Vec<&'a [u8]>>, MalformedJson> {
    match value.peek()? {
        b'"' => Ok(value.text()?.map(|text| vec![text.0])),
        b'[' => {
            let mut parts = Some(Vec::new());
            value.array(|item| {
                let (mut kind, mut text) = (&b""[..], None);
                item.object(|key, value| {
                    match key {
                        b"type" => kind = plain_string(value)?,
                        b"text" => text = value.text()?,
                        _ => {}
                    }
                    Ok(())
                })?;
                match (&mut parts, text) {
                    (Some(parts), Some(text)) if kind == b"text" => parts.push(text.0),
                    _ => parts = None,
                }
                Ok(())
            })?;
            Ok(parts)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn record(content: &str, more: &str) -> String {
        format!(
            r#"{{"type":"user","uuid":"u1","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t1","content":{content}}}]}}{more}}}"#
        )
    }

    #[test]
    fn outputs_are_read_as_encoded() {
        let text = record(r#""an \"ibis\"\n""#, r#","toolUseResult":{"stdout":"an ibis"}"#);
        assert_eq!(read(text.as_bytes()), Some(vec![vec![&br#"an \"ibis\"\n"#[..]]]));
        let blocks = record(r#"[{"type":"text","text":"one"},{"type":"text","text":"two"}]"#, "");
        assert_eq!(read(blocks.as_bytes()), Some(vec![vec![&b"one"[..], &b"two"[..]]]));
    }

    #[test]
    fn a_record_with_anything_else_is_decoded() {
        for text in [
            record(r#""<persisted-output>\nsaved""#, ""),
            record(r#""a\n<system-reminder>\nhidden</system-reminder>""#, ""),
            record(r#"[{"type":"image","source":{}}]"#, ""),
            record("{}", ""),
            record(r#""text""#, r#","isCompactSummary":true"#),
            record(r#""text""#, "").replace("tool_result", "text"),
            record(r#""text""#, "").replace(r#""uuid":"u1","#, ""),
            record(r#""text""#, "").replacen("user", "assistant", 1),
            record(r#""text""#, "") + &record(r#""text""#, ""),
            record(r#""torn"#, ""),
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}

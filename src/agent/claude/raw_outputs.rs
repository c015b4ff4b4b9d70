//! Outputs of tools as encoded in a record, for searches that only count them.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::block::plain_string;
use super::outputs::OutputLengths;
use super::preview::MARKER;
use super::user_markup::{TOOL_ERROR, shown_output};
use crate::agent::jsonl::{JsonCursor, JsonStr, MalformedJson};
use crate::agent::texts::RawOutput;
use crate::domain::EntryKey;

/// Texts whose record needs to be decoded: previews of longer outputs, a second record in the line, and fields that are
/// shown below an output.
static SPECIAL: LazyLock<[Finder<'static>; 5]> =
    LazyLock::new(|| [MARKER, "tool-results", r#"}{""#, r#""structuredContent":"#, r#""answers":"#].map(Finder::new));

/// Beginnings of markup that is not shown: a reminder at the end of an output, and an element around an error.
static MARKUP: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["<system-reminder", TOOL_ERROR].map(Finder::new));

/// Ends of the types of blocks with texts that are not indexed: results, calls and reasoning.
static UNINDEXED: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["tool_result", "tool_use", "thinking"].map(Finder::new));

/// Returns false if a line has no block with texts that are not indexed.
pub(super) fn may_have_unindexed(line: &[u8]) -> bool {
    // A record that is a text has escaped quotes.
    !line.starts_with(b"{") || UNINDEXED.iter().any(|kind| kind.find_iter(line).any(|at| ends(kind, line, at)))
}

/// Returns true if the text of a finder ends with a quote, which is escaped in a block that is a text.
fn ends(kind: &Finder<'_>, line: &[u8], at: usize) -> bool {
    matches!(line.get(at + kind.needle().len()), Some(b'"' | b'\\'))
}

/// Returns the outputs in a record that contains nothing else. `None` for any other record, and for one of a sub-agent if
/// those `may_be_aside`, in the file of their parent.
pub(super) fn read(line: &[u8], may_be_aside: bool) -> Option<Vec<RawOutput<'_>>> {
    let mut record = Record::default();
    let mut cursor = JsonCursor::new(line);
    let read = cursor.object(|key, value| record.field(key, value));
    let is_whole = read.is_ok() && cursor.at_end();
    if !is_whole
        || !record.is_user
        || !record.has_id
        || record.is_other
        || !record.has_content
        || (may_be_aside && record.is_side)
    {
        return None;
    }
    let is_special = SPECIAL.iter().any(|text| text.find(line).is_some());
    let has_more = record.lengths.has_longer_result() || record.lengths.has_more();
    (!is_special && !has_more).then_some(record.outputs)
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts about one record")]
struct Record<'a> {
    is_user: bool,
    has_id: bool,
    has_content: bool,
    /// True if it contains anything but outputs.
    is_other: bool,
    /// True for a record of a sub-agent.
    is_side: bool,
    outputs: Vec<RawOutput<'a>>,
    lengths: OutputLengths,
}

impl<'a> Record<'a> {
    fn field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        match key {
            b"type" => {
                self.is_user = plain_string(value)? == b"user";
                if !self.is_user {
                    // The rest need not be read.
                    return Err(MalformedJson);
                }
            }
            b"uuid" => self.has_id = value.text()?.is_some(),
            b"message" if value.peek()? == b'{' => value.object(|key, value| self.message_field(key, value))?,
            b"message" | b"content" | b"isCompactSummary" => self.is_other = true,
            b"isSidechain" => self.is_side = value.truth()?,
            b"toolUseResult" => self.lengths.add_result(value)?,
            _ => {}
        }
        Ok(())
    }

    fn message_field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        match key {
            b"content" if value.peek()? == b'[' => {
                self.has_content = true;
                value.array(|item| self.block(item))
            }
            b"content" => {
                self.is_other = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn block(&mut self, item: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        let (mut kind, mut call, mut parts) = (&b""[..], None, Some(Vec::new()));
        item.object(|key, value| {
            match key {
                b"type" => kind = plain_string(value)?,
                b"tool_use_id" => call = value.text()?.map(JsonStr::decode).filter(|id| !id.is_empty()),
                b"content" => {
                    self.lengths.add_content(&mut value.clone())?;
                    parts = texts(value)?;
                }
                _ => {}
            }
            Ok(())
        })?;
        match (parts, call) {
            (Some(parts), Some(call)) if kind == b"tool_result" => {
                let has_markup = parts.iter().any(|part| MARKUP.iter().any(|start| start.find(part).is_some()));
                let shown = has_markup.then_some(shown_output as fn(&str) -> &str);
                self.outputs.push(RawOutput { key: EntryKey::new(&call, 0), call, parts, shown });
            }
            _ => self.is_other = true,
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
    use super::{may_have_unindexed, read};

    fn parts(line: &str) -> Option<Vec<Vec<&[u8]>>> {
        read(line.as_bytes(), false).map(|outputs| outputs.into_iter().map(|output| output.parts).collect())
    }

    fn record(content: &str, more: &str) -> String {
        format!(
            r#"{{"type":"user","uuid":"u1","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t1","content":{content}}}]}}{more}}}"#
        )
    }

    #[test]
    fn outputs_are_read_as_encoded() {
        let text = record(r#""an \"ibis\"\n""#, r#","toolUseResult":{"stdout":"an ibis"}"#);
        assert_eq!(parts(&text), Some(vec![vec![&br#"an \"ibis\"\n"#[..]]]));
        let output = &read(text.as_bytes(), false).expect("outputs")[0];
        assert_eq!((&*output.call, &*output.text()), ("t1", "an \"ibis\"\n"));
        let blocks = record(r#"[{"type":"text","text":"one"},{"type":"text","text":"two"}]"#, "");
        assert_eq!(parts(&blocks), Some(vec![vec![&b"one"[..], &b"two"[..]]]));
        assert_eq!(read(blocks.as_bytes(), false).expect("outputs")[0].text(), "one\ntwo");
    }

    #[test]
    fn markup_around_an_output_is_not_shown() {
        for (content, text) in [
            (r#""a\n<system-reminder>\nhidden</system-reminder>""#, "a"),
            (r#""a <system-reminder> b""#, "a <system-reminder> b"),
            (r#""<tool_use_error>no file</tool_use_error>""#, "no file"),
            (r#""<tool_use_error> torn""#, "<tool_use_error> torn"),
            (
                r#"[{"type":"text","text":"one"},{"type":"text","text":"<system-reminder>\nx</system-reminder>\n"}]"#,
                "one",
            ),
        ] {
            let line = record(content, "");
            let output = &read(line.as_bytes(), false).expect("outputs")[0];
            assert_eq!((&*output.text(), output.shown.is_some()), (text, true), "{content}");
        }
    }

    #[test]
    fn a_longer_result_beside_an_output_is_decoded() {
        for (content, result, is_longer) in [
            (r#""cut""#, r#"{"stdout":"a longer text"}"#, true),
            (r#""cut""#, r#"{"stdout":"x\n\n","stderr":"y"}"#, false),
            (r#"[{"type":"text","text":"cut"}]"#, r#"{"stdout":"short"}"#, false),
        ] {
            let line = record(content, &format!(",\"toolUseResult\":{result}"));
            assert_eq!(read(line.as_bytes(), false).is_none(), is_longer, "{content} {result}");
        }
    }

    #[test]
    fn records_of_messages_have_only_indexed_texts() {
        for (content, expected) in [
            (r#""a tool_use in a text""#, false),
            // Like a block that is a text.
            (r#""a \"tool_use\" in a text""#, true),
            (r#"[{"type":"text","text":"thinking of a tool"}]"#, false),
            (r#"[{"type":"thinking","thinking":"hm"}]"#, true),
            (r#"[{"type": "server_tool_use","id":"t"}]"#, true),
            (r#"[{"type":"tool_result","tool_use_id":"t1","content":"x"}]"#, true),
        ] {
            let line = format!(r#"{{"type":"user","uuid":"u1","message":{{"role":"user","content":{content}}}}}"#);
            assert_eq!(may_have_unindexed(line.as_bytes()), expected, "{content}");
        }
    }

    #[test]
    fn a_record_with_anything_else_is_decoded() {
        for text in [
            record(r#""<persisted-output>\nsaved""#, ""),
            record(r#"[{"type":"image","source":{}}]"#, ""),
            record("{}", ""),
            record(r#""text""#, r#","isCompactSummary":true"#),
            record(r#""text""#, "").replace("tool_result", "text"),
            record(r#""text""#, "").replace(r#""uuid":"u1","#, ""),
            record(r#""text""#, "").replacen("user", "assistant", 1),
            record(r#""text""#, "") + &record(r#""text""#, ""),
            record(r#""torn"#, ""),
        ] {
            assert!(read(text.as_bytes(), false).is_none(), "{text}");
        }
    }
}

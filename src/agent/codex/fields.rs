//! Finds fields of a JSON line by name, without parsing the line.
//!
//! The pattern `"name":` never matches inside a string, where its quotes would be escaped, so only real fields match.
//! The searchers for common names are built once.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::agent::json::repair;

/// Searcher for a field's name.
pub(super) type FieldFinder = LazyLock<Finder<'static>>;

/// Id of a call, in the call and in its output.
pub(super) static CALL_ID: FieldFinder = LazyLock::new(|| Finder::new("\"call_id\":\""));
pub(super) static ID: FieldFinder = LazyLock::new(|| Finder::new("\"id\":\""));
pub(super) static TURN_ID: FieldFinder = LazyLock::new(|| Finder::new("\"turn_id\":\""));
/// Id that a client gave to its prompt.
pub(super) static CLIENT_ID: FieldFinder = LazyLock::new(|| Finder::new("\"client_id\":\""));
/// A completed item.
pub(super) static ITEM: FieldFinder = LazyLock::new(|| Finder::new("\"item\":{"));
pub(super) static TYPE: FieldFinder = LazyLock::new(|| Finder::new("\"type\":\""));
/// Origin of a command.
pub(super) static SOURCE: FieldFinder = LazyLock::new(|| Finder::new("\"source\":\""));
/// Text of a message, in events.
pub(super) static MESSAGE: FieldFinder = LazyLock::new(|| Finder::new("\"message\":\""));
/// Text of a part.
pub(super) static TEXT: FieldFinder = LazyLock::new(|| Finder::new("\"text\":\""));
/// Name of a tool.
pub(super) static NAME: FieldFinder = LazyLock::new(|| Finder::new("\"name\":\""));
pub(super) static ROLE: FieldFinder = LazyLock::new(|| Finder::new("\"role\":\""));
pub(super) static MODEL: FieldFinder = LazyLock::new(|| Finder::new("\"model\":\""));
/// Storage mode of the history.
pub(super) static HISTORY_MODE: FieldFinder = LazyLock::new(|| Finder::new("\"history_mode\":\""));
pub(super) static OUTPUT: FieldFinder = LazyLock::new(|| Finder::new("\"output\":\""));
pub(super) static EXIT_CODE: FieldFinder = LazyLock::new(|| Finder::new("\"exit_code\":"));
/// Exit code inside a JSON string.
pub(super) static INNER_EXIT_CODE: FieldFinder = LazyLock::new(|| Finder::new("\\\"exit_code\\\":"));
/// Final status of an item.
pub(super) static STATUS: FieldFinder = LazyLock::new(|| Finder::new("\"status\":\""));
/// Objective of a goal.
pub(super) static OBJECTIVE: FieldFinder = LazyLock::new(|| Finder::new("\"objective\":\""));
/// Name of a thread.
pub(super) static THREAD_NAME: FieldFinder = LazyLock::new(|| Finder::new("\"thread_name\":\""));
/// Text of a message between agents, if it is a plain string.
pub(super) static CONTENT: FieldFinder = LazyLock::new(|| Finder::new("\"content\":\""));
/// Failure of an MCP call, reported by Codex.
pub(super) static MCP_ERROR: FieldFinder = LazyLock::new(|| Finder::new("\"result\":{\"Err\":"));
/// Failure of an MCP call, reported by the tool.
pub(super) static IS_ERROR: FieldFinder = LazyLock::new(|| Finder::new("\"isError\":true"));
/// Findings of a review.
pub(super) static FINDINGS: FieldFinder = LazyLock::new(|| Finder::new("\"review_output\":{"));
/// Success flag of a call.
pub(super) static SUCCESS: FieldFinder = LazyLock::new(|| Finder::new("\"success\":"));
/// Position of a line in a paginated rollout.
pub(super) static ORDINAL: FieldFinder = LazyLock::new(|| Finder::new("\"ordinal\":"));
/// Cumulative usage, in events.
pub(super) static TOTAL_USAGE: FieldFinder = LazyLock::new(|| Finder::new("\"total_token_usage\":{"));
/// Cumulative usage, in usage records.
pub(super) static THREAD_USAGE: FieldFinder = LazyLock::new(|| Finder::new("\"thread_token_usage\":{"));

/// Usage of the last reply, in usage events.
pub(super) static LAST_USAGE: FieldFinder = LazyLock::new(|| Finder::new("\"last_token_usage\":{"));
/// Usage of the reply, in usage records.
pub(super) static REPLY_USAGE: FieldFinder = LazyLock::new(|| Finder::new("\"usage\":{"));

/// Number of turns that were undone.
pub(super) static UNDONE_TURNS: FieldFinder = LazyLock::new(|| Finder::new("\"num_turns\":"));
/// Beginning of a record.
static RECORD: FieldFinder = LazyLock::new(|| Finder::new("{\"timestamp\":\""));

/// Maximum commas that are tried as separators of two records, because objects in a list have them too.
const MAX_COMMAS: usize = 4;

/// True if another record follows the first one in a line, with white space, a separator or nothing between them.
pub(super) fn has_next_record(line: &[u8]) -> bool {
    let mut commas = 0;
    let mut is_next = |at: usize| match line[..at].trim_ascii_end().split_last() {
        None | Some((b'[' | b':', _)) => false,
        Some((b',', before)) => {
            commas += 1;
            commas <= MAX_COMMAS && is_whole(before)
        }
        Some(_) => true,
    };
    RECORD.find_iter(line).any(|at| at > 0 && is_next(at))
}

/// True for bytes that are a whole record, with commas behind it.
#[cold]
fn is_whole(before: &[u8]) -> bool {
    let len = before.iter().rposition(|byte| !byte.is_ascii_whitespace() && *byte != b',').map_or(0, |at| at + 1);
    repair::is_record(&before[..len])
}

/// Bytes after the first match of a name.
pub(super) fn after<'a>(bytes: &'a [u8], name: &Finder<'_>) -> Option<&'a [u8]> {
    match name.find(bytes) {
        Some(at) => Some(&bytes[at + name.needle().len()..]),
        None if is_spaced(bytes) => after_spaced(bytes, name.needle()),
        None => None,
    }
}

/// True for JSON with white space between its tokens, as programs other than Codex write it.
fn is_spaced(bytes: &[u8]) -> bool {
    memchr::memmem::find(&bytes[..bytes.len().min(64)], b"\": ").is_some()
}

/// Like [`after`], with white space around the colon of a name such as `"type":"`.
#[cold]
fn after_spaced<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let colon = memchr::memchr(b':', name)?;
    let (key, value_start) = (&name[..colon], &name[colon + 1..]);
    memchr::memmem::find_iter(bytes, key).find_map(|at| {
        let rest = bytes[at + key.len()..].trim_ascii_start().strip_prefix(b":")?;
        rest.trim_ascii_start().strip_prefix(value_start)
    })
}

/// Value of a text field of at most 400 bytes.
pub(super) fn field<'a>(bytes: &'a [u8], name: &Finder<'_>) -> Option<&'a [u8]> {
    split_at_quote(after(bytes, name)?, 400).map(|(value, _)| value)
}

/// Value of a field with an id, which is a text or a number.
pub(super) fn id<'a>(bytes: &'a [u8], name: &Finder<'_>) -> Option<&'a [u8]> {
    field(bytes, name).or_else(|| {
        let name = name.needle().strip_suffix(b"\"")?;
        let rest = after(bytes, &Finder::new(name))?.trim_ascii_start();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (digits > 0).then_some(&rest[..digits])
    })
}

/// Value of an integer field.
pub(super) fn number(bytes: &[u8], name: &Finder<'_>) -> Option<u64> {
    leading_number(after(bytes, name)?)
}

/// Integer at the beginning; of a negative one its absolute value.
pub(super) fn leading_number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes).iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |sum: Option<u64>, digit| {
        Some(sum.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

/// Splits at the next quote, within the first `limit` bytes.
pub(super) fn split_at_quote(bytes: &[u8], limit: usize) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'"', &bytes[..bytes.len().min(limit)])?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

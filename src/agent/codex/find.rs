//! Fields of a JSON line, found by their names and not by parsing.
//!
//! A name with its quotes and its colon never stands inside of a string, where the quotes would be escaped: only a
//! real field is ever found. The names that nearly every line is searched for are prepared once.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// A name that is looked for.
pub type Name = LazyLock<Finder<'static>>;

/// A call's id, in what the model said and what it was told.
pub static CALL_ID: Name = LazyLock::new(|| Finder::new("\"call_id\":\""));
/// Any id.
pub static ID: Name = LazyLock::new(|| Finder::new("\"id\":\""));
/// The turn that something belongs to.
pub static TURN_ID: Name = LazyLock::new(|| Finder::new("\"turn_id\":\""));
/// The id that a client gave to its prompt.
pub static CLIENT_ID: Name = LazyLock::new(|| Finder::new("\"client_id\":\""));
/// A completed item.
pub static ITEM: Name = LazyLock::new(|| Finder::new("\"item\":{"));
/// Any type.
pub static TYPE: Name = LazyLock::new(|| Finder::new("\"type\":\""));
/// What brought a command about.
pub static SOURCE: Name = LazyLock::new(|| Finder::new("\"source\":\""));
/// A message's text, in events.
pub static MESSAGE: Name = LazyLock::new(|| Finder::new("\"message\":\""));
/// A part's text.
pub static TEXT: Name = LazyLock::new(|| Finder::new("\"text\":\""));
/// A tool's name.
pub static NAME: Name = LazyLock::new(|| Finder::new("\"name\":\""));
/// Who speaks.
pub static ROLE: Name = LazyLock::new(|| Finder::new("\"role\":\""));
/// The model of a turn.
pub static MODEL: Name = LazyLock::new(|| Finder::new("\"model\":\""));
/// How a rollout keeps its history.
pub static HISTORY_MODE: Name = LazyLock::new(|| Finder::new("\"history_mode\":\""));
/// A tool's output.
pub static OUTPUT: Name = LazyLock::new(|| Finder::new("\"output\":\""));
/// A command's exit code.
pub static EXIT_CODE: Name = LazyLock::new(|| Finder::new("\"exit_code\":"));
/// A command's exit code, inside of a string.
pub static INNER_EXIT_CODE: Name = LazyLock::new(|| Finder::new("\\\"exit_code\\\":"));
/// How an item ended.
pub static STATUS: Name = LazyLock::new(|| Finder::new("\"status\":\""));
/// Whether a call ended well.
pub static SUCCESS: Name = LazyLock::new(|| Finder::new("\"success\":"));
/// A line's place in a paginated rollout.
pub static ORDINAL: Name = LazyLock::new(|| Finder::new("\"ordinal\":"));
/// Usage so far, in events.
pub static TOTAL_USAGE: Name = LazyLock::new(|| Finder::new("\"total_token_usage\":{"));
/// Usage so far, in records.
pub static THREAD_USAGE: Name = LazyLock::new(|| Finder::new("\"thread_token_usage\":{"));

/// What stands behind a name.
pub fn behind<'a>(bytes: &'a [u8], name: &Finder<'_>) -> Option<&'a [u8]> {
    name.find(bytes).map(|at| &bytes[at + name.needle().len()..])
}

/// A short text field.
pub fn field<'a>(bytes: &'a [u8], name: &Finder<'_>) -> Option<&'a [u8]> {
    until_quote(behind(bytes, name)?, 400).map(|(value, _)| value)
}

/// A whole number.
pub fn number(bytes: &[u8], name: &Finder<'_>) -> Option<u64> {
    leading_number(behind(bytes, name)?)
}

/// The whole number at the beginning; of a negative one its amount.
pub fn leading_number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes).iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |sum: Option<u64>, digit| {
        Some(sum.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

/// What stands before the next quote, and behind it.
pub fn until_quote(bytes: &[u8], longest: usize) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'"', &bytes[..bytes.len().min(longest)])?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

//! Limit of nesting for parsers that recurse without one.

/// Maximum levels of nesting, because a parser uses stack for each.
const MAX_LEVELS: usize = 128;

/// Returns the JSON if its nesting is within the limit. Counts brackets outside of strings.
pub(super) fn shallow(json: &str) -> Option<&str> {
    let opened = memchr::memchr2_iter(b'[', b'{', json.as_bytes());
    // Most records have fewer brackets than the limit, wherever they are.
    if opened.take(MAX_LEVELS + 1).count() <= MAX_LEVELS {
        return Some(json);
    }
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => level += 1,
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
        if level > MAX_LEVELS {
            return None;
        }
    }
    Some(json)
}

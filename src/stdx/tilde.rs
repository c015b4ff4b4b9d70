//! The home directory in texts for the user, shown as `~`.

use std::borrow::Cow;

/// Replaces the home directory at the beginning of each path in a text by `~`. A path of another machine such as
/// `box:/home/ann` is unchanged, and so is everything without a known home directory.
pub fn with_tilde<'a>(text: &'a str, home: &str) -> Cow<'a, str> {
    let home = home.trim_end_matches('/');
    if !home.starts_with('/') {
        return text.into();
    }
    let mut parts = text.match_indices(home).map(|(at, _)| at).filter(|at| is_path(text, *at, home.len())).peekable();
    if parts.peek().is_none() {
        return text.into();
    }
    let (mut shown, mut end) = (String::with_capacity(text.len()), 0);
    for at in parts {
        shown.push_str(&text[end..at]);
        shown.push('~');
        end = at + home.len();
    }
    shown.push_str(&text[end..]);
    shown.into()
}

/// Returns true if a path begins at a byte whose first `len` bytes are whole components.
fn is_path(text: &str, at: usize, len: usize) -> bool {
    let continues = |c: char| c.is_alphanumeric() || "._-~/:\\".contains(c);
    let ends = |c: char| c == '/' || c.is_whitespace() || "\"'`()[]<>,;:".contains(c);
    !text[..at].ends_with(continues) && text[at + len..].chars().next().is_none_or(ends)
}

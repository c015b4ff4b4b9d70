//! Escaping of texts in HTML.

use std::io::{self, Write};

use crate::stdx::text::sanitise;

/// Writes a text for an element or for an attribute in quotation marks. Control characters are left out.
pub(super) fn write_escaped(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let clean = sanitise(text);
    let bytes = clean.as_bytes();
    let mut from = 0;
    let needs_escape = |byte: &u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
    while let Some(next) = bytes[from..].iter().position(needs_escape) {
        let at = from + next;
        out.write_all(&bytes[from..at])?;
        out.write_all(match bytes[at] {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            _ => b"&#39;",
        })?;
        from = at + 1;
    }
    out.write_all(&bytes[from..])
}

//! Names of files between quotes, as git reads them: any bytes on one line.

/// Quotes a name as git does, so that no byte of it ends the line or the name.
pub(super) fn quoted(name: &[u8]) -> String {
    let mut out = String::from('"');
    for byte in name {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}

/// Takes back the quotation of a name, whose quotes were removed.
pub(super) fn unquoted(name: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, rest) {
            (b'\\', [byte @ (b'"' | b'\\'), after @ ..]) => {
                out.push(*byte);
                rest = after;
            }
            (b'\\', [_, _, _, after @ ..]) => {
                out.push(u8::from_str_radix(std::str::from_utf8(&rest[..3]).ok()?, 8).ok()?);
                rest = after;
            }
            (b'\\', _) => return None,
            (byte, _) => out.push(*byte),
        }
    }
    Some(out)
}

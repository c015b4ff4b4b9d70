//! `file:` URIs, in which SQLite takes parameters.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Builds the URI of a path with parameters; every byte with a special meaning is percent-encoded.
pub fn file_uri(path: &Path, parameters: &str) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => write!(uri, "%{byte:02x}").unwrap_or_default(),
        }
    }
    uri + "?" + parameters
}

//! Output of a command, of which the end is kept up to a limit.

use std::collections::VecDeque;

/// Output so far.
#[derive(Debug)]
pub(super) struct TerminalOutput {
    bytes: VecDeque<u8>,
    limit: usize,
    is_truncated: bool,
}

impl TerminalOutput {
    /// Creates an empty output of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), limit, is_truncated: false }
    }

    /// Appends bytes, and drops the oldest ones above the limit.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let excess = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..excess);
        self.is_truncated |= excess > 0;
    }

    /// True if the beginning of the output is missing.
    pub(super) fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Text of the output, which begins with a whole character.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let is_rest = |byte: &&u8| self.is_truncated && **byte & 0xc0 == 0x80;
        let rest = bytes.iter().take(3).take_while(is_rest).count();
        String::from_utf8_lossy(&bytes[rest..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_kept_and_begins_with_a_whole_character() {
        let mut output = TerminalOutput::new(5);
        output.push("ab".as_bytes());
        assert_eq!((output.text().as_str(), output.is_truncated()), ("ab", false));
        output.push("äöü".as_bytes());
        assert_eq!((output.text().as_str(), output.is_truncated()), ("öü", true));
    }
}

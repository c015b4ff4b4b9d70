//! Reading of compressed files (Zstandard, RFC 8878): any number of frames, and what can be read of damaged ones.

use std::io::{self, Read};

use memchr::memmem;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// First bytes of a frame.
pub const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes per read of the compressed file; more than a block has, so that a block is decoded in one step.
const CHUNK: usize = 256 << 10;

/// Bytes that a decoder needs before it knows the length of a frame's header.
const FRAME_START: usize = 5;

/// Decompressing reader. It never fails because of the data: a damaged frame is left at its last sound block, and reading
/// goes on at the next frame, on a line of its own.
pub struct Decompressor<R> {
    source: R,
    decoder: Decoder<'static>,
    /// `input[start..end]` is read but not decoded yet.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes that the decoder wants next; 0 between frames.
    wanted: usize,
    damage: Option<String>,
    /// True if a newline must separate what follows from a damaged frame.
    separates: bool,
}

impl<R: Read> Decompressor<R> {
    /// Creates a reader of the text in a compressed source.
    pub fn new(source: R) -> io::Result<Self> {
        let decoder = Decoder::new()?;
        let input = vec![0; CHUNK];
        Ok(Self { source, decoder, input, start: 0, end: 0, wanted: 0, damage: None, separates: false })
    }

    /// The first damage so far.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Reads more input, so that at least `len` bytes are there unless the source ends.
    fn fill(&mut self, len: usize) -> io::Result<()> {
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < len.min(CHUNK) {
            match self.source.read(&mut self.input[self.end..]) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Decodes at most one block, because an error discards the whole step. Returns the number of decompressed bytes.
    fn step(&mut self, text: &mut [u8]) -> io::Result<usize> {
        let len = (self.end - self.start).min(self.wanted.max(FRAME_START));
        let mut input = InBuffer::around(&self.input[self.start..self.start + len]);
        let mut output = OutBuffer::around(text);
        self.wanted = self.decoder.run(&mut input, &mut output)?;
        self.start += input.pos();
        Ok(output.pos())
    }

    /// Records a damage, and skips to the next frame.
    fn skip_damaged(&mut self, reason: String) -> io::Result<()> {
        self.damage.get_or_insert(reason);
        self.separates = true;
        self.decoder.reinit()?;
        self.wanted = 0;
        // The damaged frame's own beginning must not be found again.
        self.start = (self.start + 1).min(self.end);
        loop {
            if let Some(at) = memmem::find(&self.input[self.start..self.end], &MAGIC) {
                self.start += at;
                return Ok(());
            }
            // A magic number may be split between two reads.
            self.start = self.start.max(self.end.saturating_sub(MAGIC.len() - 1));
            let left = self.end - self.start;
            self.fill(left + 1)?;
            if self.end == left {
                self.start = self.end;
                return Ok(());
            }
        }
    }
}

impl<R: Read> Read for Decompressor<R> {
    fn read(&mut self, text: &mut [u8]) -> io::Result<usize> {
        while !text.is_empty() {
            if self.end - self.start < self.wanted.max(FRAME_START) {
                self.fill(self.wanted.max(FRAME_START))?;
            }
            let has_input = self.end > self.start;
            if self.separates && has_input {
                self.separates = false;
                text[0] = b'\n';
                return Ok(1);
            }
            if !has_input && self.wanted == 0 {
                return Ok(0);
            }
            match self.step(text) {
                Ok(0) if !has_input => {
                    self.wanted = 0;
                    self.damage.get_or_insert_with(|| "the compressed file is cut off".to_owned());
                    return Ok(0);
                }
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(error) => self.skip_damaged(format!("the compressed file is damaged ({error})"))?,
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 3).expect("compressed")
    }

    /// Decompresses in small and in large reads, which must agree.
    fn text(compressed: &[u8]) -> (Vec<u8>, Option<String>) {
        let read = |size: usize| {
            let mut reader = Decompressor::new(compressed).expect("a reader");
            let (mut text, mut buffer) = (Vec::new(), vec![0; size]);
            loop {
                let count = reader.read(&mut buffer).expect("never an error");
                if count == 0 {
                    return (text, reader.damage().map(str::to_owned));
                }
                text.extend_from_slice(&buffer[..count]);
            }
        };
        let (small, large) = (read(7), read(300_000));
        assert!(small == large);
        large
    }

    /// Text that does not become smaller than some blocks.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + u8::try_from(state >> 24).expect("a byte") % 26
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    #[test]
    fn frames_in_sequence_are_one_text() {
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let parts = [frame(b"one\n"), skippable, frame(b""), frame(&noise(1_000_000)), frame(b"two\n")];
        assert_eq!(text(b""), (Vec::new(), None));
        let (text, damage) = text(&parts.concat());
        assert!(text == [b"one\n".as_slice(), &noise(1_000_000), b"two\n"].concat());
        assert_eq!(damage, None);
    }

    #[test]
    fn a_frame_that_is_cut_off_gives_its_sound_blocks() {
        let whole = noise(1_000_000);
        let compressed = frame(&whole);
        for len in [1, 5, 100, compressed.len() / 2, compressed.len() - 1] {
            let (text, damage) = text(&compressed[..len]);
            assert!(whole.starts_with(&text), "{len}");
            assert!(damage.is_some(), "{len}");
            assert!(len < 200_000 || text.len() > len, "{len}: {}", text.len());
        }
    }

    #[test]
    fn a_damaged_block_loses_its_frame_from_there_and_no_other() {
        let (whole, mut compressed) = (noise(1_000_000), frame(&noise(1_000_000)));
        let middle = compressed.len() / 2;
        compressed[middle..middle + 4000].fill(0);
        compressed.extend(frame(b"the next frame\n"));
        let (text, damage) = text(&compressed);
        let before = text.strip_suffix(b"\nthe next frame\n").expect("the next frame, on a line of its own");
        assert!(before.len() > 100_000 && whole[..100_000] == before[..100_000]);
        assert!(damage.expect("damage").contains("damaged"));
    }

    #[test]
    fn what_is_not_compressed_gives_nothing() {
        let (text, damage) = text(b"plain text that is long enough");
        assert_eq!(text, b"");
        assert!(damage.is_some());
    }
}

//! Reader of lines with a size limit. A partly read line survives the cancellation of a read.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Maximum bytes per line, because the other side may be damaged or hostile. A replay holds at most one ring.
pub(super) const MAX_LINE_BYTES: usize = 64 << 20;

/// Reader of lines.
#[derive(Debug)]
pub(super) struct MessageReader<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// Creates a reader.
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new() }
    }

    /// Returns the next line without its line feed; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let bytes = self.reader.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + part.len() > MAX_LINE_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a message exceeds 64 MiB"));
            }
            self.line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

//! Rollouts as text: plain ones, compressed ones, and documents of the first versions.
//!
//! - `rollout-*.jsonl`: the current form.
//! - `rollout-*.jsonl.zst`: 0.171 compresses threads that were not used for a while, one frame each, where
//!   `[features] local_thread_store_compression` is set. It lists and resumes them like others: a resume writes the plain
//!   file again, so both may exist, and are one thread. Offsets are those of the decompressed text.
//! - `rollout-*.json`: the TypeScript versions of early 2025 wrote one document, `{"session":{…},"items":[…]}`, with the
//!   items of the model's conversation. Its lines are the session, then the items, as 0.31 wrote them.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::agent::FileStamp;
use crate::agent::json::repair;
use crate::agent::jsonl::TextFile;
use crate::agent::tolerant_json;
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::temp;
use crate::stdx::utf16;
use crate::stdx::zst::{self, Decompressor};

/// Endings of rollouts' names.
pub(super) const ENDINGS: [&str; 4] = [".jsonl", COMPRESSED_LINES, DOCUMENT, ".json.zst"];

const COMPRESSED_LINES: &str = ".jsonl.zst";
const DOCUMENT: &str = ".json";

/// Ending of a compressed file.
pub(super) const COMPRESSED: &str = ".zst";

/// Maximum bytes of a decompressed rollout, because a small file may contain any amount.
const MAX_TEXT: u64 = 1 << 30;

/// Bytes per step of a copy.
const CHUNK: usize = 128 << 10;

/// True for a rollout whose file is its text.
pub(super) fn is_plain(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b".jsonl")
}

/// True for a rollout that is one document.
pub(super) fn is_document(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    name.strip_suffix(COMPRESSED.as_bytes()).unwrap_or(name).ends_with(DOCUMENT.as_bytes())
}

/// Opens a rollout as text: all of it, or at least its first bytes.
pub(super) fn open(path: &Path, first: Option<u64>) -> io::Result<TextFile> {
    if is_plain(path) {
        return TextFile::open(path);
    }
    let file = files::open(path)?;
    let stamp = FileStamp::of(&file.metadata()?);
    let (file, damage) = if is_document(path) {
        let (bytes, damage) = document(file)?;
        (lines_of(&bytes)?, damage)
    } else {
        decompressed(file, first)?
    };
    Ok(TextFile { damage, ..TextFile::copy(file, stamp) })
}

/// Decompresses a file, which may be text in spite of its name, into a file without a name.
fn decompressed(mut file: File, first: Option<u64>) -> io::Result<(File, Option<String>)> {
    let mut copy = temp::unnamed()?;
    let limit = first.unwrap_or(MAX_TEXT);
    let mut damage = None;
    if is_compressed(&mut file)? {
        let mut source = Decompressor::new(file)?;
        let is_whole = copy_up_to(&mut source, &mut copy, limit)?;
        damage = source.damage().map(str::to_owned);
        if !is_whole && first.is_none() {
            damage = Some(files::too_large(SizeLimit(limit)).to_string());
        }
    } else {
        copy_up_to(&mut file, &mut copy, limit)?;
    }
    Ok((copy, damage.filter(|_| first.is_none())))
}

/// Reads a document, which may be compressed.
fn document(mut file: File) -> io::Result<(Vec<u8>, Option<String>)> {
    if !is_compressed(&mut file)? {
        return Ok((utf16::decoded(files::read_open(&file, SizeLimit::DOCUMENT)?), None));
    }
    let (mut source, mut bytes) = (Decompressor::new(file)?, Vec::new());
    if !copy_up_to(&mut source, &mut bytes, SizeLimit::DOCUMENT.0)? {
        return Err(files::too_large(SizeLimit::DOCUMENT));
    }
    Ok((bytes, source.damage().map(str::to_owned)))
}

/// True if a file begins like a compressed one. An empty one does not.
fn is_compressed(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::new();
    Read::by_ref(file).take(zst::MAGIC.len() as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let is_skippable = matches!(head[..], [0x50..=0x5f, 0x2a, 0x4d, 0x18]);
    Ok(is_skippable || (!head.is_empty() && zst::MAGIC.starts_with(&head)))
}

/// Copies at most `limit` bytes; false if there are more.
fn copy_up_to(source: &mut impl Read, to: &mut impl Write, limit: u64) -> io::Result<bool> {
    let mut chunk = vec![0; CHUNK];
    let mut left = limit;
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return Ok(true),
            Ok(count) => {
                let kept = count.min(usize::try_from(left).unwrap_or(usize::MAX));
                to.write_all(&chunk[..kept])?;
                left -= kept as u64;
                if kept < count {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes a document's session and its items as lines. The bytes of each are unchanged, except for line ends.
fn lines_of(document: &[u8]) -> io::Result<File> {
    let mut copy = BufWriter::new(temp::unnamed()?);
    let mut line = |bytes: &[u8]| {
        let bytes: Vec<u8> =
            bytes.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect();
        copy.write_all(&bytes)?;
        copy.write_all(b"\n")
    };
    if let Some(session) = tolerant_json::field(document, &["session"]) {
        line(&document[session])?;
    }
    let path: &[&str] = if document.trim_ascii_start().first() == Some(&b'[') { &[] } else { &["items"] };
    for item in tolerant_json::items(document, path) {
        line(&document[item])?;
    }
    copy.write_all(repair::RECORD_START)?;
    copy.into_inner().map_err(io::IntoInnerError::into_error)
}

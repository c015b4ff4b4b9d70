//! Lines of growing files, and other processes.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use salon::stdx::lines::{LineReader, MAX_LINE_BYTES};
use salon::stdx::{process, text};

/// A reader that gives its bytes in pieces of given sizes.
struct Pieces {
    bytes: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    next: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes[self.next % self.sizes.len()].min(into.len());
        self.next += 1;
        self.bytes.read(&mut into[..size])
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// Offset, head and full length of each line, and what is left.
fn lines(bytes: &[u8], sizes: &[usize], from: u64, longest: usize) -> (Vec<(u64, Vec<u8>, u64)>, u64) {
    let reader = Pieces { bytes: Cursor::new(bytes.to_vec()), sizes: sizes.to_vec(), next: 0 };
    let mut lines = LineReader::with_max_line(reader, from, longest).expect("seeks");
    let mut found = Vec::new();
    while let Some(line) = lines.next_line().expect("reads") {
        found.push((line.offset, line.bytes.to_vec(), line.len));
    }
    (found, lines.offset())
}

/// The same by definition.
fn split(bytes: &[u8], longest: usize) -> (Vec<(u64, Vec<u8>, u64)>, u64) {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let len = line.len() - 1;
        found.push((offset, line[..len.min(longest)].to_vec(), len as u64));
        offset += line.len() as u64;
    }
    (found, offset)
}

proptest! {
    #[test]
    fn h13_any_split_of_the_bytes_gives_the_same_lines(
        text in prop::collection::vec(prop::collection::vec(b'a'..=b'c', 0..40), 0..30),
        partial in prop::collection::vec(b'a'..=b'c', 0..40),
        sizes in prop::collection::vec(1usize..50, 1..8),
        longest in 1usize..60,
    ) {
        let mut bytes: Vec<u8> = text.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        bytes.extend(&partial);
        prop_assert_eq!(lines(&bytes, &sizes, 0, longest), split(&bytes, longest));
    }
}

#[test]
fn records_end_with_their_braces_or_not_at_all() {
    let read = |text: &str| {
        let mut lines = LineReader::from_offset(Cursor::new(text.as_bytes().to_vec()), 0).expect("seeks");
        let mut found = Vec::new();
        while let Some(line) = lines.next_line_or_rest(|rest| rest.ends_with(b"}")).expect("reads") {
            found.push((String::from_utf8_lossy(line.bytes).into_owned(), line.lines));
        }
        found
    };
    let texts = |text: &str| read(text).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    assert_eq!(read("{\n\"a\": [\n{\n\"b\": 1\n},\n{}\n]\n}\n{\"c\": 1}\n").len(), 2);
    assert_eq!(read("{\n\"a\": {\n\"b\": 1\n}\n}"), [("{\n\"a\": {\n\"b\": 1\n}\n}".to_owned(), 5)]);
    assert_eq!(texts("{\"a\": \"torn\n{\"b\": 1}\n"), ["{\"a\": \"torn", "{\"b\": 1}"]);
    assert_eq!(texts("{\"a\": [\n{\"b\": 1}\n{\"c\": 1}\n"), ["{\"a\": [", "{\"b\": 1}", "{\"c\": 1}"]);
    assert_eq!(texts("{\"a\": 1}\r{\"b\": 1}\r{\"c\": 1}"), ["{\"a\": 1}", "{\"b\": 1}", "{\"c\": 1}"]);
    assert_eq!(texts("{\"a\": \"\r\"}\r\n{\"b\": 1}\r\n"), ["{\"a\": \"\r\"}\r", "{\"b\": 1}\r"]);
}

/// Without a bound this takes hours.
#[test]
fn torn_records_are_not_followed_again_and_again() {
    for line in ["{\n", "{\"a\":[\n", "{\"a\": \"\n"] {
        let bytes = line.repeat(300_000).into_bytes();
        let mut lines = LineReader::from_offset(Cursor::new(bytes), 0).expect("seeks").of_finished_file();
        let mut count = 0;
        while lines.next_line().expect("reads").is_some() {
            count += 1;
        }
        assert_eq!(count, 300_000, "{line}");
    }
}

#[test]
fn h14_a_partial_last_line_waits_and_is_read_whole_later() {
    let (found, offset) = lines(b"one\ntwo\nthr", &[3], 0, MAX_LINE_BYTES);
    assert_eq!((found.len(), offset), (2, 8));
    let (found, offset) = lines(b"one\ntwo\nthree\n", &[3], offset, MAX_LINE_BYTES);
    assert_eq!((found, offset), (vec![(8, b"three".to_vec(), 5)], 14));
}

#[test]
fn a_record_that_goes_on_at_the_end_of_the_file_is_no_line_yet() {
    let record = b"{\n  \"a\": [\n    1\n  ]\n}\n";
    let next = b"{\"b\":2}\n";
    let bytes = [&b"one\n"[..], record, next].concat();
    for end in 0..=bytes.len() {
        let (found, offset) = lines(&bytes[..end], &[3], 0, MAX_LINE_BYTES);
        let starts = [4, 4 + record.len(), bytes.len()];
        let count = starts.iter().filter(|start| **start <= end).count();
        assert_eq!(
            (found.len(), offset),
            (count, if count == 0 { 0 } else { starts[count - 1] as u64 }),
            "{end} bytes"
        );
        let (found, _) = lines(&bytes, &[3], offset, MAX_LINE_BYTES);
        assert_eq!(found.len(), 3 - count, "the rest, read later");
    }
}

#[test]
fn a_torn_line_is_a_line_at_the_end_of_the_file_or_once_another_record_begins() {
    let torn = b"{\"a\": \"b\n";
    assert_eq!(lines(torn, &[3], 0, MAX_LINE_BYTES).1, torn.len() as u64, "the end of the file");
    assert_eq!(lines(&[&torn[..], b"c"].concat(), &[3], 0, MAX_LINE_BYTES).1, 0, "a text with a line break");
    let indented = b"{\n  \"a\": 1,\n";
    assert_eq!(lines(indented, &[3], 0, MAX_LINE_BYTES).1, 0, "a record over several lines");
    assert_eq!(lines(&[&torn[..], b"{\"c"].concat(), &[3], 0, MAX_LINE_BYTES).1, torn.len() as u64);
    let mut finished = LineReader::from_offset(Cursor::new(indented), 0).expect("seeks").of_finished_file();
    assert!(finished.next_line().expect("reads").is_some(), "no other record will begin");
}

#[test]
fn lines_of_braces_are_not_followed_far() {
    for piece in ["{\n", "{\n\\\"\n", "{\n[\n", "{ \n\"\n"] {
        let bytes = piece.repeat(50_000).into_bytes();
        let mut lines = LineReader::from_offset(Cursor::new(bytes), 0).expect("seeks").of_finished_file();
        let mut count = 0;
        while let Some(line) = lines.next_line().expect("reads") {
            assert_eq!(line.lines, 1);
            count += 1;
        }
        assert_eq!(count, piece.matches('\n').count() * 50_000);
    }
}

#[test]
fn h12_a_huge_line_is_handed_over_as_its_head_and_its_memory_is_given_back() {
    const MEGABYTE: usize = 1 << 20;
    let mut bytes = vec![b'x'; 40 * MEGABYTE];
    bytes.push(b'\n');
    for _ in 0..100_000 {
        bytes.extend(b"a short line that follows it\n");
    }
    let mut lines = LineReader::with_max_line(Cursor::new(bytes), 0, 8 * MEGABYTE).expect("seeks");
    let line = lines.next_line().expect("reads").expect("a line");
    assert_eq!((line.bytes.len(), line.len), (8 * MEGABYTE, 40 * MEGABYTE as u64));
    assert!(lines.capacity() < 10 * MEGABYTE, "{} bytes held", lines.capacity());
    let mut count = 0;
    while let Some(line) = lines.next_line().expect("reads") {
        assert_eq!(line.bytes, b"a short line that follows it");
        count += 1;
    }
    assert_eq!(count, 100_000);
    assert!(lines.capacity() <= MEGABYTE, "{} bytes held", lines.capacity());
}

#[test]
fn h17_a_process_is_known_by_its_id_and_its_start() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat runs");
    let pid = child.id();
    assert!(process::is_alive(pid));
    if cfg!(target_os = "linux") {
        let start = process::start_time(pid).expect("a start");
        assert!(process::is_same_process(pid, &start));
        assert!(!process::is_same_process(pid, "1"), "another process had that id before");
    }
    drop(child.stdin.take());
    child.wait().expect("ends");
    assert!(!process::is_alive(pid));
    assert!(!process::is_same_process(pid, "1"));
    assert_eq!(process::start_time(pid), None);
}

#[test]
fn a_lock_names_its_holder() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"x").expect("writes");
    assert_eq!(process::lock_holder(file.path()), None);
    file.as_file().lock().expect("locks");
    if cfg!(target_os = "linux") {
        assert_eq!(process::lock_holder(file.path()), Some(std::process::id()));
    }
}

#[test]
fn a_text_that_is_too_wide_is_cut_at_either_end_between_graphemes() {
    let text = "/srv/e\u{301}toile/在庫.rs";
    assert_eq!(text::ellipsis(text, 40), text);
    assert_eq!(text::ellipsis_before(text, 40), text);
    assert_eq!(text::ellipsis(text, 8), "/srv/e\u{301}t…");
    assert_eq!(text::ellipsis_before(text, 7), "…庫.rs", "a wide character that has no room is left out");
    assert_eq!(text::ellipsis_before(text, 8), "…在庫.rs");
    assert_eq!((text::ellipsis(text, 0), text::ellipsis_before(text, 0)), (String::new(), String::new()));
    assert_eq!(text::ellipsis_before(text, 1), "…");
}

#[test]
fn the_home_directory_is_a_tilde_at_the_beginning_of_paths_only() {
    for (text, shown) in [
        ("/home/ann", "~"),
        ("/home/ann/a b", "~/a b"),
        ("\"/home/ann/x\" and /home/ann: no", "\"~/x\" and ~: no"),
        ("/home/anna /home/ann.old /mnt/home/ann", "/home/anna /home/ann.old /mnt/home/ann"),
        ("box:/home/ann/x", "box:/home/ann/x"),
        ("in /home/ann. Then", "in /home/ann. Then"),
        ("ä/home/ann", "ä/home/ann"),
    ] {
        assert_eq!(salon::stdx::tilde::with_tilde(text, "/home/ann/"), shown, "{text}");
    }
    for home in ["", "/", "ann"] {
        assert_eq!(salon::stdx::tilde::with_tilde("/home/ann", home), "/home/ann");
    }
}

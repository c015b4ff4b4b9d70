//! The decoders for the text index, which skip what is not indexed, against those that decode all of a record.

use std::fs;
use std::ops::ControlFlow;

use salon::agent::texts::{RecordDecoder, RecordLayout, SearchText, StoredRecord, TextScope};
use salon::agent::{FORMATS, Format, Source, SourceSessions};
use salon::domain::query::TextKind;
use salon::stdx::lines::LineReader;
use serde_json::{Value, json};

use crate::fidelity;
use crate::hostile::damage::HOMES;
use crate::support::Home;

/// Indexed text with its entry, call, tool and kind.
type Indexed = (u64, String, String, TextKind, String);

/// Texts of a record that are indexed. What only results have is left out: they are decoded if they failed.
fn indexed(decoder: &dyn RecordDecoder, record: &StoredRecord<'_>, scope: TextScope) -> Vec<Indexed> {
    let mut texts = Vec::new();
    decoder.texts(record, scope, &mut |text: &SearchText<'_>| {
        let is_of_call = text.kind != TextKind::Outcome;
        if is_of_call && text.kind.is_indexed(text.text) {
            let SearchText { key, call, tool, kind, text, .. } = *text;
            texts.push((key.raw(), call.to_owned(), tool.to_owned(), kind, text.to_owned()));
        }
    });
    texts
}

/// Compares both decoders on all records of a home's sources. Returns the number of indexed texts.
fn compare(home: &Home) -> usize {
    let mut count = 0;
    let mut check = |source: &Source, decoder: &dyn RecordDecoder, record: &StoredRecord<'_>| {
        let (short, whole) = (indexed(decoder, record, TextScope::Indexed), indexed(decoder, record, TextScope::All));
        assert_eq!(short, whole, "{}: {}", source.path.display(), String::from_utf8_lossy(record.bytes));
        count += whole.len();
    };
    for format in FORMATS {
        let Some(texts) = format.texts() else { continue };
        for root in format.roots(&home.environment()) {
            for source in format.discover(&root).sources {
                let Ok(decoder) = texts.decoder(&source) else { continue };
                if texts.layout(&source) == RecordLayout::Lines {
                    let bytes = fs::read(&source.path).expect("a transcript");
                    let mut offset = 0;
                    for bytes in bytes.split_inclusive(|byte| *byte == b'\n') {
                        let record = StoredRecord { session: &decoder.session, id: "", hint: "", offset, bytes };
                        check(&source, &*decoder.decode, &record);
                        offset += bytes.len() as u64;
                    }
                } else {
                    let read = texts.records(&source, 0, &mut |record| {
                        check(&source, &*decoder.decode, record);
                        ControlFlow::Continue(())
                    });
                    read.expect("records");
                }
            }
        }
    }
    count
}

#[test]
fn all_indexed_texts_of_the_fixtures_are_decoded_for_the_index() {
    let count: usize = HOMES.iter().map(|name| compare(&Home::of(&[name]))).sum();
    assert!(count > 200, "{count}");
}

#[test]
fn inputs_of_every_shape_are_decoded_for_the_index_as_they_are() {
    let (long, short) = ("a long text ".repeat(40), "a short text");
    let tool = |name: &str, input: &Value| json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": input});
    let edit = json!({"old_string": long, "new_string": "new"});
    let blocks = [
        json!({"type": "text", "text": long}),
        json!({"type": "text", "text": "cited", "citations": [{"title": "A title", "url": "http://a.example"}]}),
        json!({"type": "text", "text": "not cited", "citations": null}),
        tool("Write", &json!({"file_path": "/srv/a.rs", "content": long})),
        tool("Write", &json!({"content": long})),
        tool("Write", &json!({"file_path": long, "content": short})),
        tool("Edit", &json!({"file_path": "/srv/a.rs", "old_string": short, "new_string": long, "note": short})),
        tool("MultiEdit", &json!({"file_path": "/srv/a.rs", "edits": [edit, {"old_string": "x", "new_string": "y"}]})),
        tool("MultiEdit", &json!({"file_path": "/srv/a.rs", "edits": "not a list"})),
        tool("NotebookEdit", &json!({"notebook_path": "/srv/a.ipynb", "new_source": long})),
        tool("Task", &json!({"description": short, "prompt": long, "model": "haiku"})),
        tool("Bash", &json!({"command": long, "description": short})),
        tool("Bash", &json!({"command": ["ls", "-a"]})),
        tool("TodoWrite", &json!({"todos": [{"content": long, "status": "pending"}]})),
        tool("ExitPlanMode", &json!({"plan": long})),
        tool("mcp__notes__add", &json!({"content": {"text": long}, "title": short})),
        tool("mcp__notes__add", &json!({"content": long, "list": [short, long, 3]})),
        json!({"name": "Write", "input": {"file_path": "/srv/b.rs", "content": long}, "type": "tool_use", "id": "toolu_2"}),
        json!({"type": "tool_use", "id": 7, "name": "Bash", "input": {"command": short}}),
        json!({"type": "tool_use", "id": "toolu_3", "name": "Bash", "input": short}),
        json!({"type": "unheard_of", "input": {"content": long}}),
    ];
    let record = |number: usize, content: &Value| {
        json!({
            "type": "assistant", "uuid": format!("00000000-0000-4000-8000-{number:012}"), "sessionId": "s",
            "message": {"role": "assistant", "content": content},
        })
        .to_string()
    };
    let mut lines: Vec<String> = (0..).zip(&blocks).map(|(at, block)| record(at, &json!([block]))).collect();
    lines.push(record(100, &json!(blocks)));
    // Half a character, and a name that is escaped.
    lines.push(record(101, &json!([{"type": "text", "text": "half HALF"}])).replace("HALF", r"\ud83d"));
    lines.push(record(102, &json!([blocks[3]])).replace("file_path", r"file\u005fpath"));
    let home = Home::empty();
    let file = home.path().join(".claude/projects/-srv-app/aaaaaaaa-0000-4000-8000-000000000001.jsonl");
    fs::create_dir_all(file.parent().expect("a folder")).expect("created");
    fs::write(&file, lines.join("\n") + "\n").expect("written");
    assert!(compare(&home) > 2 * blocks.len());
}

/// Texts of a source that its summary yields, with the summary's offset; `None` if it yields no texts.
fn summarised(format: &dyn Format, source: &Source) -> Option<(Vec<(String, Indexed)>, u64)> {
    let mut texts = Vec::new();
    let summary = format.summarise_with_texts(source, &mut |session, _, text| {
        if text.kind.is_indexed(text.text) {
            texts.push((session.to_owned(), all_of(text)));
        }
    })?;
    assert_eq!(summary.sessions, format.summarise(source, None).sessions, "{}", source.path.display());
    Some((texts, summary.progress.cursor.offset))
}

fn all_of(text: &SearchText<'_>) -> Indexed {
    let SearchText { key, call, tool, kind, text, .. } = *text;
    (key.raw(), call.to_owned(), tool.to_owned(), kind, text.to_owned())
}

/// Texts of the lines of a source up to an offset, each decoded by itself.
fn of_lines(format: &dyn Format, source: &Source, end: u64) -> Vec<(String, Indexed)> {
    let decoder = format.texts().expect("texts").decoder(source).expect("a decoder");
    let mut found = Vec::new();
    let mut read = |offset: u64, bytes: &[u8]| {
        let record = StoredRecord { session: &decoder.session, id: "", hint: "", offset, bytes };
        decoder.decode.texts(&record, TextScope::Indexed, &mut |text| {
            if text.kind.is_indexed(text.text) {
                found.push((text.session_or(&decoder.session).to_owned(), all_of(text)));
            }
        });
    };
    let mut lines = LineReader::from_offset(fs::File::open(&source.path).expect("a file"), 0).expect("lines");
    while let Some(line) = lines.next_line().expect("a line") {
        read(line.offset, line.bytes);
    }
    // The last record may have no newline.
    if lines.offset() < end {
        read(lines.offset(), lines.remainder());
    }
    found
}

#[test]
fn texts_that_are_read_with_a_summary_are_those_of_the_lines() {
    let (mut files, mut count) = (0, 0);
    for fixture in fidelity::homes() {
        let (_home, environment) = fidelity::copy(&fixture);
        for format in FORMATS {
            let sources = format.roots(&environment).into_iter().flat_map(|root| format.discover(&root).sources);
            for source in sources {
                let Some((texts, end)) = summarised(format, &source) else { continue };
                assert_eq!(texts, of_lines(format, &source, end), "{}", source.path.display());
                files += 1;
                count += texts.len();
            }
        }
    }
    assert!(files > 50 && count > 500, "{files} files, {count} texts");
}

type OwnedRecord = (String, String, String, Vec<u8>);

fn collect_to(records: &mut Vec<OwnedRecord>) -> impl FnMut(&StoredRecord<'_>) -> ControlFlow<()> {
    |record| {
        let StoredRecord { session, id, hint, bytes, .. } = *record;
        records.push((session.to_owned(), id.to_owned(), hint.to_owned(), bytes.to_owned()));
        ControlFlow::Continue(())
    }
}

#[test]
fn entries_of_small_files_are_numbered_as_their_transcripts_are() {
    let mut sessions = 0;
    for fixture in fidelity::homes() {
        let (_home, environment) = fidelity::copy(&fixture);
        for format in FORMATS {
            let Some(texts) = format.texts() else { continue };
            let sources = format.roots(&environment).into_iter().flat_map(|root| format.discover(&root).sources);
            for source in sources.filter(|source| texts.has_many_small_files(source)) {
                let found = format.summarise(&source, None).sessions;
                let SourceSessions::All(found) = found else { panic!("{}", source.path.display()) };
                let Some(session) = found.first() else { continue };
                let (mut records, mut summarised) = (Vec::new(), Vec::new());
                let table = texts.records_with_table(&source, &mut collect_to(&mut records)).expect("records");
                let (summary, same) =
                    format.summarise_with_records(&source, &mut collect_to(&mut summarised)).expect("a summary");
                assert_eq!(summary.sessions, SourceSessions::All(found.clone()), "{}", source.path.display());
                assert!(summarised == records && same == table, "{}", source.path.display());
                let transcript = format.open(session).expect("a transcript").entry_table();
                assert_eq!(table, transcript, "{}", source.path.display());
                sessions += usize::from(table.is_some_and(|table| table.len() > 8));
            }
        }
    }
    assert!(sessions > 3, "{sessions}");
}

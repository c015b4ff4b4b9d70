//! Cost of finding, summarising, opening and reading line-based transcripts, over a small generated corpus.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use salon::agent::{self, Environment, Format, Source, SourceSessions, TextLimit};
use salon::domain::{Agent, Session};

fn main() {
    divan::main();
}

/// Home with a few sessions of different sizes, removed when the process ends or by the system.
struct Corpus {
    _dir: tempfile::TempDir,
    sources: Vec<Source>,
}

static CORPUS: LazyLock<Corpus> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let folder = dir.path().join(".claude/projects/-home-dev-shop-api");
    std::fs::create_dir_all(&folder).expect("folder");
    for (at, turns) in [5, 20, 80, 320, 1200].into_iter().enumerate() {
        std::fs::write(path(&folder, at), transcript(turns)).expect("transcript");
    }
    let environment = Environment { home: dir.path().to_owned(), ..Environment::default() };
    let mut sources: Vec<Source> =
        claude().roots(&environment).iter().flat_map(|root| claude().discover(root).sources).collect();
    sources.sort_by_key(|source| source.stamp.size);
    Corpus { _dir: dir, sources }
});

fn claude() -> &'static dyn Format {
    agent::format(Agent::Claude)
}

fn path(folder: &Path, at: usize) -> PathBuf {
    folder.join(format!("aaaaaaaa-0000-4000-8000-{at:012}.jsonl"))
}

/// Turns of a prompt, thinking, a call with a result of some kilobytes (written twice, as Claude does), and an answer.
fn transcript(turns: usize) -> String {
    let output = "    let result = compute(\\\"value\\\", index);\\n".repeat(120);
    let (mut lines, mut parent) = (String::new(), "null".to_owned());
    let mut put = |kind: &str, id: String, message: &str, rest: &str| {
        let _ = writeln!(
            lines,
            r#"{{"parentUuid":{parent},"isSidechain":false,"type":"{kind}","message":{message},{rest}"uuid":"{id}","timestamp":"2026-11-21T09:25:55.799Z","userType":"external","entrypoint":"cli","cwd":"/home/dev/shop-api","sessionId":"s","version":"2.1.329","gitBranch":"main"}}"#
        );
        parent = format!("\"{id}\"");
    };
    for turn in 0..turns {
        let prompt = r#"{"role":"user","content":"please look at the result and tell me what it means"}"#;
        put("user", format!("{turn:032}-1"), prompt, "");
        let blocks = [
            r#"{"type":"thinking","thinking":"The user wants to know what the result means.","signature":"c2ln"}"#
                .to_owned(),
            format!(r#"{{"type":"tool_use","id":"tool{turn}","name":"Bash","input":{{"command":"cat result.rs"}}}}"#),
        ];
        for (at, block) in blocks.iter().enumerate() {
            put("assistant", format!("{turn:032}-a{at}"), &message(&format!("m{turn}"), block), "");
        }
        let result = format!(
            r#"{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"tool{turn}","content":"{output}"}}]}}"#
        );
        let tool_result = format!(r#""toolUseResult":{{"stdout":"{output}","stderr":"","interrupted":false}},"#);
        put("user", format!("{turn:032}-2"), &result, &tool_result);
        let text = r#"{"type":"text","text":"It means that the value is computed once for each index."}"#;
        put("assistant", format!("{turn:032}-3"), &message(&format!("n{turn}"), text), "");
    }
    lines
}

fn message(id: &str, block: &str) -> String {
    format!(
        r#"{{"id":"{id}","role":"assistant","model":"claude-x","content":[{block}],"usage":{{"input_tokens":12,"output_tokens":23,"cache_read_input_tokens":11140,"cache_creation_input_tokens":7426}}}}"#
    )
}

fn largest() -> (&'static Source, Session) {
    let source = CORPUS.sources.last().expect("a source");
    let SourceSessions::All(sessions) = claude().summarise(source, None).sessions else {
        unreachable!("a file gives all")
    };
    (source, sessions.into_iter().next().expect("a session"))
}

#[divan::bench]
fn summarise_all(bencher: Bencher<'_, '_>) {
    let bytes: u64 = CORPUS.sources.iter().map(|source| source.stamp.size).sum();
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        for source in &CORPUS.sources {
            black_box(claude().summarise(source, None));
        }
    });
}

#[divan::bench]
fn summarise_nothing_new(bencher: Bencher<'_, '_>) {
    let (source, _) = largest();
    let progress = claude().summarise(source, None).progress;
    bencher.bench(|| claude().summarise(source, Some(&progress)));
}

#[divan::bench]
fn peek(bencher: Bencher<'_, '_>) {
    let (source, _) = largest();
    bencher.bench(|| claude().peek(source));
}

#[divan::bench]
fn open(bencher: Bencher<'_, '_>) {
    let (source, session) = largest();
    bencher.counter(BytesCount::new(source.stamp.size)).bench(|| claude().open(&session).expect("opens").len());
}

#[divan::bench(args = [50, 500])]
fn read_page(bencher: Bencher<'_, '_>, entries: usize) {
    let (_, session) = largest();
    let mut reading = claude().open(&session).expect("opens");
    bencher.bench_local(|| reading.read(1000..1000 + entries, TextLimit::SCREEN));
}

#[divan::bench]
fn tail(bencher: Bencher<'_, '_>) {
    let (_, session) = largest();
    bencher.bench(|| claude().tail(&session, 50).expect("tail"));
}

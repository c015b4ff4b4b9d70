//! The whole format of Qwen Code: transcripts in JSON lines, and the documents of versions before 0.3.
//!
//! The documents are those of Gemini CLI, from which Qwen Code began: `tmp/<hash of the directory>/chats/session-*.json`.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Qwen;
use crate::agent::gemini::chat;
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::jsonl::{JsonlAgent, JsonlFormat};
use crate::agent::texts::{RecordLayout, SourceDecoder, StoredRecord, Texts};
use crate::agent::{
    Discovery, Environment, Format, Source, SourceRoot, SourceSessions, SourceSummary, SummaryProgress,
    TranscriptReader, json_repair,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session};
use crate::stdx::files::{self, SizeLimit};

/// Source kind of a document; transcripts have lower ones.
const DOCUMENT: u8 = 2;

const LINES: JsonlFormat<Qwen> = JsonlFormat(Qwen);

const DOCUMENTS: Walk = Walk { agent: Agent::Qwen, kind: document_kind, links: true };

/// Format of Qwen Code's sessions.
#[derive(Debug)]
pub(crate) struct QwenCode;

impl Format for QwenCode {
    fn agent(&self) -> Agent {
        Agent::Qwen
    }

    /// Its configuration directory, and where it keeps sessions if that is another one.
    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        let home = Qwen.home(environment);
        let own = runtime_dir(environment, &home).into_iter().chain([home]).collect();
        SourceRoot::several(environment, Agent::Qwen, own, Qwen.watched())
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        let mut discovery = LINES.discover(root);
        for project in walk::subdirectories(&root.path.join("tmp"), &mut discovery.issues) {
            DOCUMENTS.files(&project.join("chats"), 0, &mut discovery);
        }
        discovery
    }

    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        if path.starts_with(root.path.join("tmp")) && chat::is_document(path) {
            return vec![(path.to_owned(), DOCUMENTS.source(path))];
        }
        LINES.affected(root, path)
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        if source.kind == DOCUMENT { chat::peek(source) } else { LINES.peek(source) }
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if source.kind != DOCUMENT {
            return LINES.summarise(source, progress);
        }
        let mut summary = chat::summarise(source, None);
        if let SourceSessions::All(sessions) = &mut summary.sessions {
            for session in sessions.iter_mut().filter(|session| session.cwd.is_empty()) {
                session.cwd = directory(&source.path).unwrap_or_default().into();
            }
        }
        summary
    }

    fn find_copies(&self, sources: &[Source]) -> Vec<(usize, SourceSummary)> {
        LINES.find_copies(sources)
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        if chat::is_document(&session.path) { chat::open(&session.path) } else { LINES.open(session) }
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if chat::is_document(&session.path) { chat::tail(&session.path, count) } else { LINES.tail(session, count) }
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        LINES.live(root)
    }

    fn texts(&self) -> Option<&dyn Texts> {
        Some(self)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        LINES.resume(session, extra)
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        if chat::is_document(&session.path) {
            return Some(
                "this session is a file of a Qwen Code version before 0.3, which newer versions do not read; read it here"
                    .to_owned(),
            );
        }
        LINES.resume_refusal(session)
    }
}

impl Texts for QwenCode {
    fn layout(&self, source: &Source) -> RecordLayout {
        if source.kind == DOCUMENT { RecordLayout::Records } else { LINES.layout(source) }
    }

    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder> {
        if source.kind != DOCUMENT {
            return LINES.decoder(source);
        }
        Ok(SourceDecoder { session: "".into(), decode: Box::new(chat::MessageDecoder) })
    }

    fn records(
        &self,
        source: &Source,
        since: u64,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        if source.kind != DOCUMENT {
            return LINES.records(source, since, visit);
        }
        chat::records(&source.path, visit).map(|()| 0)
    }
}

fn document_kind(name: &[u8]) -> Option<u8> {
    (name.starts_with(b"session-") && name.ends_with(b".json")).then_some(DOCUMENT)
}

/// Directory for sessions, if it is not the configuration directory: named by a variable, else by the settings.
/// A relative one is relative to each project, and cannot be found here.
fn runtime_dir(environment: &Environment, home: &Path) -> Option<PathBuf> {
    let from_settings = || {
        let (settings, _) = json_repair::value(&files::read(&home.join("settings.json"), SizeLimit::CONFIG).ok()?)?;
        let nested = settings["advanced"]["runtimeOutputDir"].as_str();
        nested.or_else(|| settings["runtimeOutputDir"].as_str()).map(str::to_owned)
    };
    let named = environment.var("QWEN_RUNTIME_DIR").map(str::to_owned).or_else(from_settings)?;
    Some(environment.expand(Path::new(&named))).filter(|path| path.is_absolute())
}

/// Directory of a document: the folder has the hash of its name, and other sessions of the same home have the name.
fn directory(document: &Path) -> Option<String> {
    let folder = document.ancestors().nth(2)?;
    let hash = folder.file_name()?.to_str()?;
    let projects = folder.ancestors().nth(2)?.join("projects");
    let projects = walk::subdirectories(&projects, &mut Vec::new()).into_iter();
    let named = |project: PathBuf| {
        let chat =
            walk::entries(&project.join("chats"), &mut Vec::new()).find(|entry| walk::is_transcript(&entry.path()))?;
        let mut line = String::new();
        let file = files::open(&chat.path()).ok()?.take(SizeLimit::SIDECAR.0);
        BufReader::new(file).read_line(&mut line).ok()?;
        let record: Value = serde_json::from_str(&line).ok()?;
        record["cwd"].as_str().map(str::to_owned)
    };
    projects.filter_map(named).find(|cwd| chat::folder_hash(cwd) == hash)
}

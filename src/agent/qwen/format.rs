//! The whole format of Qwen Code: transcripts in JSON lines, and the documents of versions before 0.3.
//!
//! The documents are those of Gemini CLI, from which Qwen Code began: `tmp/<hash of the directory>/chats/session-*.json`.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Qwen, outputs, paths};
use crate::agent::gemini::chat;
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::jsonl::{JsonlAgent, JsonlFormat};
use crate::agent::session_files::named_alike;
use crate::agent::texts::{RecordLayout, SourceDecoder, StoredRecord, Texts};
use crate::agent::{
    Discovery, Environment, Format, Source, SourceRoot, SourceSessions, SourceSummary, SummaryProgress,
    TranscriptReader, tolerant_json,
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
    fn reads(&self, agent: Agent) -> bool {
        agent == Agent::Qwen
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
            outputs::discover(&project, &mut discovery);
        }
        let documents: Vec<Source> =
            discovery.sources.iter().filter(|source| source.kind == DOCUMENT).cloned().collect();
        chat::remember(&root.path.join("tmp"), &documents);
        discovery
    }

    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        let tmp = root.path.join("tmp");
        if path.starts_with(&tmp) && chat::is_document(path) {
            return vec![(path.to_owned(), DOCUMENTS.source(path))];
        }
        if let Some(output) = outputs::affected(&tmp, path) {
            return vec![output];
        }
        LINES.affected(root, path)
    }

    fn shows_text(&self, root: &SourceRoot, path: &Path) -> Option<PathBuf> {
        outputs::is_output(&root.path.join("tmp"), path).then(|| root.path.join("projects"))
    }

    fn has_sessions(&self, source: &Source) -> bool {
        source.kind != outputs::OUTPUT
    }

    fn is_unclaimed(&self, source: &Source) -> bool {
        source.kind == outputs::OUTPUT && outputs::session(source).is_none()
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        match source.kind {
            DOCUMENT => chat::peek(source),
            outputs::OUTPUT => Vec::new(),
            _ => LINES.peek(source),
        }
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if source.kind == outputs::OUTPUT {
            return outputs::summarise(source);
        }
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

    fn only_appends(&self, session: &Session) -> bool {
        !chat::is_document(&session.path)
    }

    fn own_files(&self, session: &Session) -> Option<Vec<PathBuf>> {
        Some(named_alike(&session.path))
    }

    fn is_bound_to_directory(&self) -> bool {
        true
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
    fn must_convert(&self, source: &Source) -> bool {
        source.kind != DOCUMENT && LINES.must_convert(source)
    }

    fn layout(&self, source: &Source) -> RecordLayout {
        match source.kind {
            DOCUMENT => RecordLayout::Records,
            outputs::OUTPUT => RecordLayout::SideText,
            _ => LINES.layout(source),
        }
    }

    /// Reads the transcripts of the project, which alone name the session. The agent deletes outputs after a day.
    fn side_session(&self, source: &Source) -> Option<Arc<str>> {
        if source.kind == outputs::OUTPUT { outputs::session(source) } else { None }
    }

    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder> {
        match source.kind {
            DOCUMENT => Ok(SourceDecoder { session: "".into(), decode: Box::new(chat::MessageDecoder) }),
            outputs::OUTPUT => outputs::decoder(source),
            _ => LINES.decoder(source),
        }
    }

    fn records(
        &self,
        source: &Source,
        since: u64,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        match source.kind {
            DOCUMENT => chat::records(&source.path, visit).map(|()| 0),
            _ => LINES.records(source, since, visit),
        }
    }
}

fn document_kind(name: &[u8]) -> Option<u8> {
    (name.starts_with(b"session-") && name.ends_with(b".json")).then_some(DOCUMENT)
}

/// Directory for sessions, if it is not the configuration directory: named by a variable, else by the settings.
/// A relative one is relative to each project, and cannot be found here.
fn runtime_dir(environment: &Environment, home: &Path) -> Option<PathBuf> {
    let from_settings = || {
        let (settings, _) = tolerant_json::value(&files::read(&home.join("settings.json"), SizeLimit::CONFIG).ok()?)?;
        let nested = settings["advanced"]["runtimeOutputDir"].as_str();
        nested.or_else(|| settings["runtimeOutputDir"].as_str()).map(str::to_owned)
    };
    let named = environment.var("QWEN_RUNTIME_DIR").map(str::to_owned).or_else(from_settings)?;
    Some(environment.expand(Path::new(&named))).filter(|path| path.is_absolute())
}

/// Directory of a document: the folder has the hash of its name, and other sessions of the same home have the name.
fn directory(document: &Path) -> Option<String> {
    paths::project_of(document.ancestors().nth(2)?).map(|(_, directory)| directory)
}

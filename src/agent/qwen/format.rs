//! The whole format of Qwen Code: transcripts in JSON lines, and the documents of versions before 0.3.
//!
//! The documents are those of Gemini CLI, from which Qwen Code began: `tmp/<hash of the directory>/chats/session-*.json`.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Qwen, outputs, paths, runtime_dirs};
use crate::agent::gemini::chat;
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::jsonl::{JsonlAgent, JsonlFormat};
use crate::agent::prompt_history::ReadPrompts;
use crate::agent::purged_transcript::PurgedTranscript;
use crate::agent::session_files::named_alike;
use crate::agent::side_text;
use crate::agent::texts::{RecordLayout, SourceDecoder, StoredRecord, Texts};
use crate::agent::{
    Discovery, Environment, Format, Source, SourceRoot, SourceSessions, SourceSummary, SummaryProgress,
    TranscriptReader, prompt_history,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session};

/// Source kind of a document; transcripts have lower ones.
const DOCUMENT: u8 = 2;

/// Source kind of the prompts that were typed in a project, see [`prompt_history`].
const PROMPTS: u8 = 6;

/// File with the prompts that were typed in a project.
const PROMPTS_FILE: &str = "logs.json";

const PROMPT_LOGS: Walk = Walk { agent: Agent::Qwen, kind: |_| Some(PROMPTS), links: false };

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
        let own = runtime_dirs::of(environment, &home).into_iter().chain([home]).collect();
        SourceRoot::several(environment, Agent::Qwen, own, Qwen.watched())
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        let mut discovery = LINES.discover(root);
        for project in walk::subdirectories(&root.path.join("tmp"), &mut discovery.issues) {
            DOCUMENTS.files(&project.join("chats"), 0, &mut discovery);
            outputs::discover(&project, &mut discovery);
            discovery.sources.extend(PROMPT_LOGS.source(&project.join(PROMPTS_FILE)));
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
        if path.starts_with(&tmp) && path.ends_with(PROMPTS_FILE) {
            return vec![(path.to_owned(), PROMPT_LOGS.source(path))];
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
        !matches!(source.kind, outputs::OUTPUT | PROMPTS)
    }

    fn is_unclaimed(&self, source: &Source) -> bool {
        source.kind == outputs::OUTPUT && outputs::session(source).is_none()
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        match source.kind {
            DOCUMENT => chat::peek(source),
            outputs::OUTPUT | PROMPTS => Vec::new(),
            _ => LINES.peek(source),
        }
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if source.kind == outputs::OUTPUT {
            return outputs::summarise(source);
        }
        if source.kind == PROMPTS {
            let directory = source.path.parent().and_then(paths::project_of).map(|(_, directory)| directory);
            return prompt_history::summarise(source, prompt_history::read_log, &directory.unwrap_or_default());
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
        if session.flags.purged {
            return Ok(Box::new(PurgedTranscript::open(session, prompt_history::read_log)?));
        }
        if chat::is_document(&session.path) { chat::open(&session.path) } else { LINES.open(session) }
    }

    fn open_each(&self, sessions: &[&Session], visit: &mut dyn FnMut(&Session, io::Result<Box<dyn TranscriptReader>>)) {
        let prompts_of = |session: &Session| session.flags.purged.then_some(prompt_history::read_log as ReadPrompts);
        PurgedTranscript::open_each(sessions, prompts_of, |session| self.open(session), visit);
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if session.flags.purged {
            return PurgedTranscript::tail(session, prompt_history::read_log, count);
        }
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
        !chat::is_document(&session.path) && !session.flags.purged
    }

    fn own_files(&self, session: &Session) -> Option<Vec<PathBuf>> {
        Some(if session.flags.purged { Vec::new() } else { named_alike(&session.path) })
    }

    fn is_bound_to_directory(&self) -> bool {
        true
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        if session.flags.purged {
            return Some(prompt_history::refusal(Agent::Qwen));
        }
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
        !matches!(source.kind, DOCUMENT | PROMPTS) && LINES.must_convert(source)
    }

    fn layout(&self, source: &Source) -> RecordLayout {
        match source.kind {
            DOCUMENT | PROMPTS => RecordLayout::Records,
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
            PROMPTS => Ok(prompt_history::decoder()),
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
            PROMPTS => prompt_history::records(&source.path, prompt_history::read_log, visit).map(|()| 0),
            outputs::OUTPUT => {
                let session = outputs::session(source).ok_or(io::ErrorKind::NotFound)?;
                side_text::converted_lines(&source.path, &session, visit).map(|()| 0)
            }
            _ => LINES.records(source, since, visit),
        }
    }
}

fn document_kind(name: &[u8]) -> Option<u8> {
    (name.starts_with(b"session-") && name.ends_with(b".json")).then_some(DOCUMENT)
}

/// Directory of a document: the folder has the hash of its name, and other sessions of the same home have the name.
fn directory(document: &Path) -> Option<String> {
    paths::project_of(document.ancestors().nth(2)?).map(|(_, directory)| directory)
}

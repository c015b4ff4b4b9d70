//! Gemini CLI: one event log per session, or one JSON document in early versions.
//!
//! Verified with 0.24.5 (documents) and 0.61.0 (logs). An event can replace the whole chat, so a reader replays the log
//! and stores the offsets of the remaining messages. A `$rewindTo` takes out an end of the chat, and a `$set` with
//! messages may too: the agent empties a chat that it loads within the minute of its creation. What is taken out is a
//! branch. A list that was set has calls as `functionCall` in the content and their results in the next message. A long
//! output is in a file of the project's `tool-outputs`, which the response names before or after a preview; one that was
//! masked later is saved as the whole response in JSON. Of a deleted session the prompts are left in `logs.json`.

mod acp;
pub(super) mod chat;
mod chat_message;
mod checkpoints;
mod content;
mod display;
mod log;
mod message;
mod named_outputs;
mod other_files;
mod paths;
mod reader;
mod retention;
mod shape;
mod summary;
mod tools;
mod unclaimed;

pub(super) use acp::ACP;

use std::io;
use std::path::{Path, PathBuf};

use self::reader::ChatReader;
use super::prompt_history::ReadPrompts;
use super::purged_transcript::PurgedTranscript;
use super::session_files::named_alike;
use super::{
    AtRiskFiles, Discovery, Environment, FileCheckpoint, FileStamp, FolderStamps, Format, Source, SourceRoot,
    SourceSummary, SummaryProgress, TranscriptReader, prompt_history,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session, Time};

/// Gemini CLI's session format.
#[derive(Debug)]
pub(super) struct Gemini;

impl Format for Gemini {
    fn reads(&self, agent: Agent) -> bool {
        agent == Agent::Gemini
    }

    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        let home = environment.dir("GEMINI_CLI_HOME", "").join(".gemini");
        SourceRoot::all(environment, Agent::Gemini, home, &["tmp"])
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        paths::discover(root)
    }

    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        if path.starts_with(&root.path) { paths::affected(path) } else { Vec::new() }
    }

    fn shows_text(&self, root: &SourceRoot, path: &Path) -> Option<PathBuf> {
        paths::chats_with_output(&root.path, path)
    }

    fn side_stamp(&self, source: &Source, session: Option<&str>, folders: &mut FolderStamps) -> FileStamp {
        paths::outputs_stamp(&source.path, session, folders)
    }

    fn unclaimed_texts(&self, root: &SourceRoot, sources: &[Source]) -> Vec<PathBuf> {
        unclaimed::outputs(&root.path.join("tmp"), sources)
    }

    fn has_sessions(&self, source: &Source) -> bool {
        source.kind != paths::PROMPTS
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        if source.kind == paths::PROMPTS { Vec::new() } else { chat::peek(source) }
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if source.kind == paths::PROMPTS {
            let directory = source.path.parent().and_then(paths::directory).unwrap_or_default();
            return prompt_history::summarise(source, prompt_history::read_log, &directory);
        }
        chat::summarise(source, progress)
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        if session.flags.purged {
            return Ok(Box::new(PurgedTranscript::open(session, prompt_history::read_log)?));
        }
        chat::open(&session.path)
    }

    fn open_each(&self, sessions: &[&Session], visit: &mut dyn FnMut(&Session, io::Result<Box<dyn TranscriptReader>>)) {
        let prompts_of = |session: &Session| session.flags.purged.then_some(prompt_history::read_log as ReadPrompts);
        PurgedTranscript::open_each(sessions, prompts_of, |session| chat::open(&session.path), visit);
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if session.flags.purged {
            return PurgedTranscript::tail(session, prompt_history::read_log, count);
        }
        chat::tail(&session.path, count)
    }

    fn is_bound_to_directory(&self) -> bool {
        true
    }

    fn retention_days(&self, root: &SourceRoot) -> Option<u32> {
        retention::days(&root.path)
    }

    /// The directory of a chat's project is in a file beside the folder of chats.
    fn shared_files(&self, session: &Session) -> Vec<PathBuf> {
        let project = session.path.ancestors().skip(1).map(|folder| folder.join(".project_root"));
        project.take(3).find(|file| file.is_file()).into_iter().collect()
    }

    fn live(&self, _root: &SourceRoot) -> Vec<LiveStatus> {
        Vec::new()
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        Launch::resume(Agent::Gemini.name(), &["--resume"], session, extra)
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        if session.flags.purged {
            return Some(prompt_history::refusal(Agent::Gemini));
        }
        let cwd = Path::new(&*session.cwd);
        if cwd.as_os_str().is_empty() {
            return Some(
                "Gemini resumes a session only in its project's directory, which is unknown for this one. \
                 Open the project in Gemini once, so that it is listed in projects.json."
                    .into(),
            );
        }
        (!cwd.is_dir()).then(|| {
            format!(
                "Gemini resumes a session only in its project's directory, and {} does not exist. Create it first.",
                cwd.display()
            )
        })
    }

    fn earliest_resume(&self, environment: &Environment, id: &str) -> Option<Time> {
        let sources = self.roots(environment).into_iter().flat_map(|root| paths::discover(&root).sources);
        sources.filter_map(|source| paths::end_of_minute(&source.path, id)).max()
    }

    fn file_checkpoints(&self, session: &Session, path: &Path) -> Vec<FileCheckpoint> {
        checkpoints::of_file(session, path)
    }

    /// A session may go on in several files, and a resume leaves files that have only a head.
    fn own_files(&self, session: &Session) -> Option<Vec<PathBuf>> {
        if session.flags.purged {
            return Some(Vec::new());
        }
        let is_own = |file: &PathBuf| {
            let chat = ChatReader::open_alone(file);
            *file == session.path || chat.is_ok_and(|chat| chat.log.session_id(file) == *session.key.id)
        };
        let files = paths::files_of_session(&session.path).into_iter().filter(is_own);
        Some(files.chain([session.path.clone()]).flat_map(|file| named_alike(&file)).collect())
    }

    fn at_risk_files(&self, session: &Session) -> Option<AtRiskFiles> {
        let files = if session.flags.purged { Vec::new() } else { paths::siblings(&session.path) };
        (!files.is_empty()).then(|| AtRiskFiles {
            files,
            reason: "When Gemini starts, it deletes chats that it considers empty, and every chat whose name ends in \
                     the same eight characters: a resumed session can be lost."
                .into(),
        })
    }
}

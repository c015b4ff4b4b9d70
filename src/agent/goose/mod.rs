//! Format of goose: one SQLite database, and JSONL files of versions before 1.10 beside it.
//!
//! Read-only. goose imports old files into its database, so both sources may contain a session. The index prefers the
//! newer one; of two equally new ones the database, because its kind is lower.

mod acp;
mod action;
mod content;
mod database;
mod jsonl;
mod pairing;
mod shape;
mod totals;

pub(super) use acp::ACP;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::database::GooseSessionRows;
use self::jsonl::GooseFile;
use super::pages::{self, PagedTranscript};
use super::session_files::named_alike;
use super::{
    Discovery, Environment, FileStamp, Format, Source, SourceRoot, SourceSummary, SummaryProgress, TranscriptReader,
    sqlite,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Issue, Session};

/// Source kind of a database.
const DATABASE: u8 = 0;
/// Source kind of a session's JSONL file.
const JSONL: u8 = 1;

/// Format of goose's sessions.
#[derive(Debug)]
pub(super) struct Goose;

impl Format for Goose {
    fn reads(&self, agent: Agent) -> bool {
        agent == Agent::Goose
    }

    fn has_whole_seconds(&self) -> bool {
        true
    }

    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        let named = environment.var("GOOSE_PATH_ROOT").map(|root| environment.expand(Path::new(root)));
        let own = match &named {
            Some(root) => root.join("data/sessions"),
            None => environment.data_dir().join("goose/sessions"),
        };
        // The first versions kept sessions beside the configuration.
        let early = environment.dir("XDG_CONFIG_HOME", ".config").join("goose/sessions");
        let early = Some(early).filter(|path| named.is_none() && path.is_dir());
        SourceRoot::several(environment, Agent::Goose, std::iter::once(own).chain(early).collect(), &[""])
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        let mut found = Discovery::default();
        let paths = match fs::read_dir(&root.path) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => vec![root.path.clone()],
            Err(error) => {
                found.issues.push(Issue::new(&root.path, error));
                Vec::new()
            }
        };
        for path in paths {
            match source(&path) {
                Some(Ok(source)) => found.sources.push(source),
                Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                    found.issues.push(Issue::new(path, error));
                }
                Some(Err(_)) | None => {}
            }
        }
        found
    }

    fn affected(&self, _root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        let path = sqlite::owner(path);
        kind(&path).map(|_| (path.clone(), source(&path).and_then(Result::ok))).into_iter().collect()
    }

    fn peek(&self, _source: &Source) -> Vec<Session> {
        Vec::new()
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if source.kind == DATABASE { database::summarise(source, progress) } else { jsonl::summarise(source) }
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        let path = session.path.clone();
        if kind(&path) == Some(JSONL) {
            return Ok(Box::new(PagedTranscript::open(GooseFile::open(&path)?, path)?));
        }
        Ok(Box::new(PagedTranscript::open(GooseSessionRows::open(&path, &session.key.id)?, path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if kind(&session.path) == Some(JSONL) {
            return pages::tail(&mut GooseFile::open(&session.path)?, count);
        }
        pages::tail(&mut GooseSessionRows::open(&session.path, &session.key.id)?, count)
    }

    /// goose leaves no sign on disk of the sessions that are open.
    fn live(&self, _root: &SourceRoot) -> Vec<LiveStatus> {
        Vec::new()
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        Launch::resume(Agent::Goose.name(), &["session", "-r", "--session-id"], session, extra)
    }

    /// The database contains all sessions; only an old one has a file of its own.
    fn own_files(&self, session: &Session) -> Option<Vec<PathBuf>> {
        (kind(&session.path) == Some(JSONL)).then(|| named_alike(&session.path))
    }
}

/// Source kind of a file: the database (never its log alone), an old session, or neither.
fn kind(path: &Path) -> Option<u8> {
    if path.file_name()? == "sessions.db" {
        return Some(DATABASE);
    }
    (path.extension()? == "jsonl").then_some(JSONL)
}

fn source(path: &Path) -> Option<io::Result<Source>> {
    let kind = kind(path)?;
    let stamp = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::Error::other("expected a file, found a directory")),
        Ok(metadata) if kind == JSONL => Ok(FileStamp::of(&metadata)),
        Ok(_) => sqlite::stamp(path),
        Err(error) => Err(error),
    };
    Some(stamp.map(|stamp| Source { agent: Agent::Goose, path: path.to_owned(), stamp, kind }))
}

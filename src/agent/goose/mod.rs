//! goose: one SQLite database, and JSONL files of versions before 1.10 beside it.
//!
//! Nothing here writes. A session that lies both in the database and in a file (goose takes old files over) is told by
//! both units; of two that are equally new the database's counts, its kind being lower.

mod action;
mod content;
mod database;
mod jsonl;
mod tally;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::database::Rows;
use self::jsonl::LinesOf;
use super::pages::{self, Pages};
use super::{Discovery, Environment, Format, Progress, Reading, Root, Stamp, Summarised, Unit, sqlite};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Issue, Session};

/// Kind of a unit that is a database.
const DATABASE: u8 = 0;
/// Kind of a unit that is a session's own file.
const JSONL: u8 = 1;

/// Reader of goose's sessions.
#[derive(Debug)]
pub struct Goose;

impl Format for Goose {
    fn agent(&self) -> Agent {
        Agent::Goose
    }

    fn roots(&self, environment: &Environment) -> Vec<Root> {
        let own = environment.data_dir().join("goose/sessions");
        let mut roots = Vec::<Root>::new();
        for path in std::iter::once(own).chain(environment.extra_roots(Agent::Goose)) {
            if roots.iter().all(|root| root.path != path) {
                roots.push(Root { agent: Agent::Goose, watch: vec![path.clone()], path });
            }
        }
        roots
    }

    fn discover(&self, root: &Root) -> Discovery {
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
            match unit(&path) {
                Some(Ok(unit)) => found.units.push(unit),
                Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                    found.issues.push(Issue::new(path, error));
                }
                Some(Err(_)) | None => {}
            }
        }
        found
    }

    fn affected(&self, _root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
        let path = sqlite::owner(path);
        kind(&path).map(|_| (path.clone(), unit(&path).and_then(Result::ok))).into_iter().collect()
    }

    fn glance(&self, _unit: &Unit) -> Vec<Session> {
        Vec::new()
    }

    fn summarise(&self, unit: &Unit, progress: Option<&Progress>) -> Summarised {
        if unit.kind == DATABASE { database::summarise(unit, progress) } else { jsonl::summarise(unit) }
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>> {
        let path = session.path.clone();
        if kind(&path) == Some(JSONL) {
            return Ok(Box::new(Pages::open(LinesOf::open(&path)?, path)?));
        }
        Ok(Box::new(Pages::open(Rows::open(&path, &session.key.id)?, path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if kind(&session.path) == Some(JSONL) {
            return pages::tail(&mut LinesOf::open(&session.path)?, count);
        }
        pages::tail(&mut Rows::open(&session.path, &session.key.id)?, count)
    }

    /// goose leaves no sign on disk that says which session is open.
    fn live(&self, _root: &Root) -> Vec<LiveSign> {
        Vec::new()
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let mut args: Vec<String> = ["session", "-r", "--session-id", &session.key.id].map(str::to_owned).into();
        args.extend_from_slice(extra);
        Launch { program: self.agent().name().into(), args, cwd: PathBuf::from(&*session.cwd) }
    }
}

/// What a file is: the database (never its log alone), an old session, or neither.
fn kind(path: &Path) -> Option<u8> {
    if path.file_name()? == "sessions.db" {
        return Some(DATABASE);
    }
    (path.extension()? == "jsonl").then_some(JSONL)
}

fn unit(path: &Path) -> Option<io::Result<Unit>> {
    let kind = kind(path)?;
    let stamp = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::Error::other("a directory stands where a file is expected")),
        Ok(metadata) if kind == JSONL => Ok(Stamp::of(&metadata)),
        Ok(_) => sqlite::stamp(path),
        Err(error) => Err(error),
    };
    Some(stamp.map(|stamp| Unit { agent: Agent::Goose, path: path.to_owned(), stamp, kind }))
}

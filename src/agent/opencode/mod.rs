//! OpenCode: one SQLite database since 1.2, a tree of JSON files before that.
//!
//! Nothing here writes. What makes an entry is decided in [`record`] alone; [`summary`] counts by it, and the pages of
//! a reading are made by it. A session that lies both in a database and in JSON files (1.2 left them behind when it
//! took them over) is told by both units; of two that are equally new the database's counts, its kind being lower.

mod action;
mod database;
mod entries;
mod legacy;
mod places;
mod protocol;
mod record;
mod summary;
mod tally;
mod texts;
mod v2;

use std::io;
use std::path::{Path, PathBuf};

use self::database::Rows;
use self::legacy::Files;
use self::places::{DATABASE, is_json};
pub use self::protocol::Serve;
use super::pages::{self, Pages};
use super::{Discovery, Environment, Format, Progress, Reading, Root, Summarised, Texts, Unit};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Session};

/// Reader of OpenCode's sessions.
#[derive(Debug)]
pub struct OpenCode;

impl Format for OpenCode {
    fn agent(&self) -> Agent {
        Agent::OpenCode
    }

    fn roots(&self, environment: &Environment) -> Vec<Root> {
        places::roots(environment)
    }

    fn discover(&self, root: &Root) -> Discovery {
        places::discover(root)
    }

    fn affected(&self, root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
        places::affected(root, path)
    }

    fn glance(&self, _unit: &Unit) -> Vec<Session> {
        Vec::new()
    }

    fn summarise(&self, unit: &Unit, progress: Option<&Progress>) -> Summarised {
        if unit.kind == DATABASE { summary::summarise(unit, progress) } else { legacy::summarise(unit) }
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>> {
        let path = session.path.clone();
        if is_json(&path) {
            return Ok(Box::new(Pages::open(Files::new(&path), path)?));
        }
        Ok(Box::new(Pages::open(Rows::open(&path, &session.key.id)?, path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if is_json(&session.path) {
            return pages::tail(&mut Files::new(&session.path), count);
        }
        pages::tail(&mut Rows::open(&session.path, &session.key.id)?, count)
    }

    /// OpenCode leaves no sign on disk that says which session is open.
    fn live(&self, _root: &Root) -> Vec<LiveSign> {
        Vec::new()
    }

    fn search(&self) -> Option<&dyn Texts> {
        Some(self)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let mut args = vec!["-s".to_owned(), session.key.id.to_string()];
        args.extend_from_slice(extra);
        Launch { program: self.agent().name().into(), args, cwd: PathBuf::from(&*session.cwd) }
    }

    fn refuses(&self, session: &Session) -> Option<String> {
        is_json(&session.path).then(|| {
            "this session lies only in JSON files of OpenCode 1.1 or older, which newer versions do not read; it can be \
             read here, or taken over by starting OpenCode 1.2 once"
                .to_owned()
        })
    }
}

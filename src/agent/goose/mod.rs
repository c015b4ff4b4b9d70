//! goose.

use std::io;
use std::path::{Path, PathBuf};

use super::{Discovery, Environment, Format, Progress, Reading, Root, Sessions, Summarised, Unit};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Session};

/// Reader of goose's sessions.
#[derive(Debug)]
pub struct Goose;

impl Format for Goose {
    fn agent(&self) -> Agent {
        Agent::Goose
    }

    fn roots(&self, _environment: &Environment) -> Vec<Root> {
        Vec::new()
    }

    fn discover(&self, _root: &Root) -> Discovery {
        Discovery::default()
    }

    fn affected(&self, _root: &Root, _path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
        Vec::new()
    }

    fn glance(&self, _unit: &Unit) -> Vec<Session> {
        Vec::new()
    }

    fn summarise(&self, _unit: &Unit, _progress: Option<&Progress>) -> Summarised {
        Summarised {
            sessions: Sessions::All(Vec::new()),
            notes: Vec::new(),
            progress: Progress::default(),
            bytes_read: 0,
            issues: Vec::new(),
        }
    }

    fn open(&self, _session: &Session) -> io::Result<Box<dyn Reading>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tail(&self, _session: &Session, _count: usize) -> io::Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn live(&self, _root: &Root) -> Vec<LiveSign> {
        Vec::new()
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        Launch { program: self.agent().name().into(), args: extra.to_vec(), cwd: PathBuf::from(&*session.cwd) }
    }
}

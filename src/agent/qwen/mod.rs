//! Qwen Code.

mod decode;
mod lines;
mod places;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jsonl::outline::Outline;
use super::jsonl::{Dialect, copies, summary, tail};
use super::{Discovery, Environment, Format, Progress, Reading, Root, Summarised, Unit};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Session};
use lines::Lines;

/// Reader of Qwen Code's sessions.
#[derive(Debug)]
pub struct Qwen;

impl Format for Qwen {
    fn agent(&self) -> Agent {
        Agent::Qwen
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

    fn glance(&self, unit: &Unit) -> Vec<Session> {
        let identity = places::identity(&unit.path, unit.kind);
        vec![tail::glance(&Lines { subagent: identity.subagent, ..Lines::default() }, unit, &identity)]
    }

    fn summarise(&self, unit: &Unit, progress: Option<&Progress>) -> Summarised {
        let identity = places::identity(&unit.path, unit.kind);
        let lines = Lines { subagent: identity.subagent, ..Lines::default() };
        summary::summarise(&lines, unit, &identity, progress)
    }

    fn untangle(&self, units: &[Unit]) -> Vec<(usize, Summarised)> {
        let known = units.iter().map(|unit| (unit, places::identity(&unit.path, unit.kind)));
        copies::untangle(&Lines::default(), &known.collect::<Vec<_>>())
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>> {
        Ok(Box::new(Outline::open(dialect(session), &session.path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        tail::tail(&dialect(session), &session.path, count)
    }

    fn live(&self, root: &Root) -> Vec<LiveSign> {
        places::live(&root.path)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let mut args = vec!["--resume".to_owned(), session.key.id.to_string()];
        args.extend_from_slice(extra);
        Launch { program: self.agent().name().into(), args, cwd: PathBuf::from(&*session.cwd) }
    }

    fn refuses(&self, session: &Session) -> Option<String> {
        let parent = session.parent.as_deref().filter(|_| session.flags.subagent)?;
        Some(format!("a sub-agent's conversation cannot be resumed; resume its parent, {parent}"))
    }
}

fn dialect(session: &Session) -> Arc<dyn Dialect> {
    Arc::new(Lines { subagent: session.flags.subagent, links: places::links(&session.path) })
}

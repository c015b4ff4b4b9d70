//! Claude Code.

mod decode;
mod fields;
mod fork;
mod inline;
mod lines;
mod live;
mod places;
mod protocol;
mod texts;
mod tools;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jsonl::outline::Outline;
use super::jsonl::{Dialect, copies, summary, tail, walk};
use super::{Discovery, Environment, Format, Progress, Reading, Root, Sessions, Summarised, Texts, Unit};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Session};
use lines::Lines;
pub use protocol::Stream;

/// Reader of Claude Code's sessions.
#[derive(Debug)]
pub struct Claude;

impl Format for Claude {
    fn agent(&self) -> Agent {
        Agent::Claude
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
        let mut summarised = summary::summarise(&lines, unit, &identity, progress);
        if let Sessions::All(sessions) = &mut summarised.sessions {
            sessions.iter_mut().for_each(fork::name_origin);
        }
        summarised
    }

    fn untangle(&self, units: &[Unit]) -> Vec<(usize, Summarised)> {
        let known = units.iter().map(|unit| (unit, places::identity(&unit.path, unit.kind)));
        copies::untangle(&Lines::default(), &known.collect::<Vec<_>>())
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>> {
        Ok(Box::new(Outline::open(dialect(session)?, &session.path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        tail::tail(&dialect(session)?, &session.path, count)
    }

    fn live(&self, root: &Root) -> Vec<LiveSign> {
        live::signs(&root.path)
    }

    fn search(&self) -> Option<&dyn Texts> {
        Some(self)
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

fn dialect(session: &Session) -> io::Result<Arc<dyn Dialect>> {
    let mut lines = Lines { subagent: session.flags.subagent, ..Lines::default() };
    if lines.subagent && walk::stem(&session.path) != *session.key.id {
        let chain = inline::chains(&session.path)?.into_iter().find(|chain| chain.id == session.key.id);
        lines.only = Some(chain.ok_or(io::ErrorKind::NotFound)?.lines);
    } else {
        lines.links = places::links(&session.path);
        lines.file = Some(session.path.clone());
    }
    Ok(Arc::new(lines))
}

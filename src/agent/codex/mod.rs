//! Codex CLI: one rollout (a file of JSON lines) for each thread.
//!
//! Verified with 0.39.0, 0.99.0 and 0.169.0; the bare lines of before 0.32 are known from its sources. Rollouts are the
//! truth; Codex's own databases only repeat it and are not read.

mod calls;
mod decode;
mod dialect;
mod files;
mod find;
mod head;
mod items;
mod line;
mod live;
mod meta;
mod names;
mod patch;
mod protocol;
mod summary;
mod texts;
mod thread;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::head::Head;
pub use self::protocol::AppServer;
use super::jsonl::{self, Dialect};
use super::{Discovery, Environment, Format, Progress, Reading, Root, Summarised, TextLimit, Texts, Unit};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Session};

/// Reader of Codex CLI's sessions.
#[derive(Debug)]
pub struct Codex;

impl Format for Codex {
    fn agent(&self) -> Agent {
        Agent::Codex
    }

    fn roots(&self, environment: &Environment) -> Vec<Root> {
        let home = environment.dir("CODEX_HOME", ".codex");
        let mut roots: Vec<Root> = Vec::new();
        for path in std::iter::once(home).chain(environment.extra_roots(Agent::Codex)) {
            if !roots.iter().any(|root| root.path == path) {
                roots.push(files::root(path));
            }
        }
        roots
    }

    fn discover(&self, root: &Root) -> Discovery {
        files::discover(root)
    }

    fn affected(&self, root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
        files::affected(root, path)
    }

    fn glance(&self, unit: &Unit) -> Vec<Session> {
        if unit.kind == files::NAMES { Vec::new() } else { summary::glance(unit) }
    }

    fn summarise(&self, unit: &Unit, progress: Option<&Progress>) -> Summarised {
        if unit.kind == files::NAMES { names::summarise(unit) } else { summary::summarise(unit, progress) }
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>> {
        thread::open(&session.path)
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        let head = Head::read(&session.path)?;
        let dialect: Arc<dyn Dialect> = Arc::new(head.dialect());
        let entries = jsonl::tail::tail(&dialect, &session.path, count)?;
        if entries.len() >= count || head.base.is_none() {
            return Ok(entries);
        }
        let mut whole = thread::open(&session.path)?;
        let len = whole.len();
        Ok(whole.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
    }

    fn live(&self, root: &Root) -> Vec<LiveSign> {
        live::signs(root)
    }

    fn search(&self) -> Option<&dyn Texts> {
        Some(self)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let mut args = vec!["resume".to_owned(), session.key.id.to_string()];
        args.extend_from_slice(extra);
        Launch { program: self.agent().name().into(), args, cwd: PathBuf::from(&*session.cwd) }
    }

    fn refuses(&self, session: &Session) -> Option<String> {
        session
            .flags
            .archived
            .then(|| format!("Codex does not resume an archived thread. Run: codex unarchive {}", session.key.id))
    }
}

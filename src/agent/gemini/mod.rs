//! Gemini CLI: one file of events for each session, or one JSON document in versions before.
//!
//! Verified with 0.24.5 (documents) and 0.61.0 (logs). A chat can be replaced from within, so a reading replays the
//! log and keeps the places of the messages that are left.

mod files;
mod log;
mod message;
mod reading;
mod summary;
mod tools;

use std::io;
use std::path::{Path, PathBuf};

use self::reading::Chat;
use super::{Discovery, Endangered, Environment, Format, Progress, Reading, Root, Summarised, TextLimit, Unit};
use crate::domain::launch::Launch;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Entry, Session};

/// Reader of Gemini CLI's sessions.
#[derive(Debug)]
pub struct Gemini;

impl Format for Gemini {
    fn agent(&self) -> Agent {
        Agent::Gemini
    }

    fn roots(&self, environment: &Environment) -> Vec<Root> {
        let home = environment.dir("GEMINI_CLI_HOME", "").join(".gemini");
        let mut roots: Vec<Root> = Vec::new();
        for path in std::iter::once(home).chain(environment.extra_roots(Agent::Gemini)) {
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
        if path.starts_with(&root.path) { files::affected(path) } else { Vec::new() }
    }

    fn glance(&self, unit: &Unit) -> Vec<Session> {
        /// A chat of this size is replayed as fast as it is looked at.
        const SMALL: u64 = 256 << 10;
        if unit.stamp.size == 0 || unit.stamp.size > SMALL {
            return Vec::new();
        }
        let Ok(chat) = Chat::open(&unit.path) else { return Vec::new() };
        if chat.log.entries() == 0 { Vec::new() } else { vec![summary::session(unit, &chat.log, false)] }
    }

    fn summarise(&self, unit: &Unit, progress: Option<&Progress>) -> Summarised {
        summary::summarise(unit, progress)
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>> {
        Ok(Box::new(Chat::open(&session.path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        let mut chat = Chat::open(&session.path)?;
        let len = chat.len();
        Ok(chat.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
    }

    fn live(&self, _root: &Root) -> Vec<LiveSign> {
        Vec::new()
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let mut args = vec!["--resume".to_owned(), session.key.id.to_string()];
        args.extend_from_slice(extra);
        Launch { program: self.agent().name().into(), args, cwd: PathBuf::from(&*session.cwd) }
    }

    fn refuses(&self, session: &Session) -> Option<String> {
        let cwd = Path::new(&*session.cwd);
        if cwd.as_os_str().is_empty() {
            return Some(
                "Gemini resumes a session only in its project's directory, and no file tells which that is. \
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

    fn endangered(&self, session: &Session) -> Option<Endangered> {
        let files = files::siblings(&session.path);
        (!files.is_empty()).then(|| Endangered {
            files,
            reason: "Gemini deletes chats that it takes for empty when it starts, and with them every chat whose \
                     name ends in the same eight characters: a resumed session can be lost."
                .into(),
        })
    }
}

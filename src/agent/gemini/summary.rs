//! A chat summed up for lists.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::files;
use super::log::Log;
use super::reading::Chat;
use crate::agent::{Cursor, Progress, Reading as _, Sessions, Summarised, Unit};
use crate::domain::{Agent, Issue, Session, SessionKey, Title, TitleSource, Tokens};

/// Reads all of a chat, or what was appended since; none where another file holds the same session better.
pub fn summarise(unit: &Unit, progress: Option<&Progress>) -> Summarised {
    match replay(unit, progress) {
        Ok(chat) => summed_up(unit, &chat),
        Err(error) => unreadable(unit, &error),
    }
}

fn replay(unit: &Unit, progress: Option<&Progress>) -> io::Result<Chat> {
    let known = progress.filter(|progress| {
        let Cursor { stamp, offset } = progress.cursor;
        unit.kind == files::LOG && stamp.inode == unit.stamp.inode && offset > 0 && unit.stamp.size >= stamp.size
    });
    let log = known.and_then(|progress| {
        let log: Log = serde_json::from_slice(&progress.state).ok()?;
        ends_a_line(&unit.path, progress.cursor.offset).then_some((log, progress.cursor.offset))
    });
    match log {
        Some((log, offset)) => Chat::resume(&unit.path, log, offset),
        None => Chat::open(&unit.path),
    }
}

/// A file that was written anew, and longer, has no line's end where the old one had one (but for a rare chance).
fn ends_a_line(path: &Path, offset: u64) -> bool {
    use std::os::unix::fs::FileExt;
    let mut last = [0];
    let read = std::fs::File::open(path).and_then(|file| file.read_exact_at(&mut last, offset.saturating_sub(1)));
    read.is_ok() && last == *b"\n"
}

fn summed_up(unit: &Unit, chat: &Chat) -> Summarised {
    let state = serde_json::to_vec(&chat.log).unwrap_or_default();
    let session = (unit.stamp.size > 0 && is_shown(&unit.path, &chat.log)).then(|| session(unit, &chat.log, true));
    Summarised {
        sessions: Sessions::All(session.into_iter().collect()),
        notes: Vec::new(),
        progress: Progress { cursor: Cursor { stamp: chat.stamp, offset: chat.offset }, state },
        bytes_read: chat.bytes_read,
        issues: chat.issues().to_vec(),
    }
}

fn unreadable(unit: &Unit, error: &io::Error) -> Summarised {
    let mut session = Session::new(SessionKey::new(Agent::Gemini, name_of(&unit.path)), unit.path.clone());
    session.bytes = unit.stamp.size;
    session.flags.unreadable = true;
    session.flags.empty = true;
    session.complete = true;
    Summarised {
        sessions: Sessions::All(vec![session]),
        notes: Vec::new(),
        progress: Progress::default(),
        bytes_read: 0,
        issues: vec![Issue::new(&unit.path, format!("cannot be read: {error}"))],
    }
}

/// A resume leaves a second file of the same session that holds nothing but its head, while the conversation goes on
/// in the first. Of several files the one with the most entries is shown, of equal ones the first.
fn is_shown(path: &Path, log: &Log) -> bool {
    let rank = |log: &Log| log.entries();
    let own = rank(log);
    files::siblings(path).into_iter().filter(|other| other != path).all(|other| {
        let Ok(chat) = Chat::open(&other) else { return true };
        let theirs = rank(&chat.log);
        chat.log.session != log.session || own > theirs || (own == theirs && *path < *other)
    })
}

/// The row of a chat.
pub fn session(unit: &Unit, log: &Log, complete: bool) -> Session {
    let id = if log.session.is_empty() { name_of(&unit.path) } else { log.session.clone() };
    let mut session = Session::new(SessionKey::new(Agent::Gemini, id), unit.path.clone());
    let shown = || log.messages.iter().filter(|message| message.entries > 0);
    let prompts = || log.messages.iter().filter_map(|message| message.prompt.as_deref());
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    session.title = match (&log.summary, prompts().find(|prompt| !prompt.trim().is_empty())) {
        (Some(summary), _) => Title::new(summary, TitleSource::Agent),
        (None, Some(prompt)) => Title::new(prompt, TitleSource::Prompt),
        (None, None) => Title::default(),
    };
    session.cwd = files::project(&unit.path).unwrap_or_default().into();
    session.model = log.model.as_deref().map(Arc::from);
    session.started_at = shown().find_map(|message| message.time).or(log.started);
    session.last_activity = shown()
        .filter_map(|message| message.time)
        .max()
        .or(log.started)
        .or_else(|| Some(crate::domain::Time::from_millis(unit.stamp.mtime_millis())));
    session.turns = count(prompts().count());
    session.messages = count(log.entries());
    session.tokens =
        log.messages.iter().filter_map(|message| message.tokens).fold(Tokens::default(), |mut sum, one| {
            sum += one;
            sum
        });
    session.bytes = unit.stamp.size;
    session.unreadable = count(log.bad.len());
    session.flags.unreadable = !log.bad.is_empty();
    session.flags.empty = log.entries() == 0;
    session.flags.subagent = log.subagent;
    session.parent = parent(&unit.path).filter(|_| log.subagent);
    session.tip = shown().next_back().map(|message| Arc::from(&*message.id));
    session.complete = complete;
    session
}

/// Chats of sub-agents lie in a folder named after the session that started them.
fn parent(path: &Path) -> Option<Arc<str>> {
    let folder = path.parent()?.file_name()?.to_str()?;
    (folder != "chats").then(|| folder.into())
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

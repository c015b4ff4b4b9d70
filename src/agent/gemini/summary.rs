//! Summary of a chat for lists.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::log::ChatLog;
use super::named_outputs::NamedOutputs;
use super::other_files::ReplayedLog;
use super::paths;
use super::reader::{ChatReader, ends_a_line};
use crate::agent::json::repair;
use crate::agent::jsonl::walk;
use crate::agent::{Source, SourceSessions, SourceSummary, SummaryCursor, SummaryProgress, TranscriptReader as _};
use crate::domain::usage::{UsageSlot, add_usage};
use crate::domain::{Issue, Session, SessionKey, Title, TitleSource, Tokens};

/// State from which a summary goes on: the log of the chat, and those of the other files of its session.
#[derive(Deserialize)]
struct StoredLogs {
    log: ChatLog,
    #[serde(default)]
    others: Vec<ReplayedLog>,
}

/// [`StoredLogs`] to be written.
#[derive(Serialize)]
struct LogsToStore<'a> {
    log: &'a ChatLog,
    others: &'a [ReplayedLog],
}

/// Summarises all of a chat, or the appended lines. Yields no session if another file of the session is shown instead.
pub(super) fn summarise(source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
    match replay(source, progress) {
        Ok((chat, is_shown)) => summary_of(source, &chat, is_shown),
        Err(error) => unreadable(source, &error),
    }
}

/// Replays a chat, and the other files of its session if it is the one that is shown.
fn replay(source: &Source, progress: Option<&SummaryProgress>) -> io::Result<(ChatReader, bool)> {
    let known = progress.filter(|progress| {
        let SummaryCursor { stamp, offset } = progress.cursor;
        source.kind == paths::LOG && stamp.inode == source.stamp.inode && offset > 0 && source.stamp.size >= stamp.size
    });
    let stored = progress.and_then(|progress| serde_json::from_slice::<StoredLogs>(&progress.state).ok());
    let (log, others) = stored.map(|stored| (stored.log, stored.others)).unzip();
    let offset = known.map(|progress| progress.cursor.offset).filter(|offset| ends_a_line(&source.path, *offset));
    let mut chat = match log.zip(offset) {
        Some((log, offset)) => ChatReader::resume(&source.path, log, offset)?,
        None => ChatReader::open_alone(&source.path)?,
    };
    let is_shown = chat.read_others_if_shown(&others.unwrap_or_default());
    Ok((chat, is_shown))
}

fn summary_of(source: &Source, chat: &ChatReader, is_shown: bool) -> SourceSummary {
    let state = LogsToStore { log: &chat.log, others: chat.logs_to_store() };
    let state = serde_json::to_vec(&state).unwrap_or_default();
    let session = (source.stamp.size > 0 && is_shown).then(|| session(source, chat, true));
    // One of several files changes with each of them.
    let stamp = if paths::known_files_of_session(&source.path).len() < 2 { chat.stamp } else { source.stamp };
    SourceSummary {
        sessions: SourceSessions::All(session.into_iter().collect()),
        notes: Vec::new(),
        progress: SummaryProgress { cursor: SummaryCursor { stamp, offset: chat.offset }, state },
        bytes_read: chat.bytes_read,
        issues: chat.issues().to_vec(),
    }
}

fn unreadable(source: &Source, error: &io::Error) -> SourceSummary {
    let mut session = Session::new(SessionKey::new(source.agent, walk::stem(&source.path)), source.path.clone());
    session.bytes = source.stamp.size;
    session.flags.unreadable = true;
    session.flags.empty = true;
    session.complete = true;
    SourceSummary {
        sessions: SourceSessions::All(vec![session]),
        notes: Vec::new(),
        progress: SummaryProgress::default(),
        bytes_read: 0,
        issues: vec![Issue::new(&source.path, format!("cannot be read: {error}"))],
    }
}

/// Builds the list row of a chat.
pub(super) fn session(source: &Source, chat: &ChatReader, complete: bool) -> Session {
    let log = &chat.log;
    let entries = chat.len();
    let id = log.session_id(&source.path);
    let mut session = Session::new(SessionKey::new(source.agent, id), source.path.clone());
    let shown = || chat.messages().filter(|message| message.entries > 0);
    let prompts = || chat.messages().filter_map(|message| message.prompt.as_deref());
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    session.title = match (&log.summary, prompts().find(|prompt| !prompt.trim().is_empty())) {
        (Some(summary), _) => Title::new(summary, TitleSource::Agent),
        (None, Some(prompt)) => Title::new(prompt, TitleSource::Prompt),
        (None, None) => Title::default(),
    };
    session.set_last_prompt(prompts().rfind(|prompt| !prompt.trim().is_empty()));
    session.cwd = paths::project(&source.path).unwrap_or_default().into();
    session.model = log.model.as_deref().map(Arc::from);
    session.started_at = shown().find_map(|message| message.time).or(log.started);
    session.last_activity = shown()
        .filter_map(|message| message.time)
        .max()
        .or(log.started)
        .or_else(|| Some(crate::domain::Time::from_millis(source.stamp.mtime_millis())));
    session.modified = Some(crate::domain::Time::from_millis(source.stamp.mtime_millis()));
    session.turns = count(prompts().count());
    session.messages = count(entries);
    session.tokens = chat.all().filter_map(|message| message.tokens).fold(Tokens::default(), |mut sum, one| {
        sum += one;
        sum
    });
    let mut usage = Vec::new();
    for message in chat.all() {
        let tokens = message.tokens.unwrap_or_default();
        add_usage(&mut usage, UsageSlot::of(message.time), log.model.as_deref(), tokens);
    }
    session.usage = usage.into();
    let outputs = paths::outputs(&source.path);
    let recorded: HashSet<PathBuf> =
        chat.all().flat_map(|message| &message.outputs).filter_map(|path| outputs.path(path)).collect();
    let beside = recorded.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len());
    let unnamed = NamedOutputs::of(&source.path, &session.key.id).size(|path| recorded.contains(path));
    session.bytes = source.stamp.size + beside.sum::<u64>() + unnamed;
    session.unreadable = count(log.bad.len() + usize::from(chat.open_end == Some(repair::OPEN_RECORD)));
    session.flags.unreadable = session.unreadable > 0;
    session.flags.empty = entries == 0;
    session.flags.subagent = log.subagent;
    session.parent = parent(&source.path).filter(|_| log.subagent);
    session.tip = shown().next_back().map(|message| Arc::from(&*message.id));
    session.complete = complete;
    session
}

/// Parent session of a sub-agent's chat, whose folder is named after the parent.
fn parent(path: &Path) -> Option<Arc<str>> {
    let folder = path.parent()?.file_name()?.to_str()?;
    (folder != "chats").then(|| folder.into())
}

//! Accumulated metadata of a file's lines: everything a list shows of a session. Small, and stored in the cache.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::repaired::Repair;
use super::usage_counts::UsageCounts;
use super::{JsonStr, LineMetadata, RareMetadata, RecordLink, ReplyUsage, SourceIdentity, UsageTotal};
use crate::agent::Source;
use crate::domain::session::CopiedPrefix;
use crate::domain::usage::{UsageRow, UsageSlot, add_usage};
use crate::domain::{EntryKey, Flags, Session, Time, Title, TitleSource, Tokens};

/// Maximum bytes of a prompt to decode for a title, because a list shows one line.
const TITLE_BYTES: usize = 2048;

/// Maximum bytes of a later prompt to decode, because only its beginning is shown.
const LAST_PROMPT_BYTES: usize = 400;

/// Number of newest replies whose usage may still grow, because parallel replies interleave.
const OPEN_REPLIES: usize = 6;

/// Maximum numbers of damaged lines per file, because the state must stay small; further ones are only counted.
const MAX_DAMAGES: usize = 20;

/// Maximum age of an own record before its file's process, in ms; an older record was copied.
const SKEW_MS: i64 = 100;

/// Accumulated metadata of the lines so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a session")]
pub(crate) struct SummaryState {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    /// Newest prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_prompt: Option<String>,
    /// First command, the title of a session without a prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Time>,
    /// Entries on the shown branch.
    pub messages: u32,
    /// Turns on the shown branch.
    pub turns: u32,
    /// Id of the newest record on the shown branch.
    pub tip: String,
    /// The first record's hash; 0 if no record has an id.
    first: u64,
    tokens: Tokens,
    /// Last totals, of an agent that records totals.
    #[serde(skip_serializing_if = "UsageCounts::is_empty")]
    counts: UsageCounts,
    /// Sums of `tokens` by time and model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    usage: Vec<UsageRow>,
    /// Newest replies, which are in neither.
    replies: Vec<Reply>,
    /// Times and models of the newest replies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<ReplyRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headless: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    born: Option<Time>,
    fork: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_from: Option<String>,
    /// Id of the newest copied record.
    #[serde(skip_serializing_if = "String::is_empty")]
    copied_to: String,
    /// The newest copied entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    copied_entry: Option<EntryKey>,
    /// True if a record that is not copied yields entries.
    has_own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// Team of sessions that this one leads or belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// True if a prompt was written in a desktop application or in an editor.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    app: bool,
    /// True if the file also contains conversations of sub-agents.
    pub side: bool,
    /// Titles of sessions that may be in other files, by the id of a record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<(String, String)>,
    /// Number of records that could not be parsed.
    unreadable: u32,
    /// Number of records that were repaired.
    repaired: u32,
    /// Line numbers of the first of both, from 1, with the repair.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damages: Vec<(u64, Option<Repair>)>,
}

/// A reply's key, and its input, output, cache-read and cache-write tokens; a tuple keeps the stored state short.
type Reply = (u64, [u64; 4]);

/// Number of replies in a row with their time and their model.
type ReplyRun = (usize, UsageSlot, Option<Arc<str>>);

impl SummaryState {
    /// Adds a line's metadata, except for the counts that depend on the shown branch.
    pub(crate) fn add(&mut self, metadata: &LineMetadata<'_>) {
        if let Some(rare) = &metadata.rare {
            self.add_rare(rare, metadata.time);
        }
        let copied = metadata.rare.as_ref().is_some_and(|rare| rare.forked_from.is_some() || rare.is_copy)
            || matches!((metadata.time, self.born), (Some(time), Some(born)) if born.since(time) > SKEW_MS);
        self.fork |= copied;
        self.has_own |= !copied && !metadata.marks.is_empty();
        if let Some(time) = metadata.time {
            self.started = Some(self.started.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        if metadata.prompt.is_some() {
            let decoded = metadata.rare.as_ref().and_then(|rare| rare.prompt.as_deref());
            let decoded = decoded.map(|text| Title::new(text, TitleSource::Prompt).text.to_string());
            let bytes = if self.prompt.is_none() { TITLE_BYTES } else { LAST_PROMPT_BYTES };
            let prompt = decoded.or_else(|| metadata.prompt.map(|text| first_line(text, bytes)));
            if self.prompt.is_none() {
                self.prompt.clone_from(&prompt);
            }
            self.last_prompt = prompt.or(self.last_prompt.take());
        }
        if self.cwd.is_none() {
            self.cwd = metadata.cwd.map(|cwd| cwd.decode().into_owned());
        }
        update(&mut self.branch, metadata.branch);
        if let Some(model) = metadata.model
            && self.model.as_ref().is_none_or(|kept| kept.as_bytes() != model.0)
        {
            self.model = Some(model.decode().into());
        }
        if let Some(usage) = metadata.usage.filter(|_| !copied) {
            self.count(usage, metadata.time);
        }
        if let (0, RecordLink::Node { id, .. }) = (self.first, metadata.link) {
            self.first = id;
        }
        if let Some(id) = metadata.id {
            let id = id.decode();
            replace(&mut self.tip, &id);
            if copied {
                replace(&mut self.copied_to, &id);
                self.copied_entry = metadata.marks.last().map(|mark| mark.key).or(self.copied_entry);
            }
        }
    }

    /// Marks the file as a fork of `origin`, for a fork that does not record its origin.
    pub(crate) fn fork_of(&mut self, origin: &str) {
        self.fork = true;
        self.forked_from = Some(origin.to_owned());
    }

    fn add_rare(&mut self, rare: &RareMetadata<'_>, time: Option<Time>) {
        let owned = |text: JsonStr<'_>| Some(text.decode().into_owned());
        if let Some(text) = rare.user_title {
            // An empty title removes the title that was set before.
            self.user_title = Some(title(text)).filter(|text| !text.is_empty());
        }
        if let Some(text) = rare.agent_title {
            self.agent_title = Some(title(text)).filter(|text| !text.is_empty());
        }
        if let Some((id, text)) = rare.title_of {
            self.titles.push((id.decode().into_owned(), title(text)));
        }
        if self.command.is_none() {
            self.command.clone_from(&rare.command);
        }
        if let Some(born) = rare.born
            && self.started.is_none()
        {
            self.born = self.born.or(Some(born));
        }
        if let Some(from) = rare.forked_from
            && self.forked_from.is_none()
        {
            self.forked_from = owned(from);
        }
        if let Some(parent) = rare.parent {
            self.parent = owned(parent);
        }
        update(&mut self.team, rare.team);
        if let Some(session) = rare.session
            && self.session.is_none()
        {
            self.session = owned(session);
        }
        if let Some(directory) = rare.relocated {
            self.cwd = owned(directory);
        }
        self.side |= rare.side;
        self.app |= rare.app;
        self.cost_usd = rare.cost_usd.or(self.cost_usd);
        if let Some(total) = rare.total {
            self.add_total(total, time);
        }
        self.headless = match (self.headless, rare.headless) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (before, now) => now.or(before),
        };
    }

    /// Adds what a total adds to those before it; it belongs to the present model.
    fn add_total(&mut self, total: UsageTotal, time: Option<Time>) {
        let added = self.counts.add(total);
        add_usage(&mut self.usage, UsageSlot::of(time.or(self.last)), self.model.as_deref(), added);
        self.tokens += added;
    }

    /// Counts a reply once, even if several lines report its usage: the largest value counts.
    fn count(&mut self, ReplyUsage { key, tokens }: ReplyUsage, time: Option<Time>) {
        let reported = [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write];
        if let Some((_, kept)) = self.replies.iter_mut().rev().find(|(known, _)| *known == key) {
            if reported.iter().sum::<u64>() >= kept.iter().sum() {
                *kept = reported;
            }
            return;
        }
        if self.replies.len() >= OPEN_REPLIES {
            self.close_oldest_reply();
        }
        self.replies.push((key, reported));
        let slot = UsageSlot::of(time.or(self.last));
        match self.runs.last_mut() {
            Some((count, known, model)) if *known == slot && *model == self.model => *count += 1,
            _ => self.runs.push((1, slot, self.model.clone())),
        }
    }

    /// Adds the oldest reply, whose usage no longer grows, to the sums.
    fn close_oldest_reply(&mut self) {
        let oldest = tokens_of(&self.replies.remove(0));
        self.tokens += oldest;
        let Some((count, slot, model)) = self.runs.first_mut() else { return };
        add_usage(&mut self.usage, *slot, model.as_deref(), oldest);
        *count -= 1;
        if *count == 0 {
            self.runs.remove(0);
        }
    }

    /// Counts a record that could not be parsed; `number` is its line number, from 1.
    pub(crate) fn add_unreadable(&mut self, number: u64) {
        self.unreadable += 1;
        self.add_damage(number, None);
    }

    /// Counts a record that was repaired; `number` is its line number, from 1. The end of a torn one is lost.
    pub(crate) fn add_repair(&mut self, number: u64, repair: Repair) {
        let is_lost = matches!(repair, Repair::Completed | Repair::NoContent | Repair::MissingParent | Repair::Hole);
        *(if is_lost { &mut self.unreadable } else { &mut self.repaired }) += 1;
        self.add_damage(number, Some(repair));
    }

    fn add_damage(&mut self, number: u64, repair: Option<Repair>) {
        if self.damages.len() < MAX_DAMAGES {
            self.damages.push((number, repair));
        }
    }

    /// Line numbers and explanations of the first damaged records.
    pub(crate) fn damages(&self) -> impl Iterator<Item = (u64, &'static str)> {
        self.damages.iter().map(|(line, repair)| (*line, repair.map_or("unreadable record", Repair::reason)))
    }

    /// Number of damaged records that [`damages`](Self::damages) leaves out.
    pub(crate) fn unlisted_damages(&self) -> u64 {
        u64::from(self.unreadable) + u64::from(self.repaired) - self.damages.len() as u64
    }

    /// Uses a title from the file whose record id turned out to belong to this session.
    pub(crate) fn adopt_title(&mut self, text: String) {
        if self.agent_title.is_none() {
            self.agent_title = Some(text);
        }
    }

    /// Usage so far.
    pub(crate) fn tokens(&self) -> Tokens {
        let mut sum = self.tokens;
        self.replies.iter().for_each(|reply| sum += tokens_of(reply));
        sum
    }

    /// Usage so far by time and model.
    fn usage(&self) -> Arc<[UsageRow]> {
        let mut rows = self.usage.clone();
        let runs = self.runs.iter().flat_map(|run| std::iter::repeat_n(run, run.0));
        for (reply, (_, slot, model)) in self.replies.iter().zip(runs) {
            add_usage(&mut rows, *slot, model.as_deref(), tokens_of(reply));
        }
        rows.into()
    }

    /// Builds the session row.
    pub(crate) fn session(&self, source: &Source, identity: &SourceIdentity) -> Session {
        let mut session = Session::new(identity.key.clone(), source.path.clone());
        let external = identity.title.as_deref();
        let prompt = self.prompt.as_ref().or(self.command.as_ref());
        session.title = match (&self.user_title, self.agent_title.as_deref().or(external), prompt) {
            (Some(text), _, _) => Title::new(text, TitleSource::User),
            (None, Some(text), _) => Title::new(text, TitleSource::Agent),
            (None, None, Some(text)) => Title::new(text, TitleSource::Prompt),
            (None, None, None) => Title::default(),
        };
        session.set_last_prompt(self.last_prompt.as_deref());
        session.cwd = self.cwd.as_deref().unwrap_or_default().into();
        session.branch = self.branch.as_deref().filter(|branch| !branch.is_empty()).map(Into::into);
        session.model.clone_from(&self.model);
        session.started_at = self.started;
        session.last_activity = self.last.or(Some(Time::from_millis(source.stamp.mtime_millis())));
        session.turns = self.turns;
        session.messages = self.messages;
        session.tokens = self.tokens();
        session.usage = self.usage();
        session.modified = Some(Time::from_millis(source.stamp.mtime_millis()));
        session.cost_usd = self.cost_usd;
        session.bytes = source.stamp.size;
        session.parent = identity.parent.clone().or_else(|| self.parent.as_deref().map(Into::into));
        if identity.subagent && session.parent.is_none() {
            session.parent = self.session.as_deref().map(Into::into);
        }
        session.forked_from = self.forked_from.as_deref().map(Into::into);
        session.copied = (!self.copied_to.is_empty()).then(|| {
            let record = self.copied_to.as_str().into();
            Box::new(CopiedPrefix { record, entry: self.copied_entry, is_extended: self.has_own })
        });
        session.first = (self.first != 0).then_some(self.first);
        session.unreadable = self.unreadable;
        session.tip = Some(self.tip.as_str()).filter(|tip| !tip.is_empty()).map(Into::into);
        session.flags = Flags {
            subagent: identity.subagent || session.parent.is_some(),
            headless: self.headless == Some(true),
            empty: self.messages == 0,
            fork: self.fork || session.forked_from.is_some(),
            archived: false,
            unreadable: self.unreadable > 0,
            purged: false,
            app: self.app,
        };
        session
    }
}

fn tokens_of(reply: &Reply) -> Tokens {
    let [input, output, cache_read, cache_write] = reply.1;
    Tokens { input, output, cache_read, cache_write }
}

fn title(text: JsonStr<'_>) -> String {
    first_line(text, TITLE_BYTES)
}

/// Beginning of a text on one line.
fn first_line(text: JsonStr<'_>, bytes: usize) -> String {
    Title::new(&text.head(bytes), TitleSource::Prompt).text.to_string()
}

/// Replaces a text, without an allocation.
fn replace(text: &mut String, by: &str) {
    text.clear();
    text.push_str(by);
}

/// Stores the newest value; a repeated one costs only a comparison.
fn update(kept: &mut Option<String>, seen: Option<JsonStr<'_>>) {
    let Some(seen) = seen else { return };
    if kept.as_ref().is_none_or(|kept| kept.as_bytes() != seen.0) {
        *kept = Some(seen.decode().into_owned());
    }
}

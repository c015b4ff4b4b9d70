//! What the lines of a file add up to: everything a list shows of a session. Small, and kept in the cache.

use serde::{Deserialize, Serialize};

use super::{Identity, Link, Rare, Skim, Text, Usage};
use crate::agent::Unit;
use crate::domain::{Flags, Session, Time, Title, TitleSource, Tokens};

/// Bytes of a prompt that are looked at for a title.
const TITLE_BYTES: usize = 2048;

/// Replies whose usage may still grow.
const OPEN_REPLIES: usize = 6;

/// Numbers of unreadable lines that are kept; beyond, they are only counted.
const BAD_LINES: usize = 20;

/// A record that is older than its file by more than this was copied into it.
const SKEW_MS: i64 = 100;

/// What the lines so far add up to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Time>,
    /// Entries on the shown branch.
    pub messages: u32,
    /// Turns on the shown branch.
    pub turns: u32,
    /// Id of the newest record.
    pub tip: String,
    /// The first record's hash; 0 where no record has an id.
    first: u64,
    tokens: Tokens,
    replies: Vec<Reply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headless: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    born: Option<Time>,
    fork: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// Conversations of sub-agents stand in the file, too.
    pub side: bool,
    /// Titles of sessions that may lie elsewhere, by the id of a record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<(String, String)>,
    /// Lines that could not be read.
    pub unreadable: u32,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bad_lines: Vec<u64>,
}

/// A reply's key, and its input, output, cache read and cache written: short where it is kept.
type Reply = (u64, [u64; 4]);

impl Facts {
    /// Takes a line in, except for what depends on the shown branch.
    pub fn take(&mut self, skim: &Skim<'_>) {
        if let Some(rare) = &skim.rare {
            self.take_rare(rare);
        }
        let copied = skim.rare.as_ref().is_some_and(|rare| rare.forked_from.is_some())
            || matches!((skim.time, self.born), (Some(time), Some(born)) if born.since(time) > SKEW_MS);
        self.fork |= copied;
        if let Some(time) = skim.time {
            self.started = Some(self.started.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        if self.prompt.is_none()
            && let Some(prompt) = skim.prompt
        {
            self.prompt = Some(title(prompt));
        }
        if self.cwd.is_none() {
            self.cwd = skim.cwd.map(|cwd| cwd.decode().into_owned());
        }
        update(&mut self.branch, skim.branch);
        update(&mut self.model, skim.model);
        if let Some(usage) = skim.usage.filter(|_| !copied) {
            self.count(usage);
        }
        if let (0, Link::Node { id, .. }) = (self.first, skim.link) {
            self.first = id;
        }
        if let Some(id) = skim.id {
            self.tip.clear();
            self.tip.push_str(&id.decode());
        }
    }

    /// What follows is the file of a fork that does not say so itself.
    pub fn fork_of(&mut self, origin: &str) {
        self.fork = true;
        self.forked_from = Some(origin.to_owned());
    }

    fn take_rare(&mut self, rare: &Rare<'_>) {
        let keep = |text: Text<'_>| Some(text.decode().into_owned());
        if let Some(text) = rare.user_title {
            // An emptied title is a title taken back.
            self.user_title = Some(title(text)).filter(|text| !text.is_empty());
        }
        if let Some(text) = rare.agent_title {
            self.agent_title = Some(title(text)).filter(|text| !text.is_empty());
        }
        if let Some((id, text)) = rare.title_of {
            self.titles.push((id.decode().into_owned(), title(text)));
        }
        if let Some(born) = rare.born
            && self.started.is_none()
        {
            self.born = self.born.or(Some(born));
        }
        if let Some(from) = rare.forked_from
            && self.forked_from.is_none()
        {
            self.forked_from = keep(from);
        }
        if let Some(parent) = rare.parent {
            self.parent = keep(parent);
        }
        if let Some(session) = rare.session
            && self.session.is_none()
        {
            self.session = keep(session);
        }
        self.side |= rare.side;
        self.cost_usd = rare.cost_usd.or(self.cost_usd);
        if let Some(totals) = rare.totals {
            self.tokens = totals;
            self.replies.clear();
        }
        self.headless = match (self.headless, rare.headless) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (before, now) => now.or(before),
        };
    }

    /// Counts a reply once, however often its usage is told: the largest counts.
    fn count(&mut self, Usage { key, tokens }: Usage) {
        let told = [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write];
        if let Some((_, kept)) = self.replies.iter_mut().rev().find(|(known, _)| *known == key) {
            if told.iter().sum::<u64>() >= kept.iter().sum() {
                *kept = told;
            }
            return;
        }
        if self.replies.len() >= OPEN_REPLIES {
            let (_, oldest) = self.replies.remove(0);
            add(&mut self.tokens, oldest);
        }
        self.replies.push((key, told));
    }

    /// Counts a line that could not be read.
    pub fn spoilt(&mut self, number: u64) {
        self.unreadable += 1;
        if self.bad_lines.len() < BAD_LINES {
            self.bad_lines.push(number);
        }
    }

    /// A title that lay in the file but names a record of this very session.
    pub fn adopt_title(&mut self, text: String) {
        if self.agent_title.is_none() {
            self.agent_title = Some(text);
        }
    }

    /// Usage so far.
    pub fn tokens(&self) -> Tokens {
        let mut sum = self.tokens;
        for (_, reply) in &self.replies {
            add(&mut sum, *reply);
        }
        sum
    }

    /// The session that they describe.
    pub fn session(&self, unit: &Unit, identity: &Identity) -> Session {
        let mut session = Session::new(identity.key.clone(), unit.path.clone());
        let given = identity.title.as_deref();
        session.title = match (&self.user_title, self.agent_title.as_deref().or(given), &self.prompt) {
            (Some(text), _, _) => Title::new(text, TitleSource::User),
            (None, Some(text), _) => Title::new(text, TitleSource::Agent),
            (None, None, Some(text)) => Title::new(text, TitleSource::Prompt),
            (None, None, None) => Title::default(),
        };
        session.cwd = self.cwd.as_deref().unwrap_or_default().into();
        session.branch = self.branch.as_deref().filter(|branch| !branch.is_empty()).map(Into::into);
        session.model = self.model.as_deref().map(Into::into);
        session.started_at = self.started;
        session.last_activity = self.last.or(Some(Time::from_millis(unit.stamp.mtime_millis())));
        session.turns = self.turns;
        session.messages = self.messages;
        session.tokens = self.tokens();
        session.cost_usd = self.cost_usd;
        session.bytes = unit.stamp.size;
        session.parent = identity.parent.clone().or_else(|| self.parent.as_deref().map(Into::into));
        if identity.subagent && session.parent.is_none() {
            session.parent = self.session.as_deref().map(Into::into);
        }
        session.forked_from = self.forked_from.as_deref().map(Into::into);
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
        };
        session
    }
}

fn add(sum: &mut Tokens, [input, output, cache_read, cache_write]: [u64; 4]) {
    *sum += Tokens { input, output, cache_read, cache_write };
}

fn title(text: Text<'_>) -> String {
    Title::new(&text.head(TITLE_BYTES), TitleSource::Prompt).text.to_string()
}

/// Keeps the last value seen; a repeated one costs a comparison.
fn update(kept: &mut Option<String>, seen: Option<Text<'_>>) {
    let Some(seen) = seen else { return };
    if kept.as_ref().is_none_or(|kept| kept.as_bytes() != seen.0) {
        *kept = Some(seen.decode().into_owned());
    }
}

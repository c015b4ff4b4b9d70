//! What an agent must tell about its lines so that the shared machinery can do the rest.

use std::sync::Arc;

use super::pull::{Malformed, Text};
use crate::agent::Unit;
use crate::domain::{Entry, EntryKind, Event, Key, Session, SessionKey, Time, Tokens};

/// The language of one agent's lines. It may hold what concerns one file (is it a sub-agent's? which dialect?).
///
/// [`skim`](Self::skim) decides alone how many entries a line makes; [`decode`](Self::decode) only fills them in. So
/// a summary's count and what a reading yields cannot differ.
pub trait Dialect: Send + Sync {
    /// What matters in a line, without decoding texts. Called for every line of a file: it has to be fast.
    /// `offset` is the line's place in its file, an identity for records that have none.
    fn skim<'a>(&self, line: &'a [u8], offset: u64) -> Result<Skim<'a>, Malformed>;

    /// The events for some of the entries that `skim` found in this line. Events of a mark carry its key; events that
    /// match none of the marks are dropped.
    fn decode(&self, line: &[u8], marks: &[Mark], sink: &mut dyn FnMut(Event));

    /// Updates of tool calls (and usage, by key) that this line tells; updates of calls that are not wanted are
    /// dropped by the caller.
    fn decode_results(&self, line: &[u8], sink: &mut dyn FnMut(Event));

    /// A last touch to a folded entry, where call and result together tell more than each.
    fn finish(&self, _entry: &mut Entry) {}

    /// The sessions of sub-agents that stand in the file of `session`; asked for only where [`Rare::side`] was told.
    fn side_sessions(&self, _unit: &Unit, _session: &Session) -> Vec<Session> {
        Vec::new()
    }
}

/// What a line tells. All of it optional: an agent fills in what it has.
#[derive(Debug, Default)]
pub struct Skim<'a> {
    /// How the line belongs to the conversation.
    pub link: Link,
    /// The record's id, for [`Session::tip`](crate::domain::Session::tip).
    pub id: Option<Text<'a>>,
    /// The entries that it makes, in order.
    pub marks: Vec<Mark>,
    /// Tool calls that it tells more about: [`Text::hash`] of their ids.
    pub results: Vec<ResultMark>,
    /// Real prompts in it: 0 or 1.
    pub turns: u32,
    /// Text of the prompt, a candidate for the title. Only its head is decoded.
    pub prompt: Option<Text<'a>>,
    /// When.
    pub time: Option<Time>,
    /// The working directory.
    pub cwd: Option<Text<'a>>,
    /// The branch.
    pub branch: Option<Text<'a>>,
    /// The model that answered.
    pub model: Option<Text<'a>>,
    /// A reply's usage.
    pub usage: Option<Usage>,
    /// Facts that few lines have.
    pub rare: Option<Box<Rare<'a>>>,
}

impl<'a> Skim<'a> {
    /// The rare facts, made on demand.
    pub fn rare(&mut self) -> &mut Rare<'a> {
        self.rare.get_or_insert_default()
    }
}

/// Facts that few lines have.
#[derive(Debug, Default)]
pub struct Rare<'a> {
    /// A title that the user gave.
    pub user_title: Option<Text<'a>>,
    /// A title that the agent made up.
    pub agent_title: Option<Text<'a>>,
    /// A title for the session, here or elsewhere, whose record has this id.
    pub title_of: Option<(Text<'a>, Text<'a>)>,
    /// The newest leaf, as the agent tells it.
    pub leaf: Option<u64>,
    /// The session that this record was copied from: its usage was counted there.
    pub forked_from: Option<Text<'a>>,
    /// When the process that writes this file started: records before were copied.
    pub born: Option<Time>,
    /// The session whose sub-agent this is.
    pub parent: Option<Text<'a>>,
    /// Total cost so far in US dollars.
    pub cost_usd: Option<f64>,
    /// Totals so far: they replace what was counted.
    pub totals: Option<Tokens>,
    /// A prompt's origin: `true` for a program, `false` for a person. A person once is a person for all.
    pub headless: Option<bool>,
    /// The session id that the file claims.
    pub session: Option<Text<'a>>,
    /// The line is a sub-agent's, whose conversation stands in this file too.
    pub side: bool,
}

/// How a line belongs to the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Not at all: it tells facts only.
    #[default]
    Aside,
    /// In file order: formats without a tree.
    Linear,
    /// A node of a tree.
    Node {
        /// [`Text::hash`] of its id.
        id: u64,
        /// What it follows.
        parent: Parent,
        /// Records of one reply share it and are never taken apart; 0: none.
        group: u64,
        /// It only carries tools' results: it belongs to the reply that it follows.
        result: bool,
    },
}

/// What a node follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// Nothing: a root.
    Root,
    /// The record of that id; if there is none, the one before it in the file.
    Id(u64),
    /// The record before it in the file.
    Previous,
}

/// An entry that a line makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its identity.
    pub key: Key,
    /// Its kind.
    pub kind: EntryKind,
    /// Which of the record's blocks it is.
    pub block: u32,
    /// [`Text::hash`] of the tool call's id; 0 where it is none.
    pub tool: u64,
    /// It tells of an error.
    pub error: bool,
}

/// A line tells more about a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultMark {
    /// [`Text::hash`] of the call's id.
    pub tool: u64,
    /// It tells that the call failed.
    pub error: bool,
}

/// A reply's usage. Told several times with the same key, the largest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Which reply.
    pub key: u64,
    /// How much.
    pub tokens: Tokens,
}

/// What the summary of a file cannot know from its lines.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The session.
    pub key: SessionKey,
    /// A sub-agent's.
    pub subagent: bool,
    /// Its parent, where the file's place tells it.
    pub parent: Option<Arc<str>>,
    /// A title known from elsewhere, weaker than all in the file but stronger than the first prompt.
    pub title: Option<String>,
}

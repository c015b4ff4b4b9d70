//! Filters: what they are called, what values they take, and which sessions pass those that a session can answer.

use std::sync::Arc;

use super::When;
use super::fold::{Case, fold};
use crate::domain::{Agent, EntryKind, Role, Session, State, Time};

/// A filter's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the filter of that name, explained by `hint`")]
pub enum Field {
    Agent,
    Dir,
    Workspace,
    Branch,
    Model,
    Role,
    Kind,
    Tool,
    File,
    Exit,
    Before,
    Since,
    On,
    Turns,
    Tokens,
    Is,
    Has,
    Id,
}

impl Field {
    /// All of them, with the name that is typed and a hint for the completion.
    pub const ALL: [(Self, &'static str, &'static str); 18] = [
        (Self::Agent, "agent", "whose session: claude, codex …"),
        (Self::Dir, "dir", "began in this directory, or below a path"),
        (Self::Workspace, "workspace", "of this workspace"),
        (Self::Branch, "branch", "last on this branch"),
        (Self::Model, "model", "answered by this model"),
        (Self::Role, "role", "said by user, assistant or system"),
        (Self::Kind, "kind", "in a prompt, text, thinking, tool …"),
        (Self::Tool, "tool", "within calls of this tool"),
        (Self::File, "file", "touched this file"),
        (Self::Exit, "exit", "a command ended with this code"),
        (Self::Before, "before", "active before: 2d, 2026-11-01"),
        (Self::Since, "since", "active since: 2d, yesterday, 2026-11-01"),
        (Self::On, "on", "active on this day: today, 2026-11-01"),
        (Self::Turns, "turns", "number of prompts: >5, 2..10"),
        (Self::Tokens, "tokens", "tokens used: <100k, >1m"),
        (Self::Is, "is", "live, subagent, headless, fork, error, star, empty"),
        (Self::Has, "has", "error, diff, image, plan"),
        (Self::Id, "id", "id begins with"),
    ];

    /// The filter of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name)).map(|(field, ..)| field)
    }

    /// The name that is typed.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(field, ..)| *field == self).map_or("", |(_, name, _)| name)
    }

    /// The filter that was probably meant by a name of at least four letters that is one slip away.
    pub fn mistyped(name: &str) -> Option<Self> {
        let plausible = name.len() >= 3 && name.len() <= 10 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        let close = |known: &str| known.len() >= 4 && super::fold::within_one_slip(known, &name.to_ascii_lowercase());
        Self::ALL.into_iter().find(|(_, known, _)| plausible && close(known)).map(|(field, ..)| field)
    }
}

/// A filter with its values; any one of them suffices.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the filter of that name, explained by `Field::ALL`")]
pub enum Filter {
    Agent(Vec<Agent>),
    Dir(Vec<String>),
    Workspace(Vec<String>),
    Branch(Vec<String>),
    Model(Vec<String>),
    Role(Vec<Role>),
    Kind(Vec<EntryKind>),
    Tool(Vec<String>),
    File(Vec<String>),
    Exit(Vec<Numbers>),
    Before(Vec<When>),
    Since(Vec<When>),
    On(Vec<When>),
    Turns(Vec<Numbers>),
    Tokens(Vec<Numbers>),
    Is(Vec<Is>),
    Has(Vec<Has>),
    Id(Vec<String>),
    Tag(Vec<String>),
}

/// A range of numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Smallest.
    pub from: u64,
    /// Largest.
    pub to: u64,
}

impl Numbers {
    /// Reads `5`, `>5`, `>=5`, `<5`, `<=5`, `=5`, `2..10`; numbers may end in `k`, `m` or `g`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let (digits, unit) = match text.char_indices().next_back()? {
                (at, 'k' | 'K') => (&text[..at], 1_000),
                (at, 'm' | 'M') => (&text[..at], 1_000_000),
                (at, 'g' | 'G') => (&text[..at], 1_000_000_000),
                _ => (text, 1),
            };
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(unit)
        };
        if let Some((from, to)) = text.split_once("..") {
            return Some(Self { from: number(from)?, to: if to.is_empty() { u64::MAX } else { number(to)? } });
        }
        let range = |from, to| Some(Self { from, to });
        match text.as_bytes() {
            [b'>', b'=', ..] => range(number(&text[2..])?, u64::MAX),
            [b'<', b'=', ..] => range(0, number(&text[2..])?),
            [b'>', ..] => range(number(&text[1..])?.checked_add(1)?, u64::MAX),
            [b'<', ..] => range(0, number(&text[1..])?.checked_sub(1)?),
            [b'=', ..] => number(&text[1..]).and_then(|n| range(n, n)),
            _ => number(text).and_then(|n| range(n, n)),
        }
    }

    /// Whether a number lies in it.
    pub fn holds(self, number: u64) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

/// Values of `is:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the value of that name")]
pub enum Is {
    Live,
    Subagent,
    Headless,
    Fork,
    Error,
    Star,
    Empty,
}

impl Is {
    /// All of them, by the word that is typed.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Live, "live"),
        (Self::Subagent, "subagent"),
        (Self::Headless, "headless"),
        (Self::Fork, "fork"),
        (Self::Error, "error"),
        (Self::Star, "star"),
        (Self::Empty, "empty"),
    ];
}

/// Values of `has:`; also what `is:error` asks of a session's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the value of that name")]
pub enum Has {
    Error,
    Diff,
    Image,
    Plan,
}

impl Has {
    /// All of them, by the word that is typed.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Error, "error"), (Self::Diff, "diff"), (Self::Image, "image"), (Self::Plan, "plan")];
}

/// Roles by the word that is typed.
pub const ROLES: [(Role, &str); 3] = [(Role::User, "user"), (Role::Assistant, "assistant"), (Role::System, "system")];

/// Kinds of entries by the word that is typed.
pub const KINDS: [(EntryKind, &str); 8] = [
    (EntryKind::Prompt, "prompt"),
    (EntryKind::Text, "text"),
    (EntryKind::Thinking, "thinking"),
    (EntryKind::Tool, "tool"),
    (EntryKind::Notice, "notice"),
    (EntryKind::Plan, "plan"),
    (EntryKind::Image, "image"),
    (EntryKind::Other, "other"),
];

/// What is known beside the session itself when filters are asked.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// The present moment.
    pub now: Time,
    /// The time zone in which days begin; `None`: UTC.
    pub zone: Option<&'a jiff::tz::TimeZone>,
    /// The home directory, for `dir:~/src`.
    pub home: &'a str,
    /// The session has a star.
    pub starred: bool,
    /// The session's tags.
    pub tags: &'a [Arc<str>],
}

/// What a filter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The session: [`Filter::admits`] answers.
    Session,
    /// The texts in which needles may stand: `role:`, `kind:`, `tool:`.
    Scope,
    /// What must occur somewhere in the session: `file:`, `exit:`, `has:`.
    Occurrence,
}

impl Filter {
    /// What it is about. `is:error` is about both; it counts as an occurrence.
    pub fn about(&self) -> About {
        match self {
            Self::Role(_) | Self::Kind(_) | Self::Tool(_) => About::Scope,
            Self::File(_) | Self::Exit(_) | Self::Has(_) => About::Occurrence,
            Self::Is(values) if values.contains(&Is::Error) => About::Occurrence,
            _ => About::Session,
        }
    }

    /// Whether a session passes, for a filter [`About::Session`]; any other says yes.
    pub fn admits(&self, session: &Session, facts: &Facts<'_>) -> bool {
        let active = session.last_activity.unwrap_or_default();
        let began = session.started_at.unwrap_or(active);
        match self {
            Self::Agent(agents) => agents.contains(&session.key.agent),
            Self::Dir(dirs) => dirs.iter().any(|dir| in_directory(&session.cwd, dir, facts.home)),
            Self::Workspace(names) => names.iter().any(|name| in_directory(&session.workspace, name, facts.home)),
            Self::Branch(names) => any_within(session.branch.as_deref(), names),
            Self::Model(names) => any_within(session.model.as_deref(), names),
            Self::Before(whens) => whens.iter().any(|when| began < when.range(facts).0),
            Self::Since(whens) => whens.iter().any(|when| active >= when.range(facts).0),
            Self::On(whens) => whens.iter().any(|when| {
                let (from, to) = when.range(facts);
                active >= from && began < to
            }),
            Self::Turns(ranges) => ranges.iter().any(|range| range.holds(u64::from(session.turns))),
            Self::Tokens(ranges) => ranges.iter().any(|range| range.holds(session.tokens.total())),
            Self::Is(values) => values.iter().any(|value| value.admits(session, facts)),
            Self::Id(ids) => ids.iter().any(|id| session.key.id.starts_with(id.as_str())),
            Self::Tag(tags) => tags.iter().any(|tag| facts.tags.iter().any(|known| known.eq_ignore_ascii_case(tag))),
            Self::Role(_) | Self::Kind(_) | Self::Tool(_) | Self::File(_) | Self::Exit(_) | Self::Has(_) => true,
        }
    }
}

impl Is {
    /// Whether it holds for a session; errors are not known to a session, only to its texts.
    pub fn admits(self, session: &Session, facts: &Facts<'_>) -> bool {
        match self {
            Self::Live => session.state != State::Past,
            Self::Subagent => session.flags.subagent,
            Self::Headless => session.flags.headless,
            Self::Fork => session.flags.fork || session.forked_from.is_some(),
            Self::Empty => session.flags.empty,
            Self::Star => facts.starred,
            Self::Error => false,
        }
    }
}

/// A path names a directory and all below it; anything else a part of the path, in any case.
fn in_directory(path: &str, wanted: &str, home: &str) -> bool {
    let absolute = match wanted.strip_prefix('~') {
        Some(rest) => format!("{home}{rest}"),
        None => wanted.to_owned(),
    };
    if absolute.starts_with('/') {
        return std::path::Path::new(path).starts_with(absolute);
    }
    any_within(Some(path), std::slice::from_ref(&absolute))
}

fn any_within(text: Option<&str>, wanted: &[String]) -> bool {
    let Some(text) = text else { return false };
    let text = fold(text, Case::Ignored);
    wanted.iter().any(|wanted| text.contains(&fold(wanted, Case::Ignored)))
}

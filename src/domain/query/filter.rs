//! Filters: names, values, and the evaluation of those that concern session metadata.

use super::TimeSpec;
pub use super::filter_context::FilterContext;
use super::fold::{Case, fold};
use crate::domain::{Agent, EntryKind, Role, Session, SessionState};

/// Key of a filter, such as `agent` in `agent:claude`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the filter of that name, explained by `hint`")]
pub enum FilterKey {
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
    Tag,
    Note,
    Host,
    Id,
}

impl FilterKey {
    /// Every key with its name and a hint for completion.
    pub const ALL: [(Self, &'static str, &'static str); 21] = [
        (Self::Agent, "agent", "agent: claude, codex …"),
        (Self::Dir, "dir", "started in this directory or below"),
        (Self::Workspace, "workspace", "in this workspace"),
        (Self::Branch, "branch", "last on this branch"),
        (Self::Model, "model", "answered by this model"),
        (Self::Role, "role", "written by user, assistant or system"),
        (Self::Kind, "kind", "prompt, text, thinking, tool …"),
        (Self::Tool, "tool", "calls of this tool"),
        (Self::File, "file", "accessed this file"),
        (Self::Exit, "exit", "exit code of a command"),
        (Self::Before, "before", "started before: 2d, 2026-11-01"),
        (Self::Since, "since", "active since: 2d, yesterday, 2026-11-01"),
        (Self::On, "on", "active on this day: today, 2026-11-01"),
        (Self::Turns, "turns", "number of prompts: >5, 2..10"),
        (Self::Tokens, "tokens", "tokens used: <100k, >1m"),
        (Self::Is, "is", "live, subagent, headless, fork, error, star, empty"),
        (Self::Has, "has", "error, diff, image, plan"),
        (Self::Tag, "tag", "has this tag; #name for short"),
        (Self::Note, "note", "note contains"),
        (Self::Host, "host", "on this machine or container; local for this one"),
        (Self::Id, "id", "id starts with"),
    ];

    /// Finds a key by its name, ignoring case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name)).map(|(key, ..)| key)
    }

    /// Name in the query language.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(key, ..)| *key == self).map_or("", |(_, name, _)| name)
    }

    /// Finds the key whose name, of at least four letters, is one edit away from `name`.
    pub fn from_typo(name: &str) -> Option<Self> {
        let plausible = name.len() >= 3 && name.len() <= 10 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        // A short name with another first letter is another word: `cost` is no typo of `host`.
        let begins_alike = |known: &str| known.len() > 4 || name[..1].eq_ignore_ascii_case(&known[..1]);
        let close = |known: &str| {
            known.len() >= 4 && begins_alike(known) && super::fold::within_one_edit(known, &name.to_ascii_lowercase())
        };
        Self::ALL.into_iter().find(|(_, known, _)| plausible && close(known)).map(|(key, ..)| key)
    }
}

/// A filter with its values; one matching value suffices.
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
    Exit(Vec<NumberRange>),
    Before(Vec<TimeSpec>),
    Since(Vec<TimeSpec>),
    On(Vec<TimeSpec>),
    Turns(Vec<NumberRange>),
    Tokens(Vec<NumberRange>),
    Is(Vec<IsValue>),
    Has(Vec<HasValue>),
    Id(Vec<String>),
    Tag(Vec<String>),
    Note(Vec<String>),
    Host(Vec<String>),
}

/// Inclusive range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberRange {
    /// Lower bound.
    pub from: u64,
    /// Upper bound.
    pub to: u64,
}

impl NumberRange {
    /// Parses `5`, `>5`, `>=5`, `<5`, `<=5`, `=5`, `2..10`; numbers may end in `k`, `m` or `g`.
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

    /// Returns true if the range contains the number.
    pub fn contains(self, number: u64) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

/// Values of `is:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the value of that name")]
pub enum IsValue {
    Live,
    Subagent,
    Headless,
    Fork,
    Error,
    Star,
    Empty,
}

impl IsValue {
    /// Every value with its name in the query language.
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

/// Values of `has:`. `is:error` uses [`HasValue::Error`] on the texts of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the value of that name")]
pub enum HasValue {
    Error,
    Diff,
    Image,
    Plan,
}

impl HasValue {
    /// Every value with its name in the query language.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Error, "error"), (Self::Diff, "diff"), (Self::Image, "image"), (Self::Plan, "plan")];
}

/// Roles with their names in the query language.
pub const ROLES: [(Role, &str); 3] = [(Role::User, "user"), (Role::Assistant, "assistant"), (Role::System, "system")];

/// Kinds of entries with their names in the query language.
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

/// Name of this machine in `host:`.
pub const LOCAL_HOST: &str = "local";

/// Target of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterTarget {
    /// Session metadata, evaluated by [`Filter::admits`].
    Session,
    /// Texts in which needles may match: `role:`, `kind:`, `tool:`.
    Scope,
    /// Content that must occur anywhere in the session: `file:`, `exit:`, `has:`.
    Occurrence,
}

impl Filter {
    /// Target of the filter. `is:error` concerns metadata and content; it counts as an occurrence.
    pub fn target(&self) -> FilterTarget {
        match self {
            Self::Role(_) | Self::Kind(_) | Self::Tool(_) => FilterTarget::Scope,
            Self::File(_) | Self::Exit(_) | Self::Has(_) => FilterTarget::Occurrence,
            Self::Is(values) if values.contains(&IsValue::Error) => FilterTarget::Occurrence,
            _ => FilterTarget::Session,
        }
    }

    /// Returns true if a session passes a filter with [`FilterTarget::Session`]. Other filters always pass.
    pub fn admits(&self, session: &Session, facts: &FilterContext<'_>) -> bool {
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
            Self::Turns(ranges) => ranges.iter().any(|range| range.contains(u64::from(session.turns))),
            Self::Tokens(ranges) => ranges.iter().any(|range| range.contains(session.tokens.total())),
            Self::Is(values) => values.iter().any(|value| value.admits(session)),
            Self::Id(ids) => ids.iter().any(|id| session.key.id.starts_with(id.as_str())),
            Self::Tag(tags) => tags.iter().any(|tag| session.tags().iter().any(|known| same_tag(known, tag))),
            Self::Note(texts) => any_within(session.note(), texts),
            Self::Host(names) => {
                let own = if facts.host.is_empty() { LOCAL_HOST } else { facts.host };
                let host = session.key.host.as_deref().unwrap_or(own);
                names.iter().any(|name| name.eq_ignore_ascii_case(host))
            }
            Self::Role(_) | Self::Kind(_) | Self::Tool(_) | Self::File(_) | Self::Exit(_) | Self::Has(_) => true,
        }
    }
}

impl IsValue {
    /// Returns true if a session has the value. Errors are visible in the texts only, so `error` is always false.
    pub fn admits(self, session: &Session) -> bool {
        match self {
            Self::Live => session.state != SessionState::Past,
            Self::Subagent => session.flags.subagent,
            Self::Headless => session.flags.headless,
            Self::Fork => session.flags.fork || session.forked_from.is_some(),
            Self::Empty => session.flags.empty,
            Self::Star => session.is_starred(),
            Self::Error => false,
        }
    }
}

/// A path matches a directory and everything below; any other text matches a part of the path, ignoring case.
fn in_directory(path: &str, value: &str, home: &str) -> bool {
    let absolute = match value.strip_prefix('~') {
        Some(rest) => format!("{home}{rest}"),
        None => value.to_owned(),
    };
    if absolute.starts_with('/') {
        return std::path::Path::new(path).starts_with(absolute);
    }
    any_within(Some(path), std::slice::from_ref(&absolute))
}

fn same_tag(known: &str, tag: &str) -> bool {
    fold(known, Case::Ignored) == fold(tag.strip_prefix('#').unwrap_or(tag), Case::Ignored)
}

fn any_within(text: Option<&str>, value: &[String]) -> bool {
    let Some(text) = text else { return false };
    let text = fold(text, Case::Ignored);
    value.iter().any(|value| text.contains(&fold(value, Case::Ignored)))
}

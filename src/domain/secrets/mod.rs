//! Secrets in texts: keys, tokens and passwords of known formats, and their masking.
//!
//! One automaton finds the prefixes of all formats, and the rule of a format checks what follows; there is no regular
//! expression, so the time is linear. Must not decide which texts are masked.

mod cookie;
pub mod entry;
mod formats;
mod name;
mod pair;
mod setting;
mod shape;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use formats::{FORMATS, SecretFormat};
use shape::Shape;

use crate::stdx::text::{boundary_before, first_chars};

/// Replacement of a secret. Its length is always the same, so that it tells nothing about the secret.
pub const MASK: &str = "••••••••";

/// Maximum bytes after a cut that are looked at, because tokens have at most a few kilobytes.
const MAX_REST: usize = 4 << 10;

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Bytes that must not be shown. A prefix that names the format is not among them.
    pub range: Range<usize>,
    /// Name of the format.
    pub kind: &'static str,
}

/// Numbers of different masked secrets by the name of their format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretCounts {
    kinds: BTreeMap<&'static str, usize>,
    /// Hashes of the counted secrets, because a secret is repeated in the input and the output of a tool.
    counted: HashSet<u64>,
}

impl SecretCounts {
    /// Returns the number of all secrets.
    pub fn total(&self) -> usize {
        self.kinds.values().sum()
    }

    /// Returns true if there is no secret.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Iterates the names of the formats with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.kinds.iter().map(|(kind, count)| (*kind, *count))
    }

    /// Describes the secrets: `2 secrets masked: GitHub token, private key`. `None` if there are none.
    pub fn describe(&self) -> Option<String> {
        match self.total() {
            0 => None,
            1 => Some(format!("1 secret masked: {self}")),
            total => Some(format!("{total} secrets masked: {self}")),
        }
    }

    /// Adds the numbers of another text.
    pub fn add(&mut self, other: &Self) {
        other.iter().for_each(|(kind, count)| *self.kinds.entry(kind).or_default() += count);
        self.counted.extend(&other.counted);
    }

    fn count(&mut self, kind: &'static str, secret: &str) {
        let mut hasher = DefaultHasher::new();
        secret.hash(&mut hasher);
        if self.counted.insert(hasher.finish()) {
            *self.kinds.entry(kind).or_default() += 1;
        }
    }
}

/// Lists the formats: `GitHub token (2), private key`.
impl fmt::Display for SecretCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, count)) in self.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            match count {
                1 => write!(f, "{separator}{kind}")?,
                count => write!(f, "{separator}{kind} ({count})")?,
            }
        }
        Ok(())
    }
}

/// Finds the secrets of a text, ascending and without overlaps. Allocates nothing if there is none.
pub fn find(text: &str) -> Vec<Secret> {
    let finder = &*FINDER;
    let mut found: Vec<Secret> = Vec::new();
    // The format of the last secret says more about its place than about itself.
    let mut last_is_general = false;
    let (mut at, mut cookies_end) = (0, 0);
    while let Some(hit) = finder.prefixes.find(Input::new(text).range(at..)) {
        at = hit.end();
        let format = &FORMATS[finder.owners[hit.pattern().as_usize()]];
        if matches!(format.shape, Shape::Cookies) {
            if hit.start() >= found.last().map_or(0, |last| last.range.end).max(cookies_end) {
                let (values, end) = cookie::values(text, hit.range());
                cookies_end = end;
                last_is_general |= !values.is_empty();
                found.extend(values.into_iter().map(|range| Secret { range, kind: format.name }));
            }
            continue;
        }
        let Some(range) = format.check(text, hit.range()) else {
            // Another prefix may begin within this one: `api_key` after the first letter of `napi_`.
            at = hit.start() + 1;
            continue;
        };
        let is_general = format.is_general();
        match found.last_mut() {
            Some(last) if range.start < last.range.end => {
                if last_is_general && !is_general && range.end == last.range.end {
                    *last = Secret { range, kind: format.name };
                    last_is_general = false;
                }
            }
            Some(_) | None => {
                found.push(Secret { range, kind: format.name });
                last_is_general = is_general;
            }
        }
    }
    for range in shape::discord_tokens(text) {
        let at = found.partition_point(|secret| secret.range.end <= range.start);
        if found.get(at).is_none_or(|next| range.end <= next.range.start) {
            found.insert(at, Secret { range, kind: formats::DISCORD });
        }
    }
    found
}

/// Returns the first characters of a text. If a secret continues after them, or what follows says that it is one, they end
/// where it begins, because a part of a secret would not be found.
pub fn cut(text: &str, count: usize) -> &str {
    let start = first_chars(text, count);
    if start.len() == text.len() {
        return text;
    }
    let near = &text[..boundary_before(text, start.len() + MAX_REST)];
    let across = find(near).into_iter().find(|secret| secret.range.end >= start.len());
    across.map_or(start, |secret| &text[..secret.range.start.min(start.len())])
}

/// Replaces the secrets of a text and counts them. Borrows the text if there is none.
pub fn mask<'t>(text: &'t str, counts: &mut SecretCounts) -> Cow<'t, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
    for Secret { range, kind } in found {
        masked.push_str(&text[end..range.start]);
        masked.push_str(MASK);
        counts.count(kind, &text[range.clone()]);
        end = range.end;
    }
    masked.push_str(&text[end..]);
    Cow::Owned(masked)
}

/// Replaces the secrets of an owned text in place and counts them.
pub fn mask_in_place(text: &mut String, counts: &mut SecretCounts) {
    if let Cow::Owned(masked) = mask(text, counts) {
        *text = masked;
    }
}

/// Automaton of the prefixes, and the index of each prefix's format.
struct Finder {
    prefixes: AhoCorasick,
    owners: Vec<usize>,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let rows = FORMATS.iter().enumerate();
    let all = rows.flat_map(|(at, format)| format.prefixes.iter().map(move |prefix| (at, *prefix)));
    let (owners, prefixes): (Vec<_>, Vec<_>) = all.unzip();
    let prefixes = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::LeftmostLongest)
        .ascii_case_insensitive(true)
        .build(prefixes)
        .unwrap_or_else(|error| unreachable!("the table of formats is small: {error}"));
    Finder { prefixes, owners }
});

impl SecretFormat {
    /// Returns the secret part of a candidate whose prefix was found in any case.
    fn check(&self, text: &str, prefix: Range<usize>) -> Option<Range<usize>> {
        let is_exact = || self.prefixes.contains(&&text[prefix.clone()]);
        let is_filled = |range: &Range<usize>| !setting::is_placeholder(&text[range.clone()]);
        match &self.shape {
            Shape::Token { chars, length } if is_exact() => shape::token(text, prefix, *chars, length),
            Shape::Jwt if is_exact() => shape::jwt(text, prefix),
            Shape::PrivateKey if is_exact() => shape::private_key(text, prefix),
            Shape::Header => shape::header(text, prefix).filter(is_filled),
            Shape::TelegramToken if is_exact() => shape::telegram_token(text, prefix),
            Shape::AzureSecret if is_exact() => shape::azure_secret(text, prefix),
            Shape::UserPassword => shape::user_password(text, prefix).filter(is_filled),
            Shape::UrlPassword => shape::url_password(text, prefix),
            Shape::Setting => setting::value(text, prefix.clone()).or_else(|| pair::value(text, prefix)),
            Shape::Crypt { length } if is_exact() => shape::crypt(text, prefix, length),
            Shape::Crypt { .. }
            | Shape::Cookies
            | Shape::Token { .. }
            | Shape::Jwt
            | Shape::PrivateKey
            | Shape::TelegramToken
            | Shape::AzureSecret => None,
        }
    }

    /// Returns true for a format that describes the place of a secret, which may have a format of its own.
    fn is_general(&self) -> bool {
        matches!(self.shape, Shape::Header | Shape::UrlPassword | Shape::UserPassword | Shape::Setting)
    }
}

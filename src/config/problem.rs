//! Problems in a configuration file, with the key and its line.

use std::fmt::{Display, Formatter, Result};

use toml::de::DeTable;

/// Maximum syntax errors that are reported, because one often causes others.
const MAX_SYNTAX_ERRORS: usize = 8;

/// An invalid value, an unknown key, or a syntax error. The default applies instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Full key with its tables: `keys.list.open`; empty for a syntax error.
    pub key: String,
    /// Line from 1, if it is known.
    pub line: Option<u64>,
    /// Description with the remedy.
    pub message: String,
}

impl ConfigProblem {
    /// Creates a problem of a key, whose line is not known yet.
    pub(super) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), line: None, message: message.into() }
    }
}

impl Display for ConfigProblem {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.key.as_str() {
            "" => f.write_str(&self.message),
            key => write!(f, "{key}: {}", self.message),
        }
    }
}

/// Returns the syntax errors of a text.
pub(super) fn syntax_errors(text: &str) -> Vec<ConfigProblem> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let problem = |error: &toml::de::Error| ConfigProblem {
        key: String::new(),
        line: Some(error.span().map_or(1, |span| line_at(text, span.start))),
        message: format!("{}; the defaults apply", error.message()),
    };
    if errors.is_empty() {
        // Values are converted only when they are read: a number may be too large.
        return text.parse::<toml::Table>().err().iter().map(problem).collect();
    }
    errors.iter().take(MAX_SYNTAX_ERRORS).map(problem).collect()
}

/// Sets the lines of problems in a text without syntax errors.
pub(super) fn locate(text: &str, problems: &mut [ConfigProblem]) {
    let Ok(table) = DeTable::parse(text) else { return };
    for problem in problems {
        problem.line = offset_of(table.get_ref(), &problem.key).map(|at| line_at(text, at));
    }
}

/// Byte offset of a key, or of the last known table of its path.
fn offset_of(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == first)?;
    let below = rest.and_then(|rest| offset_of(value.get_ref().as_table()?, rest));
    Some(below.unwrap_or(name.span().start))
}

fn line_at(text: &str, offset: usize) -> u64 {
    let lines = text.get(..offset).unwrap_or(text).matches('\n').count();
    u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1)
}

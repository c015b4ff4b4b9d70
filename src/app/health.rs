//! Damage of sessions, from the problems that their readers found.

use crate::domain::{Issue, Session};
use crate::stdx::text::one_line;

/// Maximum number of kinds of damage in a line.
const MAX_KINDS: usize = 3;

/// Returns true if records of a session are damaged or missing.
pub fn is_damaged(session: &Session, issues: &[Issue]) -> bool {
    reasons(session, issues).next().is_some()
}

/// Describes the damage of a session: `torn record, read as far as it goes; 3 × several records in one line`. `None` if
/// there is none.
pub fn damage(session: &Session, issues: &[Issue]) -> Option<String> {
    describe(reasons(session, issues))
}

/// Describes problems by their reasons, each kind once with its number.
pub fn describe<'i>(reasons: impl Iterator<Item = &'i str>) -> Option<String> {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for reason in reasons {
        let reason = reason.strip_prefix("repaired: ").unwrap_or(reason);
        match kinds.iter_mut().find(|(kind, _)| *kind == reason) {
            Some((_, count)) => *count += 1,
            None => kinds.push((reason, 1)),
        }
    }
    let kind = |(kind, count): &(&str, usize)| match count {
        1 => one_line(kind),
        count => format!("{count} × {}", one_line(kind)),
    };
    let mut shown: Vec<_> = kinds.iter().take(MAX_KINDS).map(kind).collect();
    if kinds.len() > MAX_KINDS {
        shown.push(format!("{} other kinds", kinds.len() - MAX_KINDS));
    }
    (!shown.is_empty()).then(|| shown.join("; "))
}

/// Returns the reasons of the problems in a session's own records. Those of a database name the session.
fn reasons<'i>(session: &'i Session, issues: &'i [Issue]) -> impl Iterator<Item = &'i str> {
    let path = session.path.as_os_str();
    let is_shared = session.path.extension().is_some_and(|extension| extension == "db");
    let own = issues.iter().filter(move |issue| issue.path.as_os_str() == path);
    own.filter_map(move |issue| {
        if !is_shared {
            return Some(issue.reason.as_str());
        }
        issue.reason.strip_prefix("session ")?.strip_prefix(&*session.key.id)?.strip_prefix(": ")
    })
}

//! The problems overlay: each unreadable file with the reason.

use std::collections::HashMap;
use std::path::Path;

use super::scroll::Scroll;
use crate::domain::Issue;

/// State of the overlay. The issues are part of the catalog.
#[derive(Debug, Default)]
pub struct IssuesView {
    /// Scroll position.
    pub scroll: Scroll,
}

/// Problems of one file with one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EqualIssues<'a> {
    /// The first one.
    pub first: &'a Issue,
    /// Number of problems.
    pub count: usize,
    /// First and last line that they name.
    pub lines: Option<(u64, u64)>,
}

/// Groups problems of one file with one reason, wherever they are in the list. A group is at its first problem.
pub fn group<'a>(issues: impl Iterator<Item = &'a Issue>) -> Vec<EqualIssues<'a>> {
    let mut groups: Vec<EqualIssues<'a>> = Vec::new();
    let mut known: HashMap<(&Path, &str), usize> = HashMap::new();
    for issue in issues {
        let at = *known.entry((&issue.path, &issue.reason)).or_insert(groups.len());
        if at == groups.len() {
            groups.push(EqualIssues { first: issue, count: 0, lines: None });
        }
        let group = &mut groups[at];
        group.count += 1;
        if let Some(line) = issue.line {
            let (first, last) = group.lines.unwrap_or((line, line));
            group.lines = Some((first.min(line), last.max(line)));
        }
    }
    groups
}

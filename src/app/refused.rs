//! Notices about sessions that an action on several refused.

use super::ctx::Ctx;
use crate::stdx::text::{ellipsis, one_line};

/// Maximum columns of a title in a notice.
const TITLE_COLUMNS: usize = 40;

/// Reports refused sessions by their titles and reasons; those with the same reason in one notice. `verbs` are those of one
/// session and of several: `is not kept` and `are not kept`.
pub(super) fn report(refused: &[(String, String)], verbs: (&str, &str), ctx: &mut Ctx) {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (title, reason) in refused {
        match groups.iter_mut().find(|(known, _)| known == reason) {
            Some((_, titles)) => titles.push(title),
            None => groups.push((reason, vec![title])),
        }
    }
    for (reason, titles) in groups {
        ctx.notices.error(match titles.as_slice() {
            [title] => format!("\"{}\" {}: {reason}", short(title), verbs.0),
            several => format!("{} sessions {}: {reason}", several.len(), verbs.1),
        });
    }
}

/// Shortens a title for a notice.
pub(super) fn short(title: &str) -> String {
    ellipsis(&one_line(title), TITLE_COLUMNS)
}

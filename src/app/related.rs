//! Sessions that are related to the selected one: a dialog that opens one of them.

use super::age;
use super::ctx::Ctx;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::flow::Flow;
use super::layer::Layer;
use crate::domain::lineage::{self, Kinship};
use crate::domain::{Session, SessionKey};
use crate::stdx::text;

/// Maximum sessions in the dialog, because a longer list is what the search is for.
const MAX_SESSIONS: usize = 50;

/// Maximum characters of a title in the dialog.
const TITLE_CHARS: usize = 38;

/// Opens the dialog of the sessions that are related to a session.
pub(super) fn open(session: Option<SessionKey>, ctx: &mut Ctx) -> Flow {
    let session = session.and_then(|key| ctx.sessions.catalog.get(&key));
    let Some(session) = session else {
        ctx.notices.info("No session selected");
        return Flow::Stay;
    };
    let relatives = lineage::relatives(&ctx.sessions.catalog, session);
    if relatives.is_empty() {
        ctx.notices.info("No other session is related to this one");
        return Flow::Stay;
    }
    let choice = |(kinship, other): &(Kinship, std::sync::Arc<Session>)| DialogChoice {
        label: label(*kinship, other, ctx),
        outcome: DialogOutcome::OpenSession(other.key.clone()),
    };
    let mut choices: Vec<_> = relatives.iter().take(MAX_SESSIONS).map(choice).collect();
    choices.push(DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel });
    let text = match relatives.len().checked_sub(MAX_SESSIONS) {
        Some(more @ 1..) => vec![format!("{more} more are not listed.")],
        Some(0) | None => Vec::new(),
    };
    Flow::Push(Layer::Dialog(Dialog { title: "Related sessions".to_owned(), text, choices, selected: 0 }))
}

/// Formats a related session: `fork · Fix the login of the shop · 3d`.
fn label(kinship: Kinship, other: &Session, ctx: &Ctx) -> String {
    let name = match kinship {
        Kinship::Origin => "forked from",
        Kinship::Fork if other.copied.as_ref().is_some_and(|copied| !copied.is_extended) => "copy",
        Kinship::Fork => "fork",
        Kinship::Parent => "parent",
        Kinship::Subagent => "sub-agent",
        Kinship::Continued => "continues",
        Kinship::Continuation => "continued in",
    };
    let title = text::one_line(&ctx.secrets.text(&other.title.text));
    let title = if title.is_empty() { other.key.id.to_string() } else { title };
    let age = other.last_activity.map(|time| age::text(ctx.now, time)).unwrap_or_default();
    format!("{name} · {} · {age}", text::ellipsis(&title, TITLE_CHARS))
}

//! Title of a session as it is shown: on one line, with secrets masked.

use crate::app::App;
use crate::domain::session::TitleSource;
use crate::domain::{Session, SessionState};
use crate::stdx::text::one_line;

/// Returns the title; empty if there is none.
pub(super) fn session_title(app: &App, session: &Session) -> String {
    one_line(&app.secrets.text(&session.title.text))
}

/// Returns what stands for the title of a session that has none.
pub(super) fn without_title(session: &Session) -> &'static str {
    match session.state {
        _ if session.flags.unreadable => "(unreadable)",
        SessionState::Past if session.flags.empty => "(empty)",
        SessionState::Past => "(no prompt)",
        SessionState::NeedsYou | SessionState::Working | SessionState::Idle => "(no prompt yet)",
    }
}

/// Returns what stands for a title that another session has too: the newest prompt. `None` if there is no other prompt.
pub(super) fn repeated_title(app: &App, session: &Session) -> Option<String> {
    // A name of the user's own says enough.
    let prompt = session.last_prompt.as_deref().filter(|_| session.title.source != TitleSource::User)?;
    Some(one_line(&app.secrets.text(prompt)))
}

//! Title of a session as it is shown: on one line, with secrets masked.

use crate::app::App;
use crate::domain::Session;
use crate::stdx::text::one_line;

/// Returns the title; empty if there is none.
pub(super) fn session_title(app: &App, session: &Session) -> String {
    one_line(&app.secrets.text(&session.title.text))
}

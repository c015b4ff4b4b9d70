//! Paths in texts of the screen.

use std::borrow::Cow;

use crate::app::App;
use crate::stdx::tilde;

/// Returns a text in which paths below the user's home begin with `~`.
pub(super) fn with_tilde<'a>(app: &App, text: &'a str) -> Cow<'a, str> {
    tilde::with_tilde(text, &app.user_home)
}

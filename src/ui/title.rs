//! Title of the terminal's window or tab.

use super::numbers::thousands;
use crate::app::App;

/// Returns the title: salon, with the number of sessions that need the user.
pub fn title(app: &App) -> String {
    match app.stack.home.waiting {
        0 => "salon".to_owned(),
        1 => "salon — 1 needs you".to_owned(),
        count => format!("salon — {} need you", thousands(count)),
    }
}

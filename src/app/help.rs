//! The help: every action with the keys that it really has.

use super::action::{Action, Place};
use super::keys::Keymap;
use super::scroll::Scroll;

/// The help overlay.
#[derive(Debug, Default)]
pub struct Help {
    /// How far it is scrolled.
    pub scroll: Scroll,
}

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpLine {
    /// The name of a place.
    Heading(&'static str),
    /// The keys of an action, and what it does.
    Keys(String, &'static str),
    /// Between two places.
    Blank,
}

/// All lines. An action without a key is left to the palette.
pub fn lines(keymap: &Keymap) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for place in Place::ALL {
        if !lines.is_empty() {
            lines.push(HelpLine::Blank);
        }
        lines.push(HelpLine::Heading(heading(place)));
        let actions = Action::ALL.iter().filter(|action| action.place() == place);
        let keys = actions.map(|action| (keymap.labels(*action), action.about()));
        lines.extend(keys.filter(|(keys, _)| !keys.is_empty()).map(|(keys, about)| HelpLine::Keys(keys, about)));
    }
    lines
}

fn heading(place: Place) -> &'static str {
    match place {
        Place::Everywhere => "Everywhere",
        Place::Move => "Moving",
        Place::List => "In the list",
        Place::Reader => "In a transcript",
        Place::Search => "In the search",
        Place::Chat => "In a chat",
    }
}

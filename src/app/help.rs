//! The help: every action with the keys bound to it.

use super::action::{Action, KeyContext};
use super::keys::Keymap;
use super::scroll::Scroll;

/// The help overlay.
#[derive(Debug, Default)]
pub struct Help {
    /// Scroll position.
    pub scroll: Scroll,
}

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpLine {
    /// Title of a key context.
    Heading(&'static str),
    /// Keys of an action and its description.
    Keys(String, &'static str),
    /// Blank line between two contexts.
    Blank,
}

/// Returns all lines. Actions without a key appear only in the palette.
pub fn lines(keymap: &Keymap) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for context in KeyContext::ALL {
        if !lines.is_empty() {
            lines.push(HelpLine::Blank);
        }
        lines.push(HelpLine::Heading(heading(context)));
        let actions = Action::ALL.iter().filter(|action| action.context() == context);
        let keys = actions.map(|action| (keymap.labels(*action), action.about()));
        lines.extend(keys.filter(|(keys, _)| !keys.is_empty()).map(|(keys, about)| HelpLine::Keys(keys, about)));
    }
    lines
}

fn heading(context: KeyContext) -> &'static str {
    match context {
        KeyContext::Everywhere => "Everywhere",
        KeyContext::Move => "Navigation",
        KeyContext::List => "List",
        KeyContext::Reader => "Transcript",
        KeyContext::Search => "Search",
        KeyContext::Chat => "Chat",
    }
}

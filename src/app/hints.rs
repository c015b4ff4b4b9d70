//! The keys that matter now, for the footer: names of actions with the keys that they really have.

use super::App;
use super::action::Action;
use super::home::Pane;
use super::layer::Layer;

/// A key and what it does here, in a word or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key, in words.
    pub key: String,
    /// What it does.
    pub word: &'static str,
}

impl App {
    /// The keys that matter now, the most useful first: a narrow screen shows fewer.
    pub fn hints(&self) -> Vec<Hint> {
        let typed = |hints: &[(&str, &'static str)]| {
            hints.iter().map(|(key, word)| Hint { key: (*key).to_owned(), word }).collect()
        };
        match self.layers.last() {
            Some(Layer::Palette(_)) => typed(&[("enter", "run"), ("↑ ↓", "choose"), ("esc", "close")]),
            Some(Layer::Dialog(_)) => typed(&[("1…9", "answer"), ("enter", "take"), ("esc", "cancel")]),
            Some(Layer::Help(_) | Layer::Issues(_)) => self.named(&[(Action::Back, "close"), (Action::Down, "scroll")]),
            Some(Layer::Reader(_)) => self.named(&READER),
            None if self.home.filter.typing => typed(&[("enter", "keep"), ("↑ ↓", "choose"), ("esc", "clear")]),
            None if self.emptiness().is_some() => self.named(&EMPTY),
            None => match self.home.focus {
                Pane::Workspaces => self.named(&WORKSPACES),
                Pane::Sessions => self.named(&LIST),
                Pane::Preview => self.named(&PREVIEW),
            },
        }
    }

    fn named(&self, hints: &[(Action, &'static str)]) -> Vec<Hint> {
        let with_key = |(action, word): &(Action, &'static str)| Some(Hint { key: self.keymap.hint(*action)?, word });
        hints.iter().filter_map(with_key).collect()
    }
}

const EMPTY: [(Action, &str); 6] = [
    (Action::Scope, "here/all"),
    (Action::ShowHidden, "hidden"),
    (Action::Rescan, "look again"),
    (Action::Help, "help"),
    (Action::Quit, "quit"),
    (Action::Palette, "any action"),
];

const LIST: [(Action, &str); 10] = [
    (Action::Open, "read"),
    (Action::Resume, "resume"),
    (Action::Filter, "filter"),
    (Action::Scope, "here/all"),
    (Action::Help, "help"),
    (Action::Sort, "sort"),
    (Action::Quit, "quit"),
    (Action::ShowHidden, "hidden"),
    (Action::CopyCommand, "copy command"),
    (Action::Palette, "any action"),
];

const WORKSPACES: [(Action, &str); 5] = [
    (Action::Down, "next"),
    (Action::Right, "sessions"),
    (Action::Scope, "here/all"),
    (Action::Help, "help"),
    (Action::Palette, "any action"),
];

const PREVIEW: [(Action, &str); 6] = [
    (Action::Expand, "read"),
    (Action::Left, "sessions"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Tools, "tools"),
    (Action::Help, "help"),
    (Action::Resume, "resume"),
];

const READER: [(Action, &str); 9] = [
    (Action::Back, "back"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Find, "find"),
    (Action::Tools, "tools"),
    (Action::Thinking, "thinking"),
    (Action::Help, "help"),
    (Action::Resume, "resume"),
    (Action::Expand, "unfold"),
    (Action::Follow, "follow"),
];

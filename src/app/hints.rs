//! The keys that matter now, for the footer: names of actions with the keys that they really have.

use super::App;
use super::action::Action;
use super::chat::{Chat, Focus};
use super::home::Pane;
use super::layer::Layer;
use super::{runs, search};

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
            Some(Layer::Chat(chat)) => self.with_other_pane(self.hints_in_chat(chat)),
            Some(Layer::Inbox(_)) if self.desk.field().is_some() => typed(&[("enter", "send"), ("esc", "back")]),
            Some(Layer::Inbox(_)) if self.inbox().is_empty() => typed(&[("esc", "close")]),
            Some(Layer::Inbox(_)) => typed(&[
                ("1…9", "answer"),
                ("n p", "next, previous"),
                ("enter", "go to its chat"),
                ("e", "show all"),
                ("esc", "close"),
            ]),
            Some(Layer::Picker(_)) => typed(&[
                ("enter", "take"),
                ("↑ ↓", "choose"),
                ("tab", "mode, effort"),
                ("f5", "ask again"),
                ("esc", "close"),
            ]),
            Some(Layer::NewSession(_)) => {
                typed(&[("enter", "begin"), ("tab", "complete, next"), ("↑ ↓", "fields"), ("esc", "cancel")])
            }
            Some(Layer::Reader(_)) if self.reads_a_result() => self.with_other_pane(self.named(&RESULT)),
            Some(Layer::Reader(_)) => self.with_other_pane(self.named(&READER)),
            Some(Layer::Search(search)) if search.naming.is_some() => typed(&[("enter", "save"), ("esc", "cancel")]),
            Some(Layer::Search(search)) if search.completing.is_some() => {
                typed(&[("tab", "next"), ("enter", "take"), ("esc", "as it was")])
            }
            Some(Layer::Search(search)) if search.input.is_empty() => {
                typed(&[("↑", "what was searched before"), ("tab", "complete"), ("esc", "back")])
            }
            Some(Layer::Search(search)) if search.focus == search::Focus::Line => {
                let mut hints = typed(&[("enter", "read"), ("↑ ↓", "choose"), ("tab", "complete"), ("→", "more hits")]);
                hints.extend(self.named(&SEARCH));
                hints
            }
            Some(Layer::Search(_)) => self.named(&RESULTS),
            None if self.home.filter.typing => typed(&[("enter", "keep"), ("↑ ↓", "choose"), ("esc", "clear")]),
            None if self.emptiness().is_some() => self.named(&EMPTY),
            None => match self.home.focus {
                Pane::Workspaces if self.home.workspaces.view().is_some() => self.named(&VIEW),
                Pane::Workspaces => self.named(&WORKSPACES),
                Pane::Sessions => self.named(&LIST),
                Pane::Preview => self.named(&PREVIEW),
            },
        }
    }

    fn hints_in_chat(&self, chat: &Chat) -> Vec<Hint> {
        let typed = |(key, word): (&str, &'static str)| Hint { key: key.to_owned(), word };
        let completing = chat.composer.completion.as_ref().is_some_and(|completion| !completion.found.is_empty());
        match chat.focus {
            Focus::Queue(_) => {
                [("enter", "edit"), ("K", "move up"), ("x", "cancel"), ("r", "release"), ("esc", "write")]
                    .map(typed)
                    .into()
            }
            Focus::Composer if completing => {
                [("tab", "take"), ("↑ ↓", "choose"), ("esc", "close"), ("enter", "send")].map(typed).into()
            }
            Focus::Composer if self.info(chat).is_some_and(|info| runs::is_open(&info.phase)) => {
                let mut hints = self.named(&WORKING_CHAT);
                // One more of them alone would interrupt the turn.
                let read = self.keymap.hint(Action::ReadChat);
                hints.extend(read.map(|read| Hint { key: format!("{read} esc"), word: "back" }));
                hints
            }
            Focus::Composer => self.named(&CHAT),
            Focus::Transcript if chat.armed => {
                let mut hints: Vec<_> = [("esc", "interrupt"), ("j k", "read on")].map(typed).into();
                hints.extend(self.named(&ARMED_CHAT));
                hints
            }
            Focus::Transcript if chat.followed.is_some() => self.named(&FOLLOWED),
            Focus::Transcript => self.named(&READING_CHAT),
        }
    }

    /// Where another conversation is pinned, its key comes right after the first one.
    fn with_other_pane(&self, mut hints: Vec<Hint>) -> Vec<Hint> {
        if self.beside.is_some() {
            let other = self.named(&[(Action::OtherPane, "other pane")]);
            let at = hints.len().min(1);
            hints.splice(at..at, other);
        }
        hints
    }

    /// The transcript was opened by a search that lies below it.
    fn reads_a_result(&self) -> bool {
        matches!(self.layers.as_slice(), [.., Layer::Search(_), Layer::Reader(_)])
    }

    fn named(&self, hints: &[(Action, &'static str)]) -> Vec<Hint> {
        let with_key = |(action, word): &(Action, &'static str)| Some(Hint { key: self.keymap.hint(*action)?, word });
        hints.iter().filter_map(with_key).collect()
    }
}

const EMPTY: [(Action, &str); 7] = [
    (Action::New, "new session"),
    (Action::Scope, "here/all"),
    (Action::ShowHidden, "hidden"),
    (Action::Rescan, "look again"),
    (Action::Help, "help"),
    (Action::Quit, "quit"),
    (Action::Palette, "any action"),
];

const LIST: [(Action, &str); 13] = [
    (Action::Open, "read"),
    (Action::ResumeHere, "resume"),
    (Action::New, "new"),
    (Action::Search, "search"),
    (Action::Filter, "filter"),
    (Action::Scope, "here/all"),
    (Action::Help, "help"),
    (Action::Quit, "quit"),
    (Action::Resume, "in its program"),
    (Action::Sort, "sort"),
    (Action::ShowHidden, "hidden"),
    (Action::CopyCommand, "copy command"),
    (Action::Palette, "any action"),
];

const SEARCH: [(Action, &str); 4] = [
    (Action::Order, "order"),
    (Action::Back, "clear"),
    (Action::SaveView, "save view"),
    (Action::CopyView, "copy command"),
];

const RESULTS: [(Action, &str); 9] = [
    (Action::Open, "read"),
    (Action::Search, "line"),
    (Action::MoreHits, "more hits"),
    (Action::Order, "order"),
    (Action::ResumeHere, "resume"),
    (Action::CopyView, "copy command"),
    (Action::SaveView, "save view"),
    (Action::Help, "help"),
    (Action::CopyId, "copy id"),
];

const RESULT: [(Action, &str); 8] = [
    (Action::Back, "results"),
    (Action::NextHit, "next hit"),
    (Action::PreviousHit, "previous hit"),
    (Action::Tools, "tools"),
    (Action::Thinking, "thinking"),
    (Action::ResumeHere, "resume"),
    (Action::Help, "help"),
    (Action::Expand, "unfold"),
];

const WORKSPACES: [(Action, &str); 5] = [
    (Action::Down, "next"),
    (Action::Right, "sessions"),
    (Action::Scope, "here/all"),
    (Action::Help, "help"),
    (Action::Palette, "any action"),
];

const VIEW: [(Action, &str); 5] = [
    (Action::Open, "search"),
    (Action::Down, "next"),
    (Action::ForgetView, "forget"),
    (Action::Help, "help"),
    (Action::Palette, "any action"),
];

const PREVIEW: [(Action, &str); 6] = [
    (Action::Expand, "read"),
    (Action::Left, "sessions"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Tools, "tools"),
    (Action::Help, "help"),
    (Action::ResumeHere, "resume"),
];

const READER: [(Action, &str); 9] = [
    (Action::Back, "back"),
    (Action::ResumeHere, "resume"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Find, "find"),
    (Action::Tools, "tools"),
    (Action::Thinking, "thinking"),
    (Action::Help, "help"),
    (Action::Expand, "unfold"),
    (Action::Follow, "follow"),
];

const READING_CHAT: [(Action, &str); 7] = [
    (Action::ReadChat, "write"),
    (Action::Back, "back"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Tools, "tools"),
    (Action::Interrupt, "interrupt"),
    (Action::Find, "find"),
    (Action::Help, "help"),
];

const WORKING_CHAT: [(Action, &str); 4] = [
    (Action::Send, "queue"),
    (Action::Newline, "newline"),
    (Action::Interrupt, "interrupt"),
    (Action::ReadChat, "read"),
];

const ARMED_CHAT: [(Action, &str); 2] = [(Action::ReadChat, "write"), (Action::Help, "help")];

const FOLLOWED: [(Action, &str); 5] = [
    (Action::ResumeHere, "take over"),
    (Action::Fork, "fork"),
    (Action::Back, "back"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Help, "help"),
];

const CHAT: [(Action, &str); 6] = [
    (Action::Send, "send"),
    (Action::Newline, "newline"),
    (Action::Models, "model"),
    (Action::Interrupt, "interrupt"),
    (Action::ReadChat, "read"),
    (Action::Back, "back"),
];

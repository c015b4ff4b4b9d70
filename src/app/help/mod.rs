//! The help: every action with the keys bound to it, filtered as the user types. The sections of the current place come
//! first.

mod keys;

use super::action::{Action, KeyContext};
use super::keys::Keymap;
use super::line_editor::LineEditor;
use super::palette::synonyms;
use super::scroll::Scroll;

/// The help overlay.
#[derive(Debug)]
pub struct Help {
    /// Scroll position.
    pub scroll: Scroll,
    /// Words that rows must contain.
    pub input: LineEditor,
    /// Key contexts of the screen below, nearest first.
    active: &'static [KeyContext],
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

impl Help {
    /// Creates the help for a screen with these key contexts, nearest first.
    pub fn open(active: &'static [KeyContext]) -> Self {
        Self { scroll: Scroll::default(), input: LineEditor::default(), active }
    }

    /// Returns the lines, section by section. Actions without a key, or whose keys do something else here, appear only
    /// in the palette.
    pub fn sections(&self, keymap: &Keymap) -> Vec<Vec<HelpLine>> {
        let others = KeyContext::ALL.into_iter().filter(|context| !self.active.contains(context));
        let contexts = self.active.iter().copied().chain(others);
        contexts.map(|context| self.section(context, keymap)).filter(|lines| !lines.is_empty()).collect()
    }

    /// Returns the lines in one column, or balanced over two.
    pub fn columns(&self, keymap: &Keymap, count: usize) -> Vec<Vec<HelpLine>> {
        let sections = self.sections(keymap);
        let height = |sections: &[Vec<HelpLine>]| sections.iter().map(|lines| lines.len() + 1).sum::<usize>();
        let taller = |at: &usize| height(&sections[..*at]).max(height(&sections[*at..]));
        let split = if count < 2 { sections.len() } else { (1..=sections.len()).min_by_key(taller).unwrap_or(0) };
        let (left, right) = sections.split_at(split);
        [left, right].into_iter().map(|sections| sections.join(&HelpLine::Blank)).collect()
    }

    fn section(&self, context: KeyContext, keymap: &Keymap) -> Vec<HelpLine> {
        let active = if self.active.contains(&context) { self.active } else { &[] };
        let rows = Action::ALL.iter().filter(|action| action.context() == context).filter_map(|action| {
            let keys = keymap.labels_in(*action, active);
            (!keys.is_empty() && self.admits(*action, &keys)).then(|| HelpLine::Keys(keys, action.about()))
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() { rows } else { [vec![HelpLine::Heading(heading(context))], rows].concat() }
    }

    /// Returns true if the row of an action contains all typed words.
    fn admits(&self, action: Action, keys: &str) -> bool {
        let text = format!("{keys} {} {} {}", action.about(), action.name(), synonyms::of(action)).to_lowercase();
        self.input.text().to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

fn heading(context: KeyContext) -> &'static str {
    match context {
        KeyContext::Everywhere => "Everywhere",
        KeyContext::Move => "Navigation",
        KeyContext::List => "List",
        KeyContext::Reader => "Transcript",
        KeyContext::Search => "Search",
        KeyContext::Chat => "Chat",
        KeyContext::Changes => "Changes",
    }
}

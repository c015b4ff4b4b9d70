//! The help: every action with the keys bound to it, filtered as the user types. The sections of the current place come
//! first.

pub mod fixed_keys;
mod keys;

use self::fixed_keys::FixedKeys;
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
    /// Keys of the screen below that are the same in every key map.
    fixed: &'static [FixedKeys],
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
    /// Creates the help for a screen with these key contexts, nearest first, and its fixed keys.
    pub fn open(active: &'static [KeyContext], fixed: &'static [FixedKeys]) -> Self {
        Self { scroll: Scroll::default(), input: LineEditor::default(), active, fixed }
    }

    /// Returns the lines, section by section. Actions without a key, or whose keys do something else here, appear only
    /// in the palette.
    pub fn sections(&self, keymap: &Keymap) -> Vec<Vec<HelpLine>> {
        let others = KeyContext::ALL.into_iter().filter(|context| !self.active.contains(context));
        let contexts = self.active.iter().copied().chain(others);
        let mut sections: Vec<_> = contexts.map(|context| self.section(context, keymap)).collect();
        // A screen without actions of its own has only these.
        let has_own = !matches!(self.active.first(), None | Some(KeyContext::Move | KeyContext::Everywhere));
        let at = usize::from(has_own);
        sections.splice(at..at, self.fixed.iter().map(|fixed| self.fixed_section(fixed)));
        sections.retain(|lines| !lines.is_empty());
        sections
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

    fn fixed_section(&self, fixed: &FixedKeys) -> Vec<HelpLine> {
        let admitted = |(keys, about): &&(&str, &str)| {
            self.admits_text(&format!("{keys} {about} {}", fixed.heading).to_lowercase())
        };
        let rows = fixed.keys.iter().filter(admitted);
        let rows: Vec<_> = rows.map(|(keys, about)| HelpLine::Keys((*keys).to_owned(), about)).collect();
        if rows.is_empty() { rows } else { [vec![HelpLine::Heading(fixed.heading)], rows].concat() }
    }

    /// Returns true if the row of an action contains all typed words.
    fn admits(&self, action: Action, keys: &str) -> bool {
        let text = format!("{keys} {} {} {}", action.about(), action.name(), synonyms::of(action)).to_lowercase();
        self.admits_text(&text)
    }

    fn admits_text(&self, text: &str) -> bool {
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

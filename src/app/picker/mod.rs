//! The picker for model, mode and effort of a run. The agent's list is only a suggestion: any model can be named by
//! hand, also without a list.

mod keys;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::line_editor::LineEditor;
use super::runs::{ModelSource, RunTable};
use crate::domain::run::{RunId, RunInfo};

/// State of the picker. The options come from the run and its agent.
#[derive(Debug)]
pub struct Picker {
    /// The run.
    pub run: RunId,
    /// The current tab.
    pub tab: Tab,
    /// Query; also usable as the name of a model.
    pub input: LineEditor,
    /// The selected row.
    pub selected: usize,
    /// True while the agent is being queried for its models.
    pub asking: bool,
}

/// Tab of the picker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// The model.
    #[default]
    Model,
    /// The permission mode.
    Mode,
    /// The reasoning effort.
    Effort,
}

impl Tab {
    /// All tabs, from left to right.
    pub const ALL: [Self; 3] = [Self::Model, Self::Mode, Self::Effort];

    /// Returns the label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Mode => "mode",
            Self::Effort => "effort",
        }
    }

    fn next(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickerOption {
    /// Name that the agent expects.
    pub name: String,
    /// Label; equal to the name if the agent has no other.
    pub label: String,
    /// True if it is in use.
    pub current: bool,
    /// True if it was typed by hand.
    pub typed: bool,
}

/// Returns true if a permission mode lets an agent do everything without asking.
pub fn skips_permissions(mode: &str) -> bool {
    let mode = mode.to_ascii_lowercase().replace(['-', '_', ' '], "");
    ["bypass", "danger", "fullaccess", "skip", "yolo", "never", "allowall"].iter().any(|skips| mode.contains(skips))
}

/// Returns the models of an agent: the cached list, then those that only its runs reported.
pub fn models(runs: &RunTable, source: &ModelSource) -> Vec<(String, String)> {
    let mut list = runs.models(source).map(|models| models.list.clone()).unwrap_or_default();
    for info in runs.iter().filter(|info| ModelSource::of_run(info) == *source) {
        for model in &info.capabilities.models {
            if !list.iter().any(|(name, _)| *name == model.0) {
                list.push(model.clone());
            }
        }
    }
    list
}

/// Returns the permission modes that an agent's runs reported, else those of its known versions.
pub fn modes(runs: &RunTable, source: &ModelSource) -> Vec<String> {
    let of_runs = runs.iter().filter(|info| ModelSource::of_run(info) == *source).map(|info| &info.capabilities.modes);
    let mut mode_lists = of_runs.chain(runs.models(source).map(|models| &models.modes));
    mode_lists.find(|modes| !modes.is_empty()).cloned().unwrap_or_default()
}

/// Returns the items that match a query, best first; all items for an empty query.
pub fn matching<T>(of: Vec<T>, typed: &str, text: impl Fn(&T) -> String) -> Vec<T> {
    let typed = typed.trim();
    if typed.is_empty() {
        return of;
    }
    let matcher = SkimMatcherV2::default().ignore_case();
    let mut scored: Vec<_> =
        of.into_iter().filter_map(|item| Some((matcher.fuzzy_match(&text(&item), typed)?, item))).collect();
    scored.sort_by_key(|(score, _)| -score);
    scored.into_iter().map(|(_, item)| item).collect()
}

impl Picker {
    /// Creates a picker for a run.
    pub fn new(run: RunId) -> Self {
        Self { run, tab: Tab::default(), input: LineEditor::default(), selected: 0, asking: false }
    }

    /// Returns the options of the current tab.
    pub fn options(&self, info: &RunInfo, runs: &RunTable) -> Vec<PickerOption> {
        let same = |names: &[String]| names.iter().map(|name| (name.clone(), name.clone())).collect();
        let (all, current): (Vec<(String, String)>, _) = match self.tab {
            Tab::Model => (models(runs, &ModelSource::of_run(info)), &info.model),
            Tab::Mode => (same(&info.capabilities.modes), &info.mode),
            Tab::Effort => (same(&info.capabilities.efforts), &info.effort),
        };
        let typed = self.input.text().trim();
        let option = |(name, label): (String, String)| {
            let current = current.as_deref() == Some(&*name);
            PickerOption { name, label, current, typed: false }
        };
        let found = matching(all, typed, |(name, label)| format!("{name} {label}"));
        let mut options: Vec<_> = found.into_iter().map(option).collect();
        if self.tab == Tab::Model && !typed.is_empty() && !options.iter().any(|option| option.name == typed) {
            let (name, label) = (typed.to_owned(), typed.to_owned());
            options.push(PickerOption { name, label, current: false, typed: true });
        }
        options
    }

    /// Ends the query for an agent's models if the run is that agent's.
    pub fn models_received(&mut self, source: &ModelSource, runs: &RunTable) {
        if runs.get(&self.run).is_some_and(|info| ModelSource::of_run(info) == *source) {
            self.asking = false;
        }
    }

    fn switch_tab(&mut self, tab: Tab) {
        self.tab = tab;
        self.input.clear();
        self.selected = 0;
    }
}

/// Builds the dialog that confirms that an agent may do everything without asking.
pub fn skip_dialog(mode: &str, outcome: DialogOutcome) -> Dialog {
    let text = vec![
        format!("In {mode} mode the agent never asks for permission: any command, any file."),
        "This applies to this session only.".to_owned(),
    ];
    let choices = vec![
        DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel },
        DialogChoice { label: "Never ask for permission".to_owned(), outcome },
    ];
    Dialog { title: "Skip all permissions".to_owned(), text, choices, selected: 0 }
}

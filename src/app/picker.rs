//! The overlay in which model, mode and effort of a run are chosen. What an agent offers is only a help: any model can
//! be named by hand, also while its list cannot be had.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::dialog::{Choice, Dialog, Outcome};
use super::input::Input;
use super::layer::Layer;
use super::runs::{RunEffect, Runs};
use super::{App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::Agent;
use crate::domain::run::{RunId, RunInfo, Setting};

/// The overlay's state; what can be chosen is the run's, and its agent's.
#[derive(Debug)]
pub struct Picker {
    /// For which run.
    pub run: RunId,
    /// What is being chosen.
    pub tab: Tab,
    /// What was typed: it filters, and is a name itself.
    pub input: Input,
    /// The row that has the keys.
    pub selected: usize,
    /// The agent is being asked for its models.
    pub asking: bool,
}

/// What is being chosen.
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
    /// All of them, from left to right.
    pub const ALL: [Self; 3] = [Self::Model, Self::Mode, Self::Effort];

    /// What it is called.
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

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The name to use.
    pub name: String,
    /// What a person reads, where it is not the same.
    pub label: String,
    /// It is in use.
    pub current: bool,
    /// It was typed by hand.
    pub typed: bool,
}

/// Whether a permission mode lets an agent do everything unasked.
pub fn skips_permissions(mode: &str) -> bool {
    let mode = mode.to_ascii_lowercase().replace(['-', '_', ' '], "");
    ["bypass", "danger", "fullaccess", "skip", "yolo", "never", "allowall"].iter().any(|skips| mode.contains(skips))
}

/// The models of an agent: what it told last, and what its runs were told beyond that.
pub fn models(runs: &Runs, agent: Agent) -> Vec<(String, String)> {
    let mut list = runs.models(agent).map(|models| models.list.clone()).unwrap_or_default();
    for info in runs.iter().filter(|info| info.agent == agent) {
        for model in &info.offers.models {
            if !list.iter().any(|(name, _)| *name == model.0) {
                list.push(model.clone());
            }
        }
    }
    list
}

/// The permission modes that an agent's runs were told.
pub fn modes(runs: &Runs, agent: Agent) -> Vec<String> {
    let mut offers = runs.iter().filter(|info| info.agent == agent).map(|info| &info.offers.modes);
    offers.find(|modes| !modes.is_empty()).cloned().unwrap_or_default()
}

/// Those of some names that match what was typed, best first; all of them where nothing was typed.
pub fn matching<T>(of: Vec<T>, typed: &str, words: impl Fn(&T) -> String) -> Vec<T> {
    let typed = typed.trim();
    if typed.is_empty() {
        return of;
    }
    let matcher = SkimMatcherV2::default().ignore_case();
    let mut scored: Vec<_> =
        of.into_iter().filter_map(|item| Some((matcher.fuzzy_match(&words(&item), typed)?, item))).collect();
    scored.sort_by_key(|(score, _)| -score);
    scored.into_iter().map(|(_, item)| item).collect()
}

impl Picker {
    /// A picker for a run.
    pub fn new(run: RunId) -> Self {
        Self { run, tab: Tab::default(), input: Input::default(), selected: 0, asking: false }
    }

    /// What can be chosen now.
    pub fn offers(&self, info: &RunInfo, runs: &Runs) -> Vec<Offer> {
        let same = |names: &[String]| names.iter().map(|name| (name.clone(), name.clone())).collect();
        let (all, current): (Vec<(String, String)>, _) = match self.tab {
            Tab::Model => (models(runs, info.agent), &info.model),
            Tab::Mode => (same(&info.offers.modes), &info.mode),
            Tab::Effort => (same(&info.offers.efforts), &info.effort),
        };
        let typed = self.input.text().trim();
        let offer = |(name, label): (String, String)| {
            let current = current.as_deref() == Some(&*name);
            Offer { name, label, current, typed: false }
        };
        let found = matching(all, typed, |(name, label)| format!("{name} {label}"));
        let mut offers: Vec<_> = found.into_iter().map(offer).collect();
        if self.tab == Tab::Model && !typed.is_empty() && !offers.iter().any(|offer| offer.name == typed) {
            let (name, label) = (typed.to_owned(), typed.to_owned());
            offers.push(Offer { name, label, current: false, typed: true });
        }
        offers
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        self.input.insert(text);
        self.selected = 0;
    }

    fn turn_to(&mut self, tab: Tab) {
        self.tab = tab;
        self.input.clear();
        self.selected = 0;
    }
}

impl App {
    /// Opens the picker for the run of the conversation, or of the selected session.
    pub(super) fn open_picker(&mut self) -> Vec<Effect> {
        let run = self.place().and_then(|key| self.runs.of_session(&key)).map(|info| (info.id.clone(), info.agent));
        let Some((run, agent)) = run else {
            self.notices.tell("there is no run yet: it begins with the first prompt");
            return Vec::new();
        };
        let mut effects = self.push(Layer::Picker(Picker::new(run)));
        effects.push(Effect::Run(RunEffect::Models { agent, refresh: false }));
        effects
    }

    /// An agent told its models.
    pub(super) fn models_told(&mut self, agent: Agent) {
        for layer in &mut self.layers {
            match layer {
                Layer::Picker(picker) if self.runs.get(&picker.run).is_some_and(|info| info.agent == agent) => {
                    picker.asking = false;
                }
                _ => {}
            }
        }
    }

    pub(super) fn key_in_picker(&mut self, key: Key) -> Vec<Effect> {
        let Some(Layer::Picker(picker)) = self.layers.last_mut() else { return Vec::new() };
        let Some(info) = self.runs.get(&picker.run) else {
            self.layers.pop();
            return Vec::new();
        };
        let last = picker.offers(info, &self.runs).len().saturating_sub(1);
        match key.code {
            KeyCode::Esc if !picker.input.is_empty() => picker.turn_to(picker.tab),
            KeyCode::Esc => drop(self.layers.pop()),
            KeyCode::Char('c') if key.ctrl => drop(self.layers.pop()),
            KeyCode::Enter => return self.take_in_picker(),
            KeyCode::Tab if key.shift => picker.turn_to(picker.tab.next(2)),
            KeyCode::Left if picker.input.is_empty() => picker.turn_to(picker.tab.next(2)),
            KeyCode::Tab => picker.turn_to(picker.tab.next(1)),
            KeyCode::Right if picker.input.at_end() => picker.turn_to(picker.tab.next(1)),
            KeyCode::Down => picker.selected = (picker.selected + 1).min(last),
            KeyCode::Up => picker.selected = picker.selected.saturating_sub(1),
            KeyCode::F(5) => {
                picker.asking = true;
                return vec![Effect::Run(RunEffect::Models { agent: info.agent, refresh: true })];
            }
            _ => {
                if picker.input.key(key) {
                    picker.selected = 0;
                }
            }
        }
        Vec::new()
    }

    pub(super) fn click_in_picker(&mut self, row: usize) -> Vec<Effect> {
        let Some(Layer::Picker(picker)) = self.layers.last_mut() else { return Vec::new() };
        picker.selected = row;
        self.take_in_picker()
    }

    fn take_in_picker(&mut self) -> Vec<Effect> {
        let Some(Layer::Picker(picker)) = self.layers.last() else { return Vec::new() };
        let Some(info) = self.runs.get(&picker.run) else { return Vec::new() };
        let offers = picker.offers(info, &self.runs);
        let Some(Offer { name, .. }) = offers.into_iter().nth(picker.selected) else { return Vec::new() };
        let (run, tab) = (picker.run.clone(), picker.tab);
        self.layers.pop();
        let setting = match tab {
            Tab::Model => Setting::Model(name),
            Tab::Mode if skips_permissions(&name) => {
                let outcome = Outcome::SkipPermissions(run, name.clone());
                return self.ask_to_skip(&name, outcome);
            }
            Tab::Mode => Setting::Mode(name),
            Tab::Effort => Setting::Effort(name),
        };
        vec![Effect::Run(RunEffect::Set(run, setting))]
    }

    /// Asks once more before an agent may do everything unasked.
    pub(super) fn ask_to_skip(&mut self, mode: &str, outcome: Outcome) -> Vec<Effect> {
        let text = vec![
            format!("In the mode {mode} the agent does everything without asking: any command, any file."),
            "It is for this session only.".to_owned(),
        ];
        let choices = vec![
            Choice { label: "cancel".to_owned(), outcome: Outcome::Cancel },
            Choice { label: "let it do everything".to_owned(), outcome },
        ];
        self.push(Layer::Dialog(Dialog { title: "Skip all permissions".to_owned(), text, choices, selected: 0 }))
    }
}

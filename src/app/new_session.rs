//! The overlay in which a new session is begun: agent, directory, model, mode, first prompt.

use std::path::PathBuf;

use super::dialog::Outcome;
use super::input::Input;
use super::layer::Layer;
use super::picker::{self, matching};
use super::runs::{RunEffect, Runs};
use super::{App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::Agent;
use crate::domain::run::{Conversation, Opening};
use crate::stdx::text;

/// What was chosen so far.
#[derive(Debug, Default)]
pub struct NewSession {
    /// Whose program, by its place among [`Runs::agents`].
    pub agent: usize,
    /// The field that has the keys.
    pub part: Part,
    /// The directory.
    pub directory: Input,
    /// The model; empty: the agent's default.
    pub model: Input,
    /// The permission mode; empty: the agent's default.
    pub mode: Input,
    /// The first prompt's lines before the one that is being typed.
    pub above: Vec<String>,
    /// The first prompt's last line.
    pub prompt: Input,
    /// Directories that complete what was typed, and what that was.
    pub found: (String, Vec<String>),
    /// Why it cannot begin, in words.
    pub trouble: Option<String>,
}

/// A field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The agent.
    Agent,
    /// The directory.
    Directory,
    /// The model.
    Model,
    /// The mode.
    Mode,
    /// The first prompt.
    #[default]
    Prompt,
}

impl Part {
    /// All of them, from top to bottom.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Directory, Self::Model, Self::Mode, Self::Prompt];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Directory => "directory",
            Self::Model => "model",
            Self::Mode => "mode",
            Self::Prompt => "prompt",
        }
    }

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|part| *part == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

impl NewSession {
    /// The agent that is chosen.
    pub fn agent(&self, runs: &Runs) -> Agent {
        runs.agents().get(self.agent).map_or(Agent::Claude, |(agent, _)| *agent)
    }

    /// The first prompt.
    pub fn text(&self) -> String {
        let mut lines = self.above.clone();
        lines.push(self.prompt.text().to_owned());
        lines.join("\n")
    }

    /// What completes the field that has the keys, best first.
    pub fn suggestions(&self, runs: &Runs) -> Vec<String> {
        let agent = self.agent(runs);
        match self.part {
            Part::Directory if self.found.0 == self.directory.text() => self.found.1.clone(),
            Part::Model => {
                let names = picker::models(runs, agent).into_iter().map(|(name, _)| name).collect();
                matching(names, self.model.text(), String::clone)
            }
            Part::Mode => matching(picker::modes(runs, agent), self.mode.text(), String::clone),
            Part::Agent | Part::Directory | Part::Prompt => Vec::new(),
        }
    }

    fn input(&mut self) -> Option<&mut Input> {
        match self.part {
            Part::Agent => None,
            Part::Directory => Some(&mut self.directory),
            Part::Model => Some(&mut self.model),
            Part::Mode => Some(&mut self.mode),
            Part::Prompt => Some(&mut self.prompt),
        }
    }

    /// Completes the field, or goes on to the next one where there is nothing to complete.
    fn complete_or_next(&mut self, runs: &Runs) {
        let best = self.suggestions(runs).into_iter().next();
        match (best, self.input()) {
            (Some(best), Some(input)) if !input.is_empty() && best != input.text() => input.set(&best),
            _ => self.part = self.part.step(1),
        }
    }

    fn newline(&mut self) {
        if self.part == Part::Prompt {
            self.above.push(self.prompt.text().to_owned());
            self.prompt.clear();
        }
    }

    /// What the directory is asked to be completed with, where that changed.
    fn ask(&self) -> Vec<Effect> {
        let query = self.directory.text().to_owned();
        if self.part != Part::Directory || self.found.0 == query {
            return Vec::new();
        }
        vec![Effect::Run(RunEffect::FindDirectories { query })]
    }
}

impl App {
    /// Opens the overlay, with what suits the place where one is.
    pub(super) fn open_new_session(&mut self) -> Vec<Effect> {
        let selected = self.session().and_then(|key| self.known.catalog.get(key)).cloned();
        let workspace = selected.as_ref().map(|session| session.workspace.clone()).filter(|path| !path.is_empty());
        let directory = workspace.or_else(|| self.home.here.clone()).unwrap_or_default();
        let agents = self.runs.agents();
        let place = |agent: Agent| agents.iter().position(|(known, installed)| *known == agent && *installed);
        let wanted = self.settings.agent.and_then(place);
        let agent = wanted.or_else(|| place(selected.as_ref()?.key.agent));
        let agent = agent.or_else(|| agents.iter().position(|(_, installed)| *installed)).unwrap_or(0);
        let mut new = NewSession { agent, ..NewSession::default() };
        new.directory.set(&directory);
        let agent = new.agent(&self.runs);
        let mut effects = self.push(Layer::NewSession(Box::new(new)));
        effects.push(Effect::Run(RunEffect::Agents));
        effects.push(Effect::Run(RunEffect::Models { agent, refresh: false }));
        effects
    }

    pub(super) fn key_in_new_session(&mut self, key: Key) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.last_mut() else { return Vec::new() };
        new.trouble = None;
        let agents = self.runs.agents().len().max(1);
        match key.code {
            KeyCode::Esc => drop(self.layers.pop()),
            KeyCode::Char('c') if key.ctrl => drop(self.layers.pop()),
            KeyCode::Enter if key.alt || key.shift => new.newline(),
            KeyCode::Enter => return self.begin_new(),
            KeyCode::Tab if key.shift => new.part = new.part.step(4),
            KeyCode::Up => new.part = new.part.step(4),
            KeyCode::Down => new.part = new.part.step(1),
            KeyCode::Tab => new.complete_or_next(&self.runs),
            KeyCode::F(5) => {
                let agent = new.agent(&self.runs);
                return vec![Effect::Run(RunEffect::Models { agent, refresh: true })];
            }
            KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if new.part == Part::Agent => {
                let by = if key.code == KeyCode::Left { agents - 1 } else { 1 };
                new.agent = (new.agent + by) % agents;
                let agent = new.agent(&self.runs);
                return vec![Effect::Run(RunEffect::Models { agent, refresh: false })];
            }
            KeyCode::Backspace if new.part == Part::Prompt && new.prompt.is_empty() => {
                if let Some(line) = new.above.pop() {
                    new.prompt.set(&line);
                }
            }
            _ => {
                if let Some(input) = new.input() {
                    let _other_keys_do_nothing = input.key(key);
                }
            }
        }
        self.ask_for_directories()
    }

    pub(super) fn paste_in_new_session(&mut self, pasted: &str) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.last_mut() else { return Vec::new() };
        let clean = text::sanitise(pasted).into_owned();
        let mut lines = clean.lines();
        let last = lines.next_back().unwrap_or_default();
        if new.part == Part::Prompt {
            for line in lines {
                new.prompt.insert(line);
                new.newline();
            }
        }
        if let Some(input) = new.input() {
            input.insert(last);
        }
        self.ask_for_directories()
    }

    fn ask_for_directories(&self) -> Vec<Effect> {
        match self.layers.last() {
            Some(Layer::NewSession(new)) => new.ask(),
            _ => Vec::new(),
        }
    }

    /// Directories that complete what was typed.
    pub(super) fn directories_found(&mut self, query: String, found: Vec<String>) {
        if let Some(Layer::NewSession(new)) = self.layers.last_mut()
            && new.directory.text() == query
        {
            new.found = (query, found);
        }
    }

    /// Begins, or says what is missing.
    fn begin_new(&mut self) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.last_mut() else { return Vec::new() };
        let agent = new.agent(&self.runs);
        let installed = self.runs.agents().iter().any(|(known, installed)| *known == agent && *installed);
        if !installed {
            let words = format!("{} is not installed: there is no program \"{}\" on PATH", agent.label(), agent.name());
            (new.part, new.trouble) = (Part::Agent, Some(words));
        } else if new.directory.text().trim().is_empty() {
            (new.part, new.trouble) = (Part::Directory, Some("a session needs a directory".to_owned()));
        } else if picker::skips_permissions(new.mode.text()) {
            let mode = new.mode.text().trim().to_owned();
            return self.ask_to_skip(&mode, Outcome::BeginNew);
        } else {
            return self.begin_chosen();
        }
        Vec::new()
    }

    /// Begins with what the overlay says, whatever its mode.
    pub(super) fn begin_chosen(&mut self) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.pop_if(|layer| matches!(layer, Layer::NewSession(_))) else {
            return Vec::new();
        };
        let chosen = |input: &Input| Some(input.text().trim().to_owned()).filter(|name| !name.is_empty());
        let opening = Opening {
            model: chosen(&new.model),
            mode: chosen(&new.mode),
            ..Opening::new(Conversation::New { id: None }, PathBuf::from(new.directory.text().trim()))
        };
        let prompt = Some(new.text()).filter(|text| !text.trim().is_empty());
        let agent = new.agent(&self.runs);
        self.begin(agent, opening, prompt)
    }
}

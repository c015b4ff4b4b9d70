//! The form of a new session: agent, directory, model, mode, first prompt.

use std::path::PathBuf;

use super::chat::composer::ComposerText;
use super::dialog::DialogOutcome;
use super::layer::Layer;
use super::line_editor::LineEditor;
use super::picker::{self, matching};
use super::runs::RunTable;
use super::{App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::Agent;
use crate::domain::run::{Conversation, RunStart};

/// State of the form.
#[derive(Debug, Default)]
pub struct NewSession {
    /// Index of the agent in [`RunTable::agents`].
    pub agent: usize,
    /// The focused field.
    pub field: NewSessionField,
    /// The directory.
    pub directory: LineEditor,
    /// The model; empty for the agent's default.
    pub model: LineEditor,
    /// The permission mode; empty for the agent's default.
    pub mode: LineEditor,
    /// The first prompt.
    pub prompt: ComposerText,
    /// The last directory query and its completions.
    pub directories: (String, Vec<String>),
    /// Validation error.
    pub error: Option<String>,
}

/// Field of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewSessionField {
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

impl NewSessionField {
    /// All fields, from top to bottom.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Directory, Self::Model, Self::Mode, Self::Prompt];

    /// Returns the label.
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
        let at = Self::ALL.iter().position(|field| *field == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

impl NewSession {
    /// Returns the chosen agent.
    pub fn agent(&self, runs: &RunTable) -> Agent {
        runs.agents().get(self.agent).map_or(Agent::Claude, |(agent, _)| *agent)
    }

    /// Returns the completions of the focused field, best first.
    pub fn suggestions(&self, runs: &RunTable) -> Vec<String> {
        let agent = self.agent(runs);
        match self.field {
            NewSessionField::Directory if self.directories.0 == self.directory.text() => self.directories.1.clone(),
            NewSessionField::Model => {
                let names = picker::models(runs, agent).into_iter().map(|(name, _)| name).collect();
                matching(names, self.model.text(), String::clone)
            }
            NewSessionField::Mode => matching(picker::modes(runs, agent), self.mode.text(), String::clone),
            NewSessionField::Agent | NewSessionField::Directory | NewSessionField::Prompt => Vec::new(),
        }
    }

    fn input(&mut self) -> Option<&mut LineEditor> {
        match self.field {
            NewSessionField::Agent | NewSessionField::Prompt => None,
            NewSessionField::Directory => Some(&mut self.directory),
            NewSessionField::Model => Some(&mut self.model),
            NewSessionField::Mode => Some(&mut self.mode),
        }
    }

    /// Completes the field, or moves to the next field if there is no completion.
    fn complete_or_next(&mut self, runs: &RunTable) {
        let best = self.suggestions(runs).into_iter().next();
        match (best, self.input()) {
            (Some(best), Some(input)) if !input.is_empty() && best != input.text() => input.set(&best),
            _ => self.field = self.field.step(1),
        }
    }

    /// Handles an editing key in the focused field.
    fn edit(&mut self, key: Key) {
        let _other_keys_do_nothing = match self.field {
            NewSessionField::Prompt => self.prompt.key(key),
            _ => self.input().is_some_and(|input| input.key(key)),
        };
    }

    /// Moves up or down: by a row in the prompt, else by a field.
    fn step(&mut self, down: bool, width: usize) {
        if self.field != NewSessionField::Prompt || !self.prompt.step(down, width) {
            self.field = self.field.step(if down { 1 } else { 4 });
        }
    }

    /// Requests directory completions if the query changed.
    fn request_directories(&self) -> Vec<Effect> {
        let query = self.directory.text().to_owned();
        if self.field != NewSessionField::Directory || self.directories.0 == query {
            return Vec::new();
        }
        vec![Effect::FindDirectories { query }]
    }
}

impl App {
    /// Opens the form with defaults from the current session and workspace.
    pub(super) fn open_new_session(&mut self) -> Vec<Effect> {
        let selected = self.session().and_then(|key| self.sessions.catalog.get(key)).cloned();
        let workspace = selected.as_ref().map(|session| session.workspace.clone()).filter(|path| !path.is_empty());
        let directory = workspace.or_else(|| self.home.here.clone()).unwrap_or_default();
        let agents = self.runs.agents();
        let index_of = |agent: Agent| agents.iter().position(|(known, installed)| *known == agent && *installed);
        let wanted = self.settings.agent.and_then(index_of);
        let agent = wanted.or_else(|| index_of(selected.as_ref()?.key.agent));
        let agent = agent.or_else(|| agents.iter().position(|(_, installed)| *installed)).unwrap_or(0);
        let mut new = NewSession { agent, ..NewSession::default() };
        new.directory.set(&directory);
        let agent = new.agent(&self.runs);
        let mut effects = self.push(Layer::NewSession(Box::new(new)));
        effects.push(Effect::LoadAgents);
        effects.push(Effect::LoadModels { agent, refresh: false });
        effects
    }

    pub(super) fn key_in_new_session(&mut self, key: Key) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.last_mut() else { return Vec::new() };
        new.error = None;
        let agents = self.runs.agents().len().max(1);
        match key.code {
            KeyCode::Esc => drop(self.layers.pop()),
            KeyCode::Char('c') if key.ctrl => drop(self.layers.pop()),
            KeyCode::Enter if (key.alt || key.shift) && new.field == NewSessionField::Prompt => new.prompt.insert("\n"),
            KeyCode::Enter => return self.validate_and_start(),
            KeyCode::Tab if key.shift => new.field = new.field.step(4),
            KeyCode::Up => new.step(false, self.layout.composer),
            KeyCode::Down => new.step(true, self.layout.composer),
            KeyCode::Tab => new.complete_or_next(&self.runs),
            KeyCode::F(5) => {
                let agent = new.agent(&self.runs);
                return vec![Effect::LoadModels { agent, refresh: true }];
            }
            KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if new.field == NewSessionField::Agent => {
                let by = if key.code == KeyCode::Left { agents - 1 } else { 1 };
                new.agent = (new.agent + by) % agents;
                let agent = new.agent(&self.runs);
                return vec![Effect::LoadModels { agent, refresh: false }];
            }
            _ => new.edit(key),
        }
        self.complete_directory()
    }

    pub(super) fn paste_in_new_session(&mut self, pasted: &str) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.last_mut() else { return Vec::new() };
        match new.field {
            NewSessionField::Prompt => new.prompt.paste(pasted),
            _ => {
                if let Some(input) = new.input() {
                    input.insert(pasted.trim());
                }
            }
        }
        self.complete_directory()
    }

    fn complete_directory(&self) -> Vec<Effect> {
        match self.layers.last() {
            Some(Layer::NewSession(new)) => new.request_directories(),
            _ => Vec::new(),
        }
    }

    /// Stores directory completions if they match the current query.
    pub(super) fn directories_found(&mut self, query: String, found: Vec<String>) {
        if let Some(Layer::NewSession(new)) = self.layers.last_mut()
            && new.directory.text() == query
        {
            new.directories = (query, found);
        }
    }

    /// Starts the session, or shows a validation error.
    fn validate_and_start(&mut self) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.last_mut() else { return Vec::new() };
        let agent = new.agent(&self.runs);
        let installed = self.runs.agents().iter().any(|(known, installed)| *known == agent && *installed);
        if !installed {
            let error = format!("{} is not installed: \"{}\" was not found on PATH", agent.label(), agent.name());
            (new.field, new.error) = (NewSessionField::Agent, Some(error));
        } else if new.directory.text().trim().is_empty() {
            (new.field, new.error) = (NewSessionField::Directory, Some("Choose a directory".to_owned()));
        } else if picker::skips_permissions(new.mode.text()) {
            let mode = new.mode.text().trim().to_owned();
            return self.ask_to_skip(&mode, DialogOutcome::StartNew);
        } else {
            return self.start_from_form();
        }
        Vec::new()
    }

    /// Starts the session as described by the form, without further questions.
    pub(super) fn start_from_form(&mut self) -> Vec<Effect> {
        let Some(Layer::NewSession(new)) = self.layers.pop_if(|layer| matches!(layer, Layer::NewSession(_))) else {
            return Vec::new();
        };
        let chosen = |input: &LineEditor| Some(input.text().trim().to_owned()).filter(|name| !name.is_empty());
        let start = RunStart {
            model: chosen(&new.model),
            mode: chosen(&new.mode),
            ..RunStart::new(Conversation::New { id: None }, PathBuf::from(new.directory.text().trim()))
        };
        let prompt = Some(new.prompt.whole()).filter(|text| !text.trim().is_empty());
        let agent = new.agent(&self.runs);
        self.start_chat(agent, start, prompt)
    }
}

//! Opening the form of a new session, its keys, and the start of the session.

use std::path::PathBuf;
use std::sync::Arc;

use super::{NewSession, NewSessionField};
use crate::app::chat::composer::ComposerText;
use crate::app::ctx::Ctx;
use crate::app::dialog::DialogOutcome;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::app::line_editor::LineEditor;
use crate::app::picker;
use crate::app::runs::RunTable;
use crate::app::ticket::RequestTicket;
use crate::config::key::{Key, KeyCode};
use crate::domain::run::{Conversation, RunStart};
use crate::domain::worktree::WorktreeReady;
use crate::domain::worktree::branch_name;
use crate::domain::{Agent, SessionKey};

impl NewSession {
    /// Opens the form with a prompt, and defaults from the selected session, else from the workspace in which salon was
    /// started.
    pub fn open(selected: Option<&SessionKey>, here: Option<Arc<str>>, prompt: &str, ctx: &mut Ctx) -> Flow {
        let selected = selected.and_then(|key| ctx.sessions.catalog.get(key));
        let workspace = selected.map(|session| session.workspace.clone()).filter(|path| !path.is_empty());
        let directory = workspace.or(here).unwrap_or_default();
        let agents = ctx.runs.agents();
        let index_of = |agent: Agent| agents.iter().position(|(known, installed)| *known == agent && *installed);
        let wanted = ctx.settings.agent.and_then(index_of);
        let agent = wanted.or_else(|| index_of(selected?.key.agent));
        let agent = agent.or_else(|| agents.iter().position(|(_, installed)| *installed)).unwrap_or(0);
        let mut new = Self { agent, prompt: ComposerText::new(prompt), ..Self::default() };
        new.directory.set(&directory);
        (new.host, _) = split_host(PathBuf::from(&*directory), ctx);
        ctx.effects.push(Effect::LoadAgents);
        new.load_models(false, ctx);
        Flow::Push(Layer::NewSession(Box::new(new)))
    }

    /// Creates the form of a session that was prepared elsewhere, such as one that continues another agent's.
    pub fn prefilled(agent: Option<Agent>, start: RunStart, prompt: &str, ctx: &mut Ctx) -> Self {
        let mut new = Self { prompt: ComposerText::new(prompt), wanted: agent, ..Self::default() };
        new.directory.set(&start.cwd.to_string_lossy());
        new.model.set(start.model.as_deref().unwrap_or_default());
        new.mode.set(start.mode.as_deref().unwrap_or_default());
        new.host.clone_from(&start.host);
        new.base = Some(start);
        new.choose_agent(ctx.runs);
        ctx.effects.push(Effect::LoadAgents);
        new.load_models(false, ctx);
        new
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        self.error = None;
        let agents = ctx.runs.agents().len().max(1);
        match key.code {
            KeyCode::Esc => return self.cancel(),
            KeyCode::Char('c') if key.ctrl => return self.cancel(),
            KeyCode::Enter if (key.alt || key.shift) && self.field == NewSessionField::Prompt => {
                self.prompt.insert("\n");
            }
            KeyCode::Char(' ') if self.field == NewSessionField::Worktree => self.toggle_worktree(),
            KeyCode::Enter if self.creating.is_some() => {}
            KeyCode::Enter => return self.validate_and_start(ctx),
            KeyCode::Tab if key.shift => self.field = self.field.step(false),
            KeyCode::Up => self.step(false, ctx.layout.composer),
            KeyCode::Down => self.step(true, ctx.layout.composer),
            KeyCode::Tab => self.complete_or_next(ctx.runs),
            KeyCode::F(5) => {
                self.load_models(true, ctx);
                return Flow::Stay;
            }
            KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if self.field == NewSessionField::Agent => {
                let by = if key.code == KeyCode::Left { agents - 1 } else { 1 };
                self.agent = (self.agent + by) % agents;
                self.is_agent_chosen = true;
                self.load_models(false, ctx);
                return Flow::Stay;
            }
            _ => self.edit(key),
        }
        self.directory_changed(ctx);
        Flow::Stay
    }

    /// Closes the form. The prompt is kept for the next one.
    fn cancel(&mut self) -> Flow {
        self.is_cancelled = true;
        Flow::Pop
    }

    /// Pastes into the focused field.
    pub fn paste(&mut self, pasted: &str, ctx: &mut Ctx) -> Flow {
        match self.field {
            NewSessionField::Prompt => self.prompt.paste(pasted),
            NewSessionField::Agent
            | NewSessionField::Directory
            | NewSessionField::Worktree
            | NewSessionField::Model
            | NewSessionField::Mode => {
                if let Some(input) = self.input() {
                    input.insert(pasted.trim());
                }
            }
        }
        self.directory_changed(ctx);
        Flow::Stay
    }

    /// Stores directory completions if they match the current query.
    pub fn directories_found(&mut self, query: String, found: Vec<String>) {
        if self.directory.text() == query {
            self.directories = (query, found);
        }
    }

    /// Selects an agent by name after the list of agents changed: another, installed one if it is missing and the user
    /// did not choose it.
    pub fn select_agent(&mut self, chosen: Agent, ctx: &mut Ctx) {
        let agents = ctx.runs.agents();
        let known = agents.iter().position(|(agent, _)| *agent == chosen);
        let is_kept = |at: &usize| self.is_agent_chosen || agents[*at].1;
        let installed = || agents.iter().position(|(_, installed)| *installed);
        self.agent = known.filter(is_kept).or_else(installed).or(known).unwrap_or(0);
        if self.agent(ctx.runs) != chosen {
            self.load_models(false, ctx);
        }
    }

    /// Proposes an agent for a form with a base, where agents have become known, unless the user has chosen one.
    pub fn propose_agent(&mut self, before: Agent, ctx: &mut Ctx) {
        if self.is_agent_chosen {
            return self.select_agent(before, ctx);
        }
        self.choose_agent(ctx.runs);
        if self.agent(ctx.runs) != before {
            self.load_models(false, ctx);
        }
    }

    /// Starts the session as described by the form, without further questions. A worktree is created first.
    pub fn start(&mut self, ctx: &mut Ctx) -> Flow {
        let directory = PathBuf::from(self.directory.text().trim());
        let (host, dir) = self.place(directory, ctx);
        let name = self.worktree.text().trim();
        if name.is_empty() {
            return self.start_in(host, dir, ctx);
        }
        let ticket = ctx.tickets.issue();
        ctx.effects.push(Effect::CreateWorktree { ticket, host, dir, name: name.to_owned() });
        self.creating = Some(ticket);
        Flow::Stay
    }

    /// Starts the session in the worktree that was created for it, or shows why there is none.
    pub fn worktree_created(
        &mut self,
        ticket: RequestTicket,
        result: &Result<WorktreeReady, String>,
        ctx: &mut Ctx,
    ) -> Flow {
        if self.creating != Some(ticket) {
            return Flow::Stay;
        }
        self.creating = None;
        match result {
            Ok(ready) => self.start_in(self.host.clone(), ready.dir.clone(), ctx),
            Err(reason) => {
                (self.field, self.error) = (NewSessionField::Worktree, Some(reason.clone()));
                Flow::Stay
            }
        }
    }

    fn start_in(&self, host: Option<Arc<str>>, cwd: PathBuf, ctx: &Ctx) -> Flow {
        let chosen = |input: &LineEditor| Some(input.text().trim().to_owned()).filter(|name| !name.is_empty());
        let new = || RunStart::new(Conversation::New { id: None }, PathBuf::new());
        let base = self.base.clone().unwrap_or_else(new);
        let start = RunStart { model: chosen(&self.model), mode: chosen(&self.mode), cwd, host, ..base };
        let prompt = Some(self.prompt.whole()).filter(|text| !text.trim().is_empty());
        Flow::pop_then(Flow::StartChat { agent: self.agent(ctx.runs), start, prompt })
    }

    /// Names the worktree after the first words of the prompt, or removes the name.
    fn toggle_worktree(&mut self) {
        let name = if self.worktree.is_empty() {
            branch_name(&self.prompt.whole()).unwrap_or_else(|| "worktree".to_owned())
        } else {
            String::new()
        };
        self.worktree.set(&name);
    }

    /// Starts the session, or shows a validation error.
    fn validate_and_start(&mut self, ctx: &mut Ctx) -> Flow {
        let agent = self.agent(ctx.runs);
        let installed = ctx.runs.agents().iter().any(|(known, installed)| *known == agent && *installed);
        // Another machine says itself what is installed there.
        if self.is_missing(installed) {
            let error = format!("{} is not installed: \"{}\" was not found on PATH", agent.label(), agent.program());
            (self.field, self.error) = (NewSessionField::Agent, Some(error));
        } else if self.directory.text().trim().is_empty() {
            (self.field, self.error) = (NewSessionField::Directory, Some("Choose a directory".to_owned()));
        } else if picker::skips_permissions(self.mode.text()) {
            let dialog = picker::skip_dialog(self.mode.text().trim(), DialogOutcome::StartNew);
            return Flow::Push(Layer::Dialog(dialog));
        } else {
            return self.start(ctx);
        }
        Flow::Stay
    }

    /// Requests the models of a machine that was not connected when it was chosen.
    pub fn machine_connected(&self, host: &str, ctx: &mut Ctx) {
        if self.host.as_deref() == Some(host) {
            self.load_models(false, ctx);
        }
    }

    fn load_models(&self, refresh: bool, ctx: &mut Ctx) {
        ctx.effects.push(Effect::LoadModels { source: self.model_source(ctx.runs), refresh });
    }

    /// Completes the field, or moves to the next field if there is no completion.
    fn complete_or_next(&mut self, runs: &RunTable) {
        let best = self.suggestions(runs).into_iter().next();
        match (best, self.input()) {
            (Some(best), Some(input)) if !input.is_empty() && best != input.text() => input.set(&best),
            _ => self.field = self.field.step(true),
        }
    }

    /// Handles an editing key in the focused field.
    fn edit(&mut self, key: Key) {
        let _other_keys_do_nothing = match self.field {
            NewSessionField::Prompt => self.prompt.key(key),
            NewSessionField::Agent
            | NewSessionField::Directory
            | NewSessionField::Worktree
            | NewSessionField::Model
            | NewSessionField::Mode => self.input().is_some_and(|input| input.key(key)),
        };
    }

    /// Moves up or down: by a row in the prompt, else by a field.
    fn step(&mut self, down: bool, width: usize) {
        if self.field != NewSessionField::Prompt || !self.prompt.step(down, width) {
            self.field = self.field.step(down);
        }
    }

    /// Returns the machine of a directory, and the directory there.
    fn place(&self, directory: PathBuf, ctx: &Ctx) -> (Option<Arc<str>>, PathBuf) {
        let (host, cwd) = split_host(directory, ctx);
        (host.or_else(|| self.base.as_ref()?.host.clone()), cwd)
    }

    /// Requests what depends on the directory if it changed: its completions, and the models of its machine.
    fn directory_changed(&mut self, ctx: &mut Ctx) {
        let (host, _) = self.place(PathBuf::from(self.directory.text().trim()), ctx);
        if host != self.host {
            self.host = host;
            self.load_models(false, ctx);
        }
        let query = self.directory.text().to_owned();
        if self.field == NewSessionField::Directory && self.directories.0 != query {
            ctx.effects.push(Effect::FindDirectories { query });
        }
    }
}

/// Splits a directory such as `box:/src/shop` into the other machine and the directory there.
fn split_host(directory: PathBuf, ctx: &Ctx) -> (Option<Arc<str>>, PathBuf) {
    let text = directory.to_string_lossy();
    let Some((name, rest)) = text.split_once(':') else { return (None, directory) };
    match ctx.sessions.remotes.get_key_value(name) {
        Some((host, _)) => (Some(host.clone()), PathBuf::from(rest)),
        None => (None, directory),
    }
}

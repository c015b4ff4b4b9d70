//! User settings, read from `config.toml` over the defaults. Reading never fails: an invalid value is reported and the
//! default applies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::{Table, Value};

use super::agents;
use super::keymap::{self, KeyBinding};
use super::prices;
use super::problem::{self, ConfigProblem};
use super::sources;
use super::worktrees::{WorkspaceSettings, WorktreeRoot};
use crate::domain::Agent;
use crate::domain::budget::Budget;
use crate::domain::catalog::Sort;
use crate::domain::price::PriceTable;
use crate::domain::remote::RemoteSource;

/// Default configuration: the embedded file.
pub const DEFAULT: &str = include_str!("../../assets/config.toml");

/// User settings.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each field is a setting of its own")]
pub struct Settings {
    /// Theme to use.
    pub theme: ThemeChoice,
    /// Initial scope of the list; `None` for the scope at the last exit.
    pub scope: Option<ListScope>,
    /// Initial order of the list; `None` for the order at the last exit.
    pub sort: Option<Sort>,
    /// Show the preview.
    pub preview: bool,
    /// Mask secrets on the screen.
    pub mask_secrets: bool,
    /// Enable the mouse.
    pub mouse: bool,
    /// Way in which images are drawn.
    pub images: ImageDisplay,
    /// Agent of a new session; `None` for the agent of the selected session.
    pub agent: Option<Agent>,
    /// Effect of a prompt that is sent during a turn.
    pub during_turn: DuringTurn,
    /// Events that notify the user.
    pub notify: Notify,
    /// Ring the terminal's bell with notifications.
    pub bell: bool,
    /// Limits of runs and of the trash.
    pub limits: RunLimits,
    /// External OpenCode server, which replaces one that salon starts.
    pub server: ServerSettings,
    /// Agents that the configuration defines.
    pub agents: Vec<Agent>,
    /// Runs in a background process.
    pub serve: ServeSettings,
    /// Other machines and containers.
    pub sources: Vec<RemoteSource>,
    /// Additional roots of agents.
    pub roots: BTreeMap<Agent, Vec<PathBuf>>,
    /// Sessions to keep although their agents delete old ones.
    pub keep: Keep,
    /// Prices of models.
    pub prices: PriceTable,
    /// Location of new worktrees.
    pub worktree_root: WorktreeRoot,
    /// Days for which snapshots of the files of a turn are kept.
    pub snapshot_days: u32,
    /// Settings of single workspaces, by directory; `~` is the home directory.
    pub workspaces: BTreeMap<String, WorkspaceSettings>,
    /// Changes to the key map.
    pub keys: Vec<KeyBinding>,
}

/// An external server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// Address of the server; `None` if there is none.
    pub address: Option<SocketAddr>,
    /// Password; empty if the environment contains it.
    pub password: String,
}

impl std::fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ServerSettings {
    /// Parses a loopback address. Other addresses are rejected, because the connection is not encrypted.
    pub fn address(text: &str) -> Result<SocketAddr, String> {
        let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let named = bare.replace("localhost", "127.0.0.1");
        let address: SocketAddr =
            named.parse().map_err(|_| format!("\"{text}\" is not an address such as 127.0.0.1:4096"))?;
        if address.ip().is_loopback() { Ok(address) } else { Err(format!("\"{text}\" is not on this machine")) }
    }
}

/// Theme selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    /// Theme that matches the terminal's background.
    #[default]
    Auto,
    /// Dark theme.
    Dark,
    /// Light theme.
    Light,
}

/// Effect of a prompt that is sent during a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuringTurn {
    /// The prompt waits for the end of the turn.
    #[default]
    Queue,
    /// The prompt joins the turn, if the agent can do that.
    Steer,
}

/// Way in which images are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageDisplay {
    /// As the terminal is known to draw them; otherwise in the platform's program, or in blocks of colour without one.
    #[default]
    Auto,
    /// With the graphics protocol of kitty.
    Kitty,
    /// With the inline images of iTerm2.
    Iterm2,
    /// As sixels.
    Sixel,
    /// In half blocks of colour.
    Blocks,
    /// Not in the terminal.
    Off,
}

/// Events that notify the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// Session needs the user, or its turn ended.
    #[default]
    All,
    /// Session needs the user.
    NeedsYou,
    /// No event.
    Off,
}

/// Sessions that salon keeps although their agents delete old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Sessions that the user marks.
    #[default]
    Marked,
    /// All sessions.
    All,
}

/// Limits of runs and of the trash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunLimits {
    /// Maximum agent processes at once.
    pub runs: usize,
    /// Minutes until an idle agent is stopped; its session resumes with the next prompt.
    pub idle_minutes: u32,
    /// Days after which what is in the trash is deleted.
    pub trash_days: u32,
    /// Budgets after which the next prompt waits for the user.
    pub budget: Budget,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self { runs: 8, idle_minutes: 15, trash_days: 30, budget: Budget::default() }
    }
}

/// Background process that keeps runs while no window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// Start it with the first window. A running one is used in any case.
    pub background: bool,
    /// Minutes without a window and without work after which it ends; `None` to keep it.
    pub exit_minutes: Option<u32>,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { background: false, exit_minutes: Some(10) }
    }
}

/// Scope of a session list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListScope {
    /// Workspace of the current directory.
    Here,
    /// All workspaces.
    #[default]
    All,
}

impl ListScope {
    /// Identifier in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::All => "all",
        }
    }

    /// Finds a scope by its identifier.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Here, Self::All].into_iter().find(|scope| scope.name() == name)
    }
}

impl Settings {
    /// Parses a `config.toml`; empty text means the defaults. Returns a problem for each invalid value and unknown key.
    pub fn read(text: &str) -> (Self, Vec<ConfigProblem>) {
        let mut settings = Self { prices: prices::built_in(), ..Self::default() };
        let defaults = DEFAULT.parse::<Table>().unwrap_or_default();
        let mut problems = settings.apply(&defaults);
        match text.parse::<Table>() {
            Ok(user) => {
                problems.extend(settings.apply(&user));
                problem::locate(text, &mut problems);
            }
            Err(_) => problems.extend(problem::syntax_errors(text)),
        }
        (settings, problems)
    }

    /// Applies a parsed file. Returns a problem for each invalid value and unknown key, without lines.
    pub(super) fn apply(&mut self, table: &Table) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        // Other settings name the agents that this one defines.
        let defined = table.get("agents").map(|agents| self.apply_agents(agents, &mut problems));
        problems.extend(defined.and_then(Result::err).map(|message| ConfigProblem::new("agents", message)));
        for (name, value) in table {
            let applied = match name.as_str() {
                "agents" => Ok(()),
                "limits" => self.apply_table(name, value, &mut problems, Self::apply_limit),
                "serve" => self.apply_table(name, value, &mut problems, Self::apply_serve),
                "servers" => self.apply_table(name, value, &mut problems, Self::apply_server),
                "sources" => self.apply_table(name, value, &mut problems, Self::apply_source),
                "roots" => self.apply_table(name, value, &mut problems, Self::apply_root),
                "worktrees" => self.apply_table(name, value, &mut problems, Self::apply_worktrees),
                "workspaces" => self.apply_workspaces(value, &mut problems),
                "keys" => self.apply_keys(value, &mut problems),
                _ => self.apply_setting(name, value),
            };
            problems.extend(applied.err().map(|message| ConfigProblem::new(name, message)));
        }
        problems
    }

    fn apply_setting(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "theme" => self.theme = choice(value, &THEMES)?,
            "scope" => self.scope = choice(value, &SCOPES)?,
            "sort" => self.sort = sort(value)?,
            "preview" => self.preview = flag(value)?,
            "mask_secrets" => self.mask_secrets = flag(value)?,
            "mouse" => self.mouse = flag(value)?,
            "images" => self.images = choice(value, &IMAGES)?,
            "agent" => self.agent = agent(value)?,
            "during_turn" => self.during_turn = choice(value, &DURING_TURN)?,
            "notify" => self.notify = choice(value, &NOTIFY)?,
            "bell" => self.bell = flag(value)?,
            "keep" => self.keep = choice(value, &KEEP)?,
            "prices" => self.prices.own = prices::read(value)?,
            _ => return Err("unknown setting, ignored".to_owned()),
        }
        Ok(())
    }

    /// Applies each key of a table, also after an invalid one.
    fn apply_table(
        &mut self,
        table: &str,
        value: &Value,
        problems: &mut Vec<ConfigProblem>,
        apply: impl Fn(&mut Self, &str, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        for (name, value) in value.as_table().ok_or("must be a table")? {
            let problem = apply(self, name, value).err();
            problems.extend(problem.map(|message| ConfigProblem::new(format!("{table}.{name}"), message)));
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "an amount of dollars")]
    fn apply_limit(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let count = || {
            let count = value.as_integer().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
            count.ok_or_else(|| format!("{value} is not a number above 0"))
        };
        let dollars = || {
            let amount = value.as_float().or_else(|| value.as_integer().map(|amount| amount as f64));
            let amount = amount.filter(|amount| amount.is_finite() && *amount >= 0.0);
            let amount = amount.ok_or_else(|| format!("{value} is not a number of dollars"))?;
            Ok::<_, String>(Some(amount).filter(|amount| *amount > 0.0))
        };
        match name {
            "session_usd" => self.limits.budget.session_usd = dollars()?,
            "day_usd" => self.limits.budget.day_usd = dollars()?,
            "runs" => self.limits.runs = count()? as usize,
            "idle_minutes" => self.limits.idle_minutes = count()?,
            "trash_days" => self.limits.trash_days = count()?,
            _ => return Err("unknown limit, ignored".to_owned()),
        }
        Ok(())
    }

    fn apply_serve(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "background" => self.serve.background = flag(value)?,
            "exit_minutes" => {
                let minutes = value.as_integer().and_then(|minutes| u32::try_from(minutes).ok());
                let minutes = minutes.ok_or_else(|| format!("{value} is not a number of minutes"))?;
                self.serve.exit_minutes = Some(minutes).filter(|minutes| *minutes > 0);
            }
            _ => return Err("unknown setting, ignored".to_owned()),
        }
        Ok(())
    }

    fn apply_server(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let text = || value.as_str().ok_or_else(|| format!("{value} is not a string"));
        match name {
            "opencode" if text()?.is_empty() => self.server.address = None,
            "opencode" => self.server.address = Some(ServerSettings::address(text()?)?),
            // The value may be the password without its quotes.
            "opencode_password" => value.as_str().ok_or("must be in quotes")?.clone_into(&mut self.server.password),
            _ => return Err("unknown server, ignored".to_owned()),
        }
        Ok(())
    }

    fn apply_agents(&mut self, value: &Value, problems: &mut Vec<ConfigProblem>) -> Result<(), String> {
        for (name, value) in value.as_table().ok_or("must be a table of agents")? {
            match agents::define(name, value, problems) {
                Ok(agent) => self.agents.push(agent),
                Err(message) => problems.push(ConfigProblem::new(format!("agents.{name}"), message)),
            }
        }
        Ok(())
    }

    fn apply_source(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let source = sources::read(name, value)?;
        self.sources.push(source);
        Ok(())
    }

    fn apply_root(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let agent = Agent::from_name(name).ok_or("unknown agent, ignored")?;
        let paths =
            value.as_array().map(Vec::as_slice).or_else(|| value.is_str().then_some(std::slice::from_ref(value)));
        let paths = paths.ok_or("must be a list of directories")?;
        let read = |path: &Value| path.as_str().map(PathBuf::from).ok_or_else(|| format!("{path} is not a directory"));
        self.roots.insert(agent, paths.iter().map(read).collect::<Result<_, _>>()?);
        Ok(())
    }

    fn apply_worktrees(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "root" => {
                let text = value.as_str().ok_or_else(|| format!("{value} is not a string"))?;
                self.worktree_root = WorktreeRoot::parse(text)?;
            }
            "snapshot_days" => {
                let days = value.as_integer().and_then(|days| u32::try_from(days).ok()).filter(|days| *days > 0);
                self.snapshot_days = days.ok_or_else(|| format!("{value} is not a number of days"))?;
            }
            _ => return Err("unknown setting, ignored".to_owned()),
        }
        Ok(())
    }

    fn apply_workspaces(&mut self, value: &Value, problems: &mut Vec<ConfigProblem>) -> Result<(), String> {
        for (workspace, value) in value.as_table().ok_or("must be a table of directories")? {
            let mut of_workspace = self.workspaces.remove(workspace).unwrap_or_default();
            let table = value.as_table().ok_or_else(|| format!("{workspace} must be a table"))?;
            for (name, value) in table {
                let problem = of_workspace.apply(name, value).err();
                problems.extend(
                    problem.map(|message| ConfigProblem::new(format!("workspaces.{workspace}.{name}"), message)),
                );
            }
            self.workspaces.insert(workspace.clone(), of_workspace);
        }
        Ok(())
    }

    fn apply_keys(&mut self, value: &Value, problems: &mut Vec<ConfigProblem>) -> Result<(), String> {
        let table = value.as_table().ok_or("must be a table of contexts")?;
        let (rows, wrong) = keymap::bindings(table);
        self.keys.extend(rows);
        problems.extend(wrong);
        Ok(())
    }
}

const THEMES: [(&str, ThemeChoice); 3] =
    [("auto", ThemeChoice::Auto), ("dark", ThemeChoice::Dark), ("light", ThemeChoice::Light)];

const SCOPES: [(&str, Option<ListScope>); 3] =
    [("last", None), ("here", Some(ListScope::Here)), ("all", Some(ListScope::All))];

const IMAGES: [(&str, ImageDisplay); 6] = [
    ("auto", ImageDisplay::Auto),
    ("kitty", ImageDisplay::Kitty),
    ("iterm2", ImageDisplay::Iterm2),
    ("sixel", ImageDisplay::Sixel),
    ("blocks", ImageDisplay::Blocks),
    ("off", ImageDisplay::Off),
];

const DURING_TURN: [(&str, DuringTurn); 2] = [("queue", DuringTurn::Queue), ("steer", DuringTurn::Steer)];

const NOTIFY: [(&str, Notify); 3] = [("all", Notify::All), ("needs-you", Notify::NeedsYou), ("off", Notify::Off)];

const KEEP: [(&str, Keep); 2] = [("marked", Keep::Marked), ("all", Keep::All)];

fn agent(value: &Value) -> Result<Option<Agent>, String> {
    let mut names: Vec<_> = Agent::all().into_iter().map(|agent| (agent.name(), Some(agent))).collect();
    names.push(("selected", None));
    choice(value, &names)
}

fn choice<T: Copy>(value: &Value, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names = names.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        format!("{value} must be one of {names}")
    })
}

fn sort(value: &Value) -> Result<Option<Sort>, String> {
    let mut names: Vec<_> = Sort::ALL.into_iter().map(|sort| (sort.name(), Some(sort))).collect();
    names.push(("last", None));
    choice(value, &names)
}

fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{value} must be true or false"))
}

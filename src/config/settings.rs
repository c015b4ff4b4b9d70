//! User settings, read from `config.toml` over the defaults. Reading never fails: an invalid value is reported and the
//! default applies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::{Table, Value};

use super::keymap::{self, KeyBinding};
use crate::domain::Agent;
use crate::domain::catalog::Sort;

/// Default configuration: the embedded file.
pub const DEFAULT: &str = include_str!("../../assets/config.toml");

/// User settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Theme to use.
    pub theme: ThemeChoice,
    /// Initial scope of the list; `None` for the scope at the last exit.
    pub scope: Option<ListScope>,
    /// Initial order of the list; `None` for the order at the last exit.
    pub sort: Option<Sort>,
    /// Show the preview.
    pub preview: bool,
    /// Enable the mouse.
    pub mouse: bool,
    /// Agent of a new session; `None` for the agent of the selected session.
    pub agent: Option<Agent>,
    /// Events that notify the user.
    pub notify: Notify,
    /// Ring the terminal's bell with notifications.
    pub bell: bool,
    /// Limits of runs.
    pub limits: RunLimits,
    /// External OpenCode server, which replaces one that salon starts.
    pub server: ServerSettings,
    /// Additional roots of agents.
    pub roots: BTreeMap<Agent, Vec<PathBuf>>,
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

/// Limits of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Maximum agent processes at once.
    pub runs: usize,
    /// Minutes until an idle agent is stopped; its session resumes with the next prompt.
    pub idle_minutes: u32,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self { runs: 8, idle_minutes: 15 }
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
    /// Parses a `config.toml`; empty text means the defaults. Returns a message for each invalid value.
    pub fn read(text: &str) -> (Self, Vec<String>) {
        let mut settings = Self::default();
        let defaults = DEFAULT.parse::<Table>().unwrap_or_default();
        let mut problems = settings.apply(&defaults);
        match text.parse::<Table>() {
            Ok(user) => problems.extend(settings.apply(&user)),
            Err(error) => {
                let line =
                    error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or(text).matches('\n').count());
                problems.push(format!("line {line}: {}; using the defaults", error.message()));
            }
        }
        (settings, problems)
    }

    /// Applies a parsed file. Returns a message for each invalid value.
    pub(super) fn apply(&mut self, table: &Table) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, value) in table {
            let taken = match name.as_str() {
                "theme" => choice(value, &THEMES).map(|theme| self.theme = theme),
                "scope" => choice(value, &SCOPES).map(|scope| self.scope = scope),
                "sort" => sort(value).map(|sort| self.sort = sort),
                "preview" => flag(value).map(|preview| self.preview = preview),
                "mouse" => flag(value).map(|mouse| self.mouse = mouse),
                "agent" => agent(value).map(|agent| self.agent = agent),
                "notify" => choice(value, &NOTIFY).map(|notify| self.notify = notify),
                "bell" => flag(value).map(|bell| self.bell = bell),
                "limits" => self.apply_limits(value),
                "servers" => self.apply_servers(value),
                "roots" => self.apply_roots(value),
                "keys" => self.apply_keys(value, &mut problems),
                _ => Err("unknown setting".to_owned()),
            };
            if let Err(problem) = taken {
                problems.push(format!("{name}: {problem}"));
            }
        }
        problems
    }

    fn apply_limits(&mut self, value: &Value) -> Result<(), String> {
        for (name, value) in value.as_table().ok_or("must be a table")? {
            let count = value.as_integer().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
            let count = count.ok_or_else(|| format!("{name}: {value} is not a number above 0"))?;
            match name.as_str() {
                "runs" => self.limits.runs = count as usize,
                "idle_minutes" => self.limits.idle_minutes = count,
                _ => return Err(format!("unknown limit \"{name}\"")),
            }
        }
        Ok(())
    }

    fn apply_servers(&mut self, value: &Value) -> Result<(), String> {
        for (name, value) in value.as_table().ok_or("must be a table")? {
            let text = value.as_str().ok_or_else(|| format!("{name}: {value} is not a string"))?;
            match name.as_str() {
                "opencode" if text.is_empty() => self.server.address = None,
                "opencode" => self.server.address = Some(ServerSettings::address(text)?),
                "opencode_password" => text.clone_into(&mut self.server.password),
                _ => return Err(format!("unknown server \"{name}\"")),
            }
        }
        Ok(())
    }

    fn apply_roots(&mut self, value: &Value) -> Result<(), String> {
        let table = value.as_table().ok_or("must be a table of agents")?;
        for (name, paths) in table {
            let agent = Agent::from_name(name).ok_or_else(|| format!("unknown agent \"{name}\""))?;
            let paths =
                paths.as_array().map(Vec::as_slice).or_else(|| paths.is_str().then_some(std::slice::from_ref(paths)));
            let paths = paths.ok_or_else(|| format!("{name} is not a list of directories"))?;
            let read =
                |path: &Value| path.as_str().map(PathBuf::from).ok_or_else(|| format!("{path} is not a directory"));
            self.roots.insert(agent, paths.iter().map(read).collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    fn apply_keys(&mut self, value: &Value, problems: &mut Vec<String>) -> Result<(), String> {
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

const NOTIFY: [(&str, Notify); 3] = [("all", Notify::All), ("needs-you", Notify::NeedsYou), ("off", Notify::Off)];

fn agent(value: &Value) -> Result<Option<Agent>, String> {
    let mut names: Vec<_> = Agent::ALL.into_iter().map(|agent| (agent.name(), Some(agent))).collect();
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

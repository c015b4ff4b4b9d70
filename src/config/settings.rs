//! What the user configured, read from `config.toml` over the defaults. Never fails: what cannot be used is told in
//! words and the default stands.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::{Table, Value};

use super::keymap::{self, Row};
use crate::domain::Agent;
use crate::domain::catalog::Sort;

/// The default configuration, which is the file itself.
pub const DEFAULT: &str = include_str!("../../assets/config.toml");

/// What the user configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Which theme.
    pub theme: ThemeChoice,
    /// What the list begins with; `None`: what it was when salon ended.
    pub scope: Option<Scope>,
    /// Its order; `None`: what it was when salon ended.
    pub sort: Option<Sort>,
    /// Show the preview.
    pub preview: bool,
    /// React to the mouse.
    pub mouse: bool,
    /// The agent of a new session; `None`: that of the selected session.
    pub agent: Option<Agent>,
    /// When the user is called.
    pub notify: Notify,
    /// Notifications ring the terminal's bell.
    pub bell: bool,
    /// How many runs may live, and how long an idle one does.
    pub limits: Limits,
    /// OpenCode's server that is used instead of one that salon starts.
    pub server: Server,
    /// Further roots of agents.
    pub roots: BTreeMap<Agent, Vec<PathBuf>>,
    /// Changes of the key map.
    pub keys: Vec<Row>,
}

/// A server that runs already.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// Where it listens; `None`: there is none.
    pub address: Option<SocketAddr>,
    /// Its password; empty where the environment tells it.
    pub password: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// An address on this machine: nothing is asked over a network.
    pub fn address(text: &str) -> Result<SocketAddr, String> {
        let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let named = bare.replace("localhost", "127.0.0.1");
        let address: SocketAddr =
            named.parse().map_err(|_| format!("\"{text}\" is not an address as 127.0.0.1:4096"))?;
        if address.ip().is_loopback() { Ok(address) } else { Err(format!("\"{text}\" is not on this machine")) }
    }
}

/// Which theme is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    /// What suits the terminal's background.
    #[default]
    Auto,
    /// The dark one.
    Dark,
    /// The light one.
    Light,
}

/// When the user is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// When an agent needs them, and when one is done.
    #[default]
    All,
    /// When an agent needs them.
    NeedsYou,
    /// Never.
    Off,
}

/// Limits of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Agents that may live at once.
    pub runs: usize,
    /// Minutes after which an idle one is ended; its session goes on with the next prompt.
    pub idle_minutes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { runs: 8, idle_minutes: 15 }
    }
}

/// Whether a list shows this workspace or all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The workspace that salon was started in.
    Here,
    /// All.
    #[default]
    All,
}

impl Scope {
    /// Its word in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::All => "all",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Here, Self::All].into_iter().find(|scope| scope.name() == name)
    }
}

impl Settings {
    /// Reads the text of a `config.toml` (empty: the defaults), and tells what in it cannot be used, in words.
    pub fn read(text: &str) -> (Self, Vec<String>) {
        let mut settings = Self::default();
        let defaults = DEFAULT.parse::<Table>().unwrap_or_default();
        let mut problems = settings.take(&defaults);
        match text.parse::<Table>() {
            Ok(user) => problems.extend(settings.take(&user)),
            Err(error) => {
                let line =
                    error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or(text).matches('\n').count());
                problems.push(format!("line {line}: {}; the defaults are used", error.message()));
            }
        }
        (settings, problems)
    }

    /// Takes over what a file says, and tells what in it cannot be used.
    pub(super) fn take(&mut self, table: &Table) -> Vec<String> {
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
                "limits" => self.take_limits(value),
                "servers" => self.take_servers(value),
                "roots" => self.take_roots(value),
                "keys" => self.take_keys(value, &mut problems),
                _ => Err("there is no such setting".to_owned()),
            };
            if let Err(problem) = taken {
                problems.push(format!("{name}: {problem}"));
            }
        }
        problems
    }

    fn take_limits(&mut self, value: &Value) -> Result<(), String> {
        for (name, value) in value.as_table().ok_or("is not a table")? {
            let count = value.as_integer().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
            let count = count.ok_or_else(|| format!("{name}: {value} is not a count above 0"))?;
            match name.as_str() {
                "runs" => self.limits.runs = count as usize,
                "idle_minutes" => self.limits.idle_minutes = count,
                _ => return Err(format!("there is no limit \"{name}\"")),
            }
        }
        Ok(())
    }

    fn take_servers(&mut self, value: &Value) -> Result<(), String> {
        for (name, value) in value.as_table().ok_or("is not a table")? {
            let text = value.as_str().ok_or_else(|| format!("{name}: {value} is not a text"))?;
            match name.as_str() {
                "opencode" if text.is_empty() => self.server.address = None,
                "opencode" => self.server.address = Some(Server::address(text)?),
                "opencode_password" => text.clone_into(&mut self.server.password),
                _ => return Err(format!("there is no server \"{name}\"")),
            }
        }
        Ok(())
    }

    fn take_roots(&mut self, value: &Value) -> Result<(), String> {
        let table = value.as_table().ok_or("is not a table of agents")?;
        for (name, paths) in table {
            let agent = Agent::from_name(name).ok_or_else(|| format!("there is no agent \"{name}\""))?;
            let paths =
                paths.as_array().map(Vec::as_slice).or_else(|| paths.is_str().then_some(std::slice::from_ref(paths)));
            let paths = paths.ok_or_else(|| format!("{name} is not a list of directories"))?;
            let read =
                |path: &Value| path.as_str().map(PathBuf::from).ok_or_else(|| format!("{path} is not a directory"));
            self.roots.insert(agent, paths.iter().map(read).collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    fn take_keys(&mut self, value: &Value, problems: &mut Vec<String>) -> Result<(), String> {
        let table = value.as_table().ok_or("is not a table of places")?;
        let (rows, wrong) = keymap::rows(table);
        self.keys.extend(rows);
        problems.extend(wrong);
        Ok(())
    }
}

const THEMES: [(&str, ThemeChoice); 3] =
    [("auto", ThemeChoice::Auto), ("dark", ThemeChoice::Dark), ("light", ThemeChoice::Light)];

const SCOPES: [(&str, Option<Scope>); 3] = [("last", None), ("here", Some(Scope::Here)), ("all", Some(Scope::All))];

const NOTIFY: [(&str, Notify); 3] = [("all", Notify::All), ("needs-you", Notify::NeedsYou), ("off", Notify::Off)];

fn agent(value: &Value) -> Result<Option<Agent>, String> {
    let mut words: Vec<_> = Agent::ALL.into_iter().map(|agent| (agent.name(), Some(agent))).collect();
    words.push(("selected", None));
    choice(value, &words)
}

fn choice<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, meant)| *meant);
    found.ok_or_else(|| {
        let words = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        format!("{value} is none of {words}")
    })
}

fn sort(value: &Value) -> Result<Option<Sort>, String> {
    let mut words: Vec<_> = Sort::ALL.into_iter().map(|sort| (sort.name(), Some(sort))).collect();
    words.push(("last", None));
    choice(value, &words)
}

fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{value} is neither true nor false"))
}

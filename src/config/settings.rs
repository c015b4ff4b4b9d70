//! What the user configured, read from `config.toml` over the defaults. Never fails: what cannot be used is told in
//! words and the default stands.

use std::collections::BTreeMap;
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
    /// Further roots of agents.
    pub roots: BTreeMap<Agent, Vec<PathBuf>>,
    /// Changes of the key map.
    pub keys: Vec<Row>,
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

//! What is shown, as a command for a shell: copied, to be run elsewhere or kept in a script.

use super::home::Home;
use super::{App, Effect};
use crate::domain::catalog::Sort;
use crate::domain::found::Order;
use crate::domain::launch::quote;
use crate::domain::query::{Filter, Query, Term, What};

/// A command that shows the same, and what of it no option can say, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// To be pasted into a POSIX shell.
    pub line: String,
    /// What is left out.
    pub without: Vec<String>,
}

impl Command {
    /// A search in an order.
    pub fn of_search(query: &str, order: Order) -> Self {
        let query = query.trim();
        let sort = match order {
            Order::Relevance => String::new(),
            order @ (Order::Time | Order::Size | Order::Turns) => format!("--sort {} ", order.name()),
        };
        // What begins with a hyphen would be taken for an option; a hyphen alone would be read from stdin.
        let ends = if query.starts_with('-') { "-- " } else { "" };
        Self { line: format!("salon search {sort}{ends}{}", quote(query)), without: Vec::new() }
    }

    /// The list of sessions: its workspace, and whether what is hidden is shown.
    pub fn of_list(home: &Home) -> Self {
        let (mut line, mut without) = ("salon list".to_owned(), Vec::new());
        if home.show_hidden {
            line.push_str(" --hidden");
        }
        match home.workspaces.selected() {
            None => {}
            Some(workspace) if workspace.starts_with('/') => line = format!("{line} {}", quote(&within(workspace))),
            Some(_) => without.push("the workspace, which has no path".to_owned()),
        }
        if home.sort != Sort::default() {
            without.push(format!("the order by {}", home.sort.name()));
        }
        if home.filter.is_active() {
            without.push(format!("the quick filter “{}”", home.filter.input.text().trim()));
        }
        Self { line, without }
    }
}

/// The query for the sessions of a workspace.
fn within(workspace: &str) -> String {
    let what = What::Filter(Filter::Workspace(vec![workspace.to_owned()]));
    let branch = crate::domain::query::Branch { terms: vec![Term { negated: false, what, span: 0..0 }] };
    Query { branches: vec![branch], mistakes: Vec::new() }.to_string()
}

impl App {
    /// Copies a command, and says what it leaves out.
    pub(super) fn copy(&mut self, command: Command) -> Vec<Effect> {
        let Command { line, without } = command;
        let without = if without.is_empty() { String::new() } else { format!(" (without {})", without.join(" and ")) };
        self.notices.tell(format!("copied{without}: {line}"));
        vec![Effect::Copy(line)]
    }

    /// Copies what the list shows, or the saved view that is selected beside it.
    pub(super) fn copy_list(&mut self) -> Vec<Effect> {
        let command = match self.home.workspaces.view() {
            Some(view) => Command::of_search(&view.query, view.order),
            None => Command::of_list(&self.home),
        };
        self.copy(command)
    }
}

//! Shell commands that reproduce what is shown, to be copied to a terminal or a script.

use super::ctx::Ctx;
use super::effect::Effect;
use super::home::Home;
use crate::domain::catalog::Sort;
use crate::domain::launch::quote;
use crate::domain::query::{Filter, Query, Term, TermKind};
use crate::domain::search::SearchOrder;

/// Shell command for a list or a search, and the properties that no option expresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellCommand {
    /// Command line for a POSIX shell.
    pub line: String,
    /// Descriptions of the properties that the command omits.
    pub omitted: Vec<String>,
}

impl ShellCommand {
    /// Returns the command for a search in a sort order.
    pub fn of_search(query: &str, order: SearchOrder) -> Self {
        let query = query.trim();
        let sort = match order {
            SearchOrder::Relevance => String::new(),
            order @ (SearchOrder::Time | SearchOrder::Size | SearchOrder::Turns) => format!("--sort {} ", order.name()),
        };
        // A leading hyphen would be parsed as an option, and a lone hyphen as stdin.
        let ends = if query.starts_with('-') { "-- " } else { "" };
        Self { line: format!("salon search {sort}{ends}{}", quote(query)), omitted: Vec::new() }
    }

    /// Returns the command for the session list, with its workspace and `--hidden`.
    pub fn of_list(home: &Home) -> Self {
        let (mut line, mut omitted) = ("salon list".to_owned(), Vec::new());
        if home.show_hidden {
            line.push_str(" --hidden");
        }
        match home.workspaces.selected() {
            None => {}
            Some(workspace) if workspace.starts_with('/') => line = format!("{line} {}", quote(&within(workspace))),
            Some(_) => omitted.push("the workspace, which has no path".to_owned()),
        }
        if home.sort != Sort::default() {
            omitted.push(format!("the sort order {}", home.sort.name()));
        }
        if home.filter.is_active() {
            omitted.push(format!("the quick filter “{}”", home.filter.input.text().trim()));
        }
        Self { line, omitted }
    }

    /// Copies the command and names the omitted properties.
    pub(super) fn copy(self, ctx: &mut Ctx) {
        let Self { line, omitted } = self;
        let omitted = if omitted.is_empty() { String::new() } else { format!(" (without {})", omitted.join(" and ")) };
        ctx.notices.info(format!("Copied{omitted}: {line}"));
        ctx.effects.push(Effect::Copy(line));
    }
}

/// Returns the query for the sessions of a workspace.
fn within(workspace: &str) -> String {
    let kind = TermKind::Filter(Filter::Workspace(vec![workspace.to_owned()]));
    let branch = crate::domain::query::Branch { terms: vec![Term { negated: false, kind, span: 0..0 }] };
    Query { branches: vec![branch], errors: Vec::new() }.to_string()
}

//! Persistent state of the search: past queries and saved views.

use crate::app::Effect;
use crate::domain::search::SearchOrder;

/// Maximum number of saved queries, so that the saved state stays small.
const MAX_QUERIES: usize = 100;

/// Past queries without duplicates, newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchHistory {
    queries: Vec<String>,
}

impl SearchHistory {
    /// Name of the saved state.
    pub const NAME: &'static str = "search-history";

    /// Name of the saved queries in transcripts.
    pub const FIND_NAME: &'static str = "find-history";

    /// Parses the saved state.
    pub fn parse(value: &str) -> Self {
        let queries: Vec<_> = value.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        let first = queries.len().saturating_sub(MAX_QUERIES);
        Self { queries: queries[first..].to_vec() }
    }

    /// Iterates the queries, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &str> {
        self.queries.iter().rev().map(String::as_str)
    }

    /// Returns the `nth` newest query.
    pub fn get(&self, nth: usize) -> Option<&str> {
        self.newest().nth(nth)
    }

    /// Adds a query and saves the history. Queries of a single character are skipped.
    pub fn add(&mut self, query: &str) -> Vec<Effect> {
        self.add_to(Self::NAME, query)
    }

    /// Adds a query and saves the history under a name.
    pub fn add_to(&mut self, name: &'static str, query: &str) -> Vec<Effect> {
        let query = query.trim();
        if query.chars().nth(1).is_none() || self.get(0) == Some(query) {
            return Vec::new();
        }
        self.queries.retain(|known| known != query);
        self.queries.push(query.to_owned());
        self.queries.drain(..self.queries.len().saturating_sub(MAX_QUERIES));
        vec![Effect::SaveState { name, value: self.queries.join("\n") }]
    }
}

/// A named search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    /// Name.
    pub name: String,
    /// Query.
    pub query: String,
    /// Sort order.
    pub order: SearchOrder,
}

impl SavedView {
    /// Name of the saved state.
    pub const NAME: &'static str = "views";

    /// Parses the saved state; malformed lines are skipped.
    pub fn parse(value: &str) -> Vec<Self> {
        let view = |line: &str| {
            let mut fields = line.splitn(3, '\t');
            let (name, order, query) = (fields.next()?, fields.next()?, fields.next()?);
            let order = SearchOrder::ALL.into_iter().find(|known| known.name() == order)?;
            (!name.is_empty()).then(|| Self { name: name.to_owned(), query: query.to_owned(), order })
        };
        value.lines().filter_map(view).collect()
    }

    /// Saves all views.
    pub fn save(views: &[Self]) -> Effect {
        let line = |view: &Self| format!("{}\t{}\t{}", view.name, view.order.name(), view.query);
        Effect::SaveState { name: Self::NAME, value: views.iter().map(line).collect::<Vec<_>>().join("\n") }
    }
}

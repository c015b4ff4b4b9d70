//! What is kept of searches between starts: what was searched for, and views that were given a name.

use crate::app::Effect;
use crate::domain::found::Order;

/// Queries that are kept.
const KEPT: usize = 100;

/// What was searched for, the newest last, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    queries: Vec<String>,
}

impl History {
    /// The name under which it is kept.
    pub const NAME: &'static str = "search-history";

    /// Reads what was kept.
    pub fn recall(value: &str) -> Self {
        let queries: Vec<_> = value.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        let first = queries.len().saturating_sub(KEPT);
        Self { queries: queries[first..].to_vec() }
    }

    /// The queries, the newest first.
    pub fn newest(&self) -> impl Iterator<Item = &str> {
        self.queries.iter().rev().map(String::as_str)
    }

    /// The `nth` newest one.
    pub fn get(&self, nth: usize) -> Option<&str> {
        self.newest().nth(nth)
    }

    /// Keeps a query. A single character is hardly worth it.
    pub fn add(&mut self, query: &str) -> Vec<Effect> {
        let query = query.trim();
        if query.chars().nth(1).is_none() || self.get(0) == Some(query) {
            return Vec::new();
        }
        self.queries.retain(|known| known != query);
        self.queries.push(query.to_owned());
        self.queries.drain(..self.queries.len().saturating_sub(KEPT));
        vec![Effect::Remember { name: Self::NAME, value: self.queries.join("\n") }]
    }
}

/// A search under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: String,
    /// What it searches for.
    pub query: String,
    /// Its order.
    pub order: Order,
}

impl View {
    /// The name under which all of them are kept.
    pub const NAME: &'static str = "views";

    /// Reads what was kept; a line that is none is left out.
    pub fn recall(value: &str) -> Vec<Self> {
        let view = |line: &str| {
            let mut fields = line.splitn(3, '\t');
            let (name, order, query) = (fields.next()?, fields.next()?, fields.next()?);
            let order = Order::ALL.into_iter().find(|known| known.name() == order)?;
            (!name.is_empty()).then(|| Self { name: name.to_owned(), query: query.to_owned(), order })
        };
        value.lines().filter_map(view).collect()
    }

    /// Keeps them.
    pub fn remember(views: &[Self]) -> Effect {
        let line = |view: &Self| format!("{}\t{}\t{}", view.name, view.order.name(), view.query);
        Effect::Remember { name: Self::NAME, value: views.iter().map(line).collect::<Vec<_>>().join("\n") }
    }
}

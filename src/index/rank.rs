//! Ranks sessions for the quick filter, on its own thread. The newest query cancels the earlier ones.
//!
//! Every term must match somewhere in title, workspace, branch or agent. Rows are ordered by the sum of the terms'
//! scores, then by newest activity. Matching is fuzzy by abbreviation (`slgn` finds *salon*), not by similarity.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use rayon::prelude::*;

use crate::domain::{Session, SessionKey};

/// Number of sessions between two checks for a newer query.
const ROWS_PER_CHECK: usize = 2048;

/// Query, with the sessions if they changed since the last one.
pub(super) struct RankRequest {
    pub query: String,
    pub rows: Option<Vec<Arc<Session>>>,
}

/// Starts the thread; it ends when the sender is dropped or when `answer` returns false.
pub(super) fn start(answer: impl Fn(String, Vec<SessionKey>) -> bool + Send + 'static) -> Sender<RankRequest> {
    let (sender, requests) = channel();
    let work = move || {
        let mut ranker = Ranker::default();
        let mut next = requests.recv().ok();
        while let Some(mut request) = next.take().or_else(|| requests.recv().ok()) {
            while let Ok(newer) = requests.try_recv() {
                request = newest(request, newer);
            }
            if let Some(rows) = request.rows {
                ranker.set(&rows);
            }
            let keys = ranker.rank_unless(&request.query, || waiting(&requests, &mut next));
            if keys.is_some_and(|keys| !answer(request.query, keys)) {
                return;
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("index-rank".into()).spawn(work) {
        tracing::error!(%error, "cannot start the quick filter thread");
    }
    sender
}

fn waiting(requests: &Receiver<RankRequest>, next: &mut Option<RankRequest>) -> bool {
    if next.is_none() {
        *next = requests.try_recv().ok();
    }
    next.is_some()
}

/// Merges two requests: the newer query with the newest rows.
fn newest(older: RankRequest, newer: RankRequest) -> RankRequest {
    RankRequest { query: newer.query, rows: newer.rows.or(older.rows) }
}

/// Rows prepared for matching, and the last result.
#[derive(Default)]
pub struct Ranker {
    matcher: SkimMatcherV2,
    rows: Vec<RankRow>,
    /// Last query and its matching rows; a longer query can only match among these.
    last: Option<(String, Vec<usize>)>,
}

struct RankRow {
    key: SessionKey,
    active: i64,
    text: String,
}

impl Ranker {
    /// Replaces the sessions to rank.
    pub fn set(&mut self, sessions: &[Arc<Session>]) {
        self.rows = sessions.iter().map(|session| RankRow::new(session)).collect();
        self.last = None;
    }

    /// Returns the matching sessions, best first. An empty query matches all, newest first.
    pub fn rank(&mut self, query: &str) -> Vec<SessionKey> {
        self.rank_unless(query, || false).unwrap_or_default()
    }

    /// Clears the last query, so that the next one is matched against all rows.
    pub fn reset(&mut self) {
        self.last = None;
    }

    fn rank_unless(&mut self, query: &str, mut cancelled: impl FnMut() -> bool) -> Option<Vec<SessionKey>> {
        let terms: Vec<&str> = query.split_whitespace().collect();
        let narrower = self.last.take().filter(|(before, _)| query.starts_with(before.as_str()));
        let among = narrower.map_or_else(|| (0..self.rows.len()).collect(), |(_, matched)| matched);
        let mut scored = Vec::new();
        for chunk in among.chunks(ROWS_PER_CHECK) {
            if cancelled() {
                return None;
            }
            scored.par_extend(chunk.par_iter().filter_map(|&at| Some((self.score(&self.rows[at], &terms)?, at))));
        }
        self.last = Some((query.to_owned(), scored.iter().map(|(_, at)| *at).collect()));
        scored.sort_by_key(|(score, at)| (Reverse(*score), Reverse(self.rows[*at].active), *at));
        Some(scored.into_iter().map(|(_, at)| self.rows[at].key.clone()).collect())
    }

    fn score(&self, row: &RankRow, terms: &[&str]) -> Option<i64> {
        terms.iter().try_fold(0, |sum, term| Some(sum + self.matcher.fuzzy_match(&row.text, term)?))
    }
}

impl RankRow {
    fn new(session: &Session) -> Self {
        // Users type the name of the workspace; the rest of its path would match nearly anything.
        let workspace = Path::new(&*session.workspace).file_name().unwrap_or_default().to_string_lossy();
        let branch = session.branch.as_deref().unwrap_or_default();
        let text = format!("{} {workspace} {branch} {}", session.title.text, session.key.agent);
        Self { key: session.key.clone(), active: session.last_activity.unwrap_or_default().millis(), text }
    }
}

//! Ranks sessions for the quick filter, on a thread of its own. The newest query cancels those before it.
//!
//! Every word must match somewhere in title, workspace, branch or agent; the sum of the words' scores ranks, then the
//! newest activity. Matching is by abbreviation (`slgn` finds *salon*), not by similarity.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use rayon::prelude::*;

use crate::domain::{Session, SessionKey};

/// Sessions that are looked at between two looks for a newer query.
const STEP: usize = 2048;

/// A query, and the sessions where they changed since the last one.
pub(super) struct Request {
    pub query: String,
    pub rows: Option<Vec<Arc<Session>>>,
}

/// Starts the thread; it ends when the sender is dropped or nobody takes the answers.
pub(super) fn start(answer: impl Fn(String, Vec<SessionKey>) -> bool + Send + 'static) -> Sender<Request> {
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
        tracing::error!(%error, "the quick filter has no thread");
    }
    sender
}

fn waiting(requests: &Receiver<Request>, next: &mut Option<Request>) -> bool {
    if next.is_none() {
        *next = requests.try_recv().ok();
    }
    next.is_some()
}

/// The newer query, with the newest rows.
fn newest(older: Request, newer: Request) -> Request {
    Request { query: newer.query, rows: newer.rows.or(older.rows) }
}

/// Sessions made ready for matching, and what matched last.
#[derive(Default)]
pub struct Ranker {
    matcher: SkimMatcherV2,
    rows: Vec<Row>,
    /// The last query and the rows that matched it: a longer query can only match among them.
    last: Option<(String, Vec<usize>)>,
}

struct Row {
    key: SessionKey,
    active: i64,
    text: String,
}

impl Ranker {
    /// Takes the sessions to rank.
    pub fn set(&mut self, sessions: &[Arc<Session>]) {
        self.rows = sessions.iter().map(|session| Row::new(session)).collect();
        self.last = None;
    }

    /// Matching sessions, best first. An empty query matches all, newest first.
    pub fn rank(&mut self, query: &str) -> Vec<SessionKey> {
        self.rank_unless(query, || false).unwrap_or_default()
    }

    /// Forgets the last query, so that the next one is ranked from nothing.
    pub fn forget(&mut self) {
        self.last = None;
    }

    fn rank_unless(&mut self, query: &str, mut cancelled: impl FnMut() -> bool) -> Option<Vec<SessionKey>> {
        let words: Vec<&str> = query.split_whitespace().collect();
        let narrower = self.last.take().filter(|(before, _)| query.starts_with(before.as_str()));
        let among = narrower.map_or_else(|| (0..self.rows.len()).collect(), |(_, matched)| matched);
        let mut scored = Vec::new();
        for chunk in among.chunks(STEP) {
            if cancelled() {
                return None;
            }
            scored.par_extend(chunk.par_iter().filter_map(|&at| Some((self.score(&self.rows[at], &words)?, at))));
        }
        self.last = Some((query.to_owned(), scored.iter().map(|(_, at)| *at).collect()));
        scored.sort_by_key(|(score, at)| (Reverse(*score), Reverse(self.rows[*at].active), *at));
        Some(scored.into_iter().map(|(_, at)| self.rows[at].key.clone()).collect())
    }

    fn score(&self, row: &Row, words: &[&str]) -> Option<i64> {
        words.iter().try_fold(0, |sum, word| Some(sum + self.matcher.fuzzy_match(&row.text, word)?))
    }
}

impl Row {
    fn new(session: &Session) -> Self {
        // Of the workspace its name is what people type; the rest of the path would match nearly anything.
        let workspace = Path::new(&*session.workspace).file_name().unwrap_or_default().to_string_lossy();
        let branch = session.branch.as_deref().unwrap_or_default();
        let text = format!("{} {workspace} {branch} {}", session.title.text, session.key.agent);
        Self { key: session.key.clone(), active: session.last_activity.unwrap_or_default().millis(), text }
    }
}

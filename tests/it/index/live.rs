//! Running index: its events while files change.

use std::collections::HashMap;
use std::time::Duration;

use salon::domain::catalog::{Catalog, CatalogChange, IndexProgress};
use salon::domain::live_status::LiveStatus;
use salon::domain::search::{SearchOrder, SearchResults};
use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use salon::domain::{Session, SessionState};
use salon::index::{Index, IndexEvent, WatchMode, WatchState};
use tokio::sync::mpsc::Receiver;

use super::*;

/// Running index and its events so far.
pub struct Running {
    pub index: Index,
    events: Receiver<IndexEvent>,
    pub catalog: Catalog,
    pub live: Vec<LiveStatus>,
    pub watch: Option<WatchState>,
    pub transcripts: Vec<(u64, TranscriptEvent)>,
    pub ranked: Vec<(String, Vec<SessionKey>)>,
    pub found: HashMap<String, SearchResults>,
    pub indexed: Option<IndexProgress>,
    pub values: Vec<(String, Vec<(String, usize)>)>,
    pub changes: usize,
}

impl Running {
    pub fn start(options: IndexOptions) -> Self {
        let (index, events) = Index::start(options);
        let (catalog, transcripts, ranked) = (Catalog::default(), Vec::new(), Vec::new());
        Self {
            index,
            events,
            catalog,
            live: Vec::new(),
            watch: None,
            transcripts,
            ranked,
            found: HashMap::new(),
            indexed: None,
            values: Vec::new(),
            changes: 0,
        }
    }

    /// Takes events until a condition is true. The generous timeout is only against hanging forever.
    pub fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        while !done(self) {
            let next = async { tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await };
            match runtime.block_on(next) {
                Ok(Some(event)) => self.take(event),
                Ok(None) => panic!("the index ended before: {what}"),
                Err(tokio::time::error::Elapsed { .. }) => panic!("never came: {what}; {:?}", self.catalog),
            }
        }
    }

    fn take(&mut self, event: IndexEvent) {
        match event {
            IndexEvent::Catalog(change) => {
                self.changes += 1;
                self.catalog.apply(change);
            }
            IndexEvent::Live(signs) => self.live = signs,
            IndexEvent::Transcript(ticket, event) => self.transcripts.push((ticket, event)),
            IndexEvent::Ranked { query, keys } => self.ranked.push((query, keys)),
            IndexEvent::Search { query, update } => {
                self.found.entry(query).or_default().apply(update, SearchOrder::Relevance);
            }
            IndexEvent::Indexed(progress) => self.indexed = Some(progress),
            IndexEvent::Values { field, typed, values } => {
                self.values.push((format!("{}:{typed}", field.name()), values));
            }
            IndexEvent::Watch(state) => self.watch = Some(state),
        }
    }

    /// Starts an index and waits until everything is read and watched.
    pub fn complete_and_watched(options: IndexOptions) -> Self {
        let mut running = Self::start(options);
        running.until("settled", |running| running.watch.is_some() && running.complete());
        running
    }

    pub fn complete(&self) -> bool {
        let progress = self.catalog.progress;
        self.changes > 0 && progress.done == progress.total && self.catalog.iter().all(|session| session.complete)
    }

    pub fn session(&self, id: &str) -> Option<&Session> {
        self.catalog.get(&key(id)).map(|session| &**session)
    }

    pub fn turns(&self, id: &str) -> u32 {
        self.session(id).map_or(0, |session| session.turns)
    }

    pub fn opened(&self) -> Option<&TranscriptInfo> {
        self.transcripts.iter().rev().find_map(|(_, event)| match event {
            TranscriptEvent::Opened(opened) | TranscriptEvent::Grown { opened, .. } => Some(opened),
            _ => None,
        })
    }
}

#[test]
fn a8_an_append_is_reported_and_only_it_is_read() {
    let home = Home::empty();
    let path = write(&home, "a.log", "prompt 1000 one\n");
    let mut running = Running::complete_and_watched(cached(&home));
    let before = running.index.bytes_read();
    append(&path, "prompt 2000 two\n");
    running.until("the append", |running| running.turns("a") == 2);
    assert_eq!(running.index.bytes_read() - before, "prompt 2000 two\n".len() as u64);
}

#[test]
fn a9_two_files_changed_together_both_update() {
    let home = Home::empty();
    let paths = ["a", "b", "c"].map(|name| write(&home, &format!("{name}.log"), "prompt 1000 one\n"));
    let mut running = Running::complete_and_watched(options(&home));
    for round in 0..5 {
        for path in &paths {
            append(path, &format!("prompt {round} more\n"));
        }
    }
    running.until("all three", |running| ["a", "b", "c"].iter().all(|id| running.turns(id) == 6));
}

#[test]
fn a10_a_deleted_source_and_its_transcript_are_removed() {
    let home = Home::empty();
    let path = write(&home, "a.log", "prompt 1000 one\n");
    write(&home, "sub/b.log", "prompt 1000 one\n");
    let mut running = Running::complete_and_watched(options(&home));
    running.index.open(7, key("a"));
    running.until("opened", |running| running.opened().is_some());
    fs::remove_file(path).expect("remove");
    running.until("gone", |running| running.session("a").is_none());
    let gone = |running: &Running| matches!(running.transcripts.last(), Some((7, TranscriptEvent::Gone)));
    running.until("transcript gone", gone);
    fs::remove_dir_all(fake::folder(home.path(), Agent::Claude).join("sub")).expect("remove");
    running.until("folder gone", |running| running.catalog.is_empty());
}

#[test]
fn a11_a_root_that_comes_later_is_watched() {
    let home = Home::empty();
    let mut running = Running::complete_and_watched(options(&home));
    write(&home, "deep/a.log", "prompt 1000 one\n");
    running.until("the first session", |running| running.turns("a") == 1);
    append(&fake::folder(home.path(), Agent::Claude).join("deep/a.log"), "prompt 2000 two\n");
    running.until("its append", |running| running.turns("a") == 2);
    fs::remove_dir_all(home.path().join("fake")).expect("remove");
    running.until("all gone", |running| running.catalog.is_empty());
    write(&home, "b.log", "prompt 1000 one\n");
    running.until("the root is back", |running| running.turns("b") == 1);
}

#[test]
fn a3_files_in_new_and_renamed_folders_are_seen() {
    let home = Home::empty();
    write(&home, "a.log", "prompt 1000 one\n");
    let mut running = Running::complete_and_watched(options(&home));
    let path = write(&home, "-home-agent-deck/x/b.log", "prompt 1000 one\n");
    running.until("new folder", |running| running.turns("b") == 1);
    append(&path, "prompt 2000 two\n");
    running.until("append in it", |running| running.turns("b") == 2);
    let folder = fake::folder(home.path(), Agent::Claude);
    fs::rename(folder.join("-home-agent-deck"), folder.join("other")).expect("rename");
    let moved = folder.join("other/x/b.log");
    running.until("renamed", |running| running.session("b").is_some_and(|session| session.path == moved));
    append(&moved, "prompt 3000 three\n");
    running.until("append after it", |running| running.turns("b") == 3);
}

#[test]
fn a12_half_a_line_waits_for_its_end() {
    let home = Home::empty();
    let path = write(&home, "a.log", "prompt 1000 one\n");
    let other = write(&home, "z.log", "prompt 1000 one\n");
    let mut running = Running::complete_and_watched(options(&home));
    append(&path, "prompt 2000 ha");
    append(&other, "prompt 2000 two\n");
    running.until("the other file", |running| running.turns("z") == 2);
    assert_eq!((running.turns("a"), running.session("a").expect("a").unreadable), (1, 0));
    append(&path, "lf\n");
    running.until("the whole line", |running| running.turns("a") == 2);
}

#[test]
fn a13_a_rewritten_or_replaced_file_is_read_again() {
    let home = Home::empty();
    let path = write(&home, "a.log", "prompt 1000 one\nprompt 2000 two\n");
    let mut running = Running::complete_and_watched(options(&home));
    fs::write(&path, "prompt 9000 short\n").expect("rewrite");
    running.until("rewritten", |running| running.turns("a") == 1);
    fs::write(path.with_extension("tmp"), "prompt 1 x\nprompt 2 y\nprompt 3 z\n").expect("write");
    fs::rename(path.with_extension("tmp"), &path).expect("rename over");
    running.until("replaced", |running| running.turns("a") == 3);
}

#[test]
fn a28_without_notifications_the_index_polls_and_reports_it() {
    let home = Home::empty();
    let path = write(&home, "a.log", "prompt 1000 one\n");
    let mut running = Running::complete_and_watched(IndexOptions { watch: WatchMode::Refused, ..options(&home) });
    assert!(matches!(running.watch, Some(WatchState::Poll { .. })));
    running.until("the issue", |running| running.catalog.issues.iter().any(|issue| issue.reason.contains("every few")));
    append(&path, "prompt 2000 two\n");
    running.until("polled", |running| running.turns("a") == 2);
    append(&path, "prompt 3000 three\n");
    running.index.check_changes();
    running.until("looked", |running| running.turns("a") == 3);
}

#[test]
fn a_session_that_was_gone_only_between_two_looks_is_sent_again_on_request() {
    let home = Home::empty();
    let path = write(&home, "a.log", "prompt 1000 one\n");
    let mut running = Running::complete_and_watched(IndexOptions { watch: WatchMode::Refused, ..options(&home) });
    // The interface drops the row at once, as it does for a session that is moved to the trash.
    let drop_row = |running: &mut Running| {
        running.catalog.apply(CatalogChange { removed: vec![key("a")], ..CatalogChange::default() });
    };
    drop_row(&mut running);
    running.index.check_sessions(vec![key("a")]);
    // Polls go on sending their progress, so that waiting for the row alone would never end.
    let before = running.changes;
    running.until("a change", |running| running.session("a").is_some() || running.changes > before + 6);
    assert!(running.session("a").is_some(), "still there");
    fs::rename(&path, path.with_extension("moved")).expect("moved");
    running.index.check_sessions(vec![key("a")]);
    running.until("removed", |running| running.session("a").is_none());
    fs::rename(path.with_extension("moved"), &path).expect("moved back");
    running.index.check_changes();
    running.until("back", |running| running.session("a").is_some());
}

#[test]
fn live_statuses_set_and_reset_the_state() {
    let home = Home::empty();
    let log = write(&home, "a.log", "prompt 1000 one\nsay First. Second sentence.\n");
    let sign = write(&home, "live/a", "working");
    let mut running = Running::complete_and_watched(options(&home));
    let state = |running: &Running| running.session("a").map(|session| session.state);
    running.until("working", |running| state(running) == Some(SessionState::Working) && running.live.len() == 1);
    let activity = |running: &Running| running.live.first().and_then(|status| status.activity.clone());
    running.until("activity", |running| activity(running).is_some_and(|found| found.text == "Second sentence."));
    append(&log, "call build it\n");
    running.until("call", |running| {
        activity(running).is_some_and(|found| found.is_call && found.text == "Bash: build it")
    });
    fs::write(&sign, "needs-you").expect("write");
    running.until("needs you", |running| state(running) == Some(SessionState::NeedsYou));
    fs::remove_file(sign).expect("remove");
    running.until("past", |running| state(running) == Some(SessionState::Past) && running.live.is_empty());
}

#[test]
fn the_first_change_comes_from_the_cache_and_nothing_is_read_again() {
    let home = Home::empty();
    (0..300).for_each(|n| drop(write(&home, &format!("s{n}.log"), &format!("cwd /w\nprompt {n}000 text {n}\n"))));
    collect(&cached(&home), Refresh::Changed);
    let mut running = Running::start(cached(&home));
    running.until("the first change", |running| running.changes == 1);
    assert_eq!(running.catalog.len(), 200);
    assert!(running.session("s299").is_some() && running.session("s0").is_none(), "the newest ones");
    running.until("the rest", |running| running.catalog.len() == 300 && running.complete() && running.watch.is_some());
    assert_eq!(running.index.bytes_read(), 0);
}

static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

#[test]
fn c1_without_a_cache_the_first_change_contains_the_newest() {
    let home = Home::empty();
    for n in 0..400 {
        let path = write(&home, &format!("s{n}.log"), &format!("prompt {n}000 text {n}\nprompt {n}500 more\n"));
        let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + n);
        fs::File::options().append(true).open(path).expect("open").set_modified(time).expect("set time");
    }
    // The clock stands still, so that only a complete first screen triggers the first event.
    let clock = || *START.get_or_init(Instant::now);
    let mut running = Running::start(IndexOptions { clock, ..options(&home) });
    running.until("the first change", |running| running.changes == 1);
    assert!((300..400).all(|n| running.session(&format!("s{n}")).is_some()), "{}", running.catalog.len());
    running.until("all", |running| running.catalog.len() == 400 && running.complete());
}

#[test]
fn a_rescan_reads_everything_and_changes_nothing() {
    let home = Home::empty();
    write(&home, "a.log", "prompt 1000 one\n");
    write(&home, "many.base", "x prompt 10 of x\n");
    let mut running = Running::complete_and_watched(cached(&home));
    let before = running.index.bytes_read();
    running.index.rescan();
    write(&home, "b.log", "prompt 1000 one\n");
    running.until("b", |running| running.turns("b") == 1 && running.complete());
    let (a, x) = (running.turns("a"), running.turns("x"));
    assert_eq!((a, x), (1, 1));
    assert!(running.index.bytes_read() - before > 30);
}

#[test]
fn c12_h15_a_burst_of_unread_events_is_merged() {
    let home = Home::empty();
    let paths: Vec<_> = (0..20).map(|n| write(&home, &format!("s{n}.log"), "prompt 1 one\n")).collect();
    let mut running = Running::complete_and_watched(options(&home));
    let before = running.changes;
    for round in 0..100 {
        for path in &paths {
            append(path, &format!("prompt {round} more\n"));
        }
    }
    running.until("the end", |running| (0..20).all(|n| running.turns(&format!("s{n}")) == 101));
    assert!(running.changes - before < 200, "{} changes for 2000 appends", running.changes - before);
}

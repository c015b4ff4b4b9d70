//! Connections: losses, attempts to connect again, several sources, and what is left behind.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use salon::domain::catalog::{Catalog, CatalogChange};
use salon::domain::remote::{RemoteFailure, RemoteSource, RemoteState, RemoteTransport};
use salon::domain::search::{SearchOrder, SearchRequest};
use salon::domain::transcript_event::TranscriptEvent;
use salon::domain::{Session, SessionKey, SessionState, Time};
use salon::index::{Index, IndexEvent, IndexOptions};
use salon::remote::failure::{self, TransportEnd};
use salon::remote::{RemoteEvent, Remotes, policy};
use salon::serve::ConnectError;
use salon::serve::index_message::IndexCall;
use tokio::sync::mpsc;

use super::{Peer, options};
use crate::support::{Home, TIMEOUT, clock, is_alive, wait_until};

const CLAUDE: &str = "claude/2.1.329";

/// Running sources with what they reported.
struct Observed {
    remotes: Remotes,
    events: mpsc::Receiver<RemoteEvent>,
    states: HashMap<Arc<str>, RemoteState>,
    sessions: HashMap<SessionKey, SessionState>,
    /// Sources whose list was complete once.
    complete: HashSet<Arc<str>>,
}

impl Observed {
    fn start(peers: &[(&str, &Peer)], cache: Option<&Home>) -> Self {
        let sources: Vec<_> = peers.iter().map(|(name, peer)| peer.source(name)).collect();
        let (remotes, events) = Remotes::start(&sources, &options(cache.map(Home::path)));
        Self { remotes, events, states: HashMap::new(), sessions: HashMap::new(), complete: HashSet::new() }
    }

    fn next(&mut self) -> RemoteEvent {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    match &event {
                        RemoteEvent::State(status) => {
                            self.states.insert(status.name.clone(), status.state.clone());
                        }
                        RemoteEvent::Sessions { host, change, complete } => {
                            self.complete.extend(complete.then(|| host.clone()));
                            for key in &change.removed {
                                self.sessions.remove(key);
                            }
                            let rows = change.sessions.iter().map(|session| (session.key.clone(), session.state));
                            self.sessions.extend(rows);
                        }
                        _ => {}
                    }
                    return event;
                }
                Err(_) => std::thread::park_timeout(Duration::from_millis(2)),
            }
            assert!(Instant::now() < deadline, "no event came; states: {:?}", self.states);
        }
    }

    /// Waits until a source is complete.
    fn wait_for_list(&mut self, name: &str) {
        loop {
            if let RemoteEvent::Sessions { host, complete: true, .. } = self.next()
                && *host == *name
            {
                return;
            }
        }
    }

    fn wait_for_state(&mut self, name: &str, is_it: impl Fn(&RemoteState) -> bool) {
        while !self.states.get(name).is_some_and(&is_it) {
            self.next();
        }
    }

    fn wait_for_transcript(&mut self, wanted: u64, is_it: impl Fn(&TranscriptEvent) -> bool) {
        loop {
            if let RemoteEvent::Transcript(ticket, event) = self.next()
                && ticket == wanted
                && is_it(&event)
            {
                return;
            }
        }
    }

    fn of(&self, name: &str) -> usize {
        self.sessions.keys().filter(|key| key.host.as_deref() == Some(name)).count()
    }

    fn stop(self) {
        drop(self.events);
        self.remotes.stop();
    }
}

fn is_offline(state: &RemoteState) -> bool {
    matches!(state, RemoteState::Offline { .. })
}

#[test]
fn a20_a_killed_peer_is_offline_others_go_on_and_it_comes_back_by_itself() {
    let (first, second) = (Peer::of(&[CLAUDE]), Peer::of(&["codex/0.169.0"]));
    let mut observed = Observed::start(&[("box", &first), ("api", &second)], None);
    observed.wait_for_state("box", |state| *state == RemoteState::Connected);
    observed.wait_for_state("api", |state| *state == RemoteState::Connected);
    while ["box", "api"].iter().any(|name| !observed.complete.contains(*name)) {
        observed.next();
    }
    let listed = observed.of("box");
    first.control("down");
    first.kill();
    observed.wait_for_state("box", is_offline);
    assert_eq!(observed.of("box"), listed, "its sessions stay listed");
    let key = observed.sessions.keys().find(|key| key.host.as_deref() == Some("api")).expect("a session").clone();
    observed.remotes.open(1, key);
    observed.wait_for_transcript(1, |event| matches!(event, TranscriptEvent::Opened(_)));
    assert_eq!(observed.states["api"], RemoteState::Connected);
    first.control("");
    observed.wait_for_state("box", |state| *state == RemoteState::Connected);
    observed.wait_for_list("box");
    assert_eq!(observed.of("box"), listed);
    observed.stop();
    // Nothing is left, neither the scripts nor what they started.
    let pids: Vec<_> = first.pids().into_iter().chain(second.pids()).collect();
    wait_until("all have ended", || pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn a20_a_key_connects_at_once() {
    let peer = Peer::of(&[CLAUDE]);
    peer.control("missing");
    let mut observed = Observed::start(&[("box", &peer)], None);
    observed
        .wait_for_state("box", |state| matches!(state, RemoteState::Offline { failure: RemoteFailure::Missing, .. }));
    // The next attempt by itself would be in minutes.
    peer.control("");
    let before = Instant::now();
    observed.remotes.retry();
    observed.wait_for_state("box", |state| *state == RemoteState::Connected);
    assert!(before.elapsed() < TIMEOUT);
    observed.stop();
}

#[test]
fn a21_a_container_that_restarts_is_found_again_by_its_name() {
    let peer = Peer::of(&[CLAUDE]);
    let mut observed = Observed::start(&[("dev", &peer)], None);
    observed.wait_for_list("dev");
    let before = peer.pids();
    peer.control("stopped");
    peer.kill();
    observed
        .wait_for_state("dev", |state| matches!(state, RemoteState::Offline { failure: RemoteFailure::Stopped, .. }));
    // It runs again, as another process, with one session less.
    std::fs::remove_file(
        peer.home().join(".claude/projects/-home-dev-shop-api/0eb326a8-825c-4422-af12-0fa163f5428a.jsonl"),
    )
    .ok();
    peer.control("");
    observed.wait_for_state("dev", |state| *state == RemoteState::Connected);
    observed.wait_for_list("dev");
    assert!(peer.pids().len() > before.len() && peer.pids().last() != before.last());
    observed.stop();
}

#[test]
fn an_open_transcript_is_opened_again_after_a_loss() {
    let peer = Peer::of(&[CLAUDE]);
    let mut observed = Observed::start(&[("box", &peer)], None);
    observed.wait_for_list("box");
    let key = observed.sessions.keys().next().expect("a session").clone();
    observed.remotes.open(5, key);
    observed.wait_for_transcript(5, |event| matches!(event, TranscriptEvent::Opened(_)));
    peer.kill();
    observed.wait_for_transcript(5, |event| matches!(event, TranscriptEvent::Opened(_)));
    observed.remotes.transcript(5, IndexCall::Read { ticket: 5, range: 0..1 });
    observed.wait_for_transcript(5, |event| matches!(event, TranscriptEvent::Page { from: 0, .. }));
    observed.stop();
}

#[test]
fn requests_without_a_connection_are_answered_with_the_reason() {
    let (peer, cache) = (Peer::of(&[CLAUDE]), Home::empty());
    let mut observed = Observed::start(&[("box", &peer)], Some(&cache));
    observed.wait_for_list("box");
    observed.stop();
    peer.control("down");
    let mut observed = Observed::start(&[("box", &peer)], Some(&cache));
    observed.wait_for_state("box", is_offline);
    assert!(observed.of("box") > 0, "the cache has its sessions");
    assert!(observed.sessions.values().all(|state| *state == SessionState::Past));
    let key = observed.sessions.keys().next().expect("a session").clone();
    observed.remotes.open(9, key);
    observed.wait_for_transcript(9, |event| {
        matches!(event, TranscriptEvent::Failed(reason) if reason.contains("offline") && reason.contains("Connection refused"))
    });
    let request = SearchRequest { query: "the".to_owned(), order: SearchOrder::Relevance, within: None };
    observed.remotes.index(None, &IndexCall::Search { request, now: clock() });
    loop {
        if let RemoteEvent::Found { update, .. } = observed.next() {
            assert!(update.is_none());
            break;
        }
    }
    observed.stop();
}

#[test]
fn pauses_grow_differ_and_have_a_limit() {
    let lost = RemoteFailure::Unreachable(String::new());
    let longest = |failures| policy::pause(failures, &lost, 0);
    assert_eq!(longest(1), Duration::from_secs(1));
    assert_eq!(longest(3), Duration::from_secs(4));
    assert_eq!(longest(u32::MAX), Duration::from_mins(1));
    for random in [0, 1, 499, 12_345, u64::MAX] {
        let pause = policy::pause(4, &lost, random);
        assert!((Duration::from_secs(4)..=Duration::from_secs(8)).contains(&pause), "{pause:?}");
    }
    assert_ne!(policy::pause(4, &lost, 1), policy::pause(4, &lost, 2));
    assert!(policy::pause(1, &RemoteFailure::Missing, 0) > longest(u32::MAX), "only the user can change it");
}

#[test]
fn a_page_that_was_read_is_shown_again_without_a_connection() {
    let peer = Peer::of(&[CLAUDE]);
    let mut observed = Observed::start(&[("box", &peer)], None);
    observed.wait_for_list("box");
    let key = observed.sessions.keys().find(|key| key.id.starts_with("0eb326a8")).expect("a session").clone();
    observed.remotes.open(3, key);
    observed.wait_for_transcript(3, |event| matches!(event, TranscriptEvent::Opened(_)));
    observed.remotes.transcript(3, IndexCall::Read { ticket: 3, range: 0..2 });
    let first =
        |event: &TranscriptEvent| matches!(event, TranscriptEvent::Page { from: 0, entries } if entries.len() == 2);
    observed.wait_for_transcript(3, first);
    peer.control("down");
    peer.kill();
    observed.wait_for_state("box", is_offline);
    observed.remotes.transcript(3, IndexCall::Read { ticket: 3, range: 1..2 });
    observed.wait_for_transcript(
        3,
        |event| matches!(event, TranscriptEvent::Page { from: 1, entries } if entries.len() == 1),
    );
    observed.stop();
}

#[test]
fn the_index_lists_a_mounted_session_once_and_copies_that_went_on_twice() {
    let home = Home::of(&[CLAUDE]);
    let (index, mut events) = Index::start(IndexOptions::new(home.environment(), Instant::now));
    let mut catalog = Catalog::default();
    let mut wait = |catalog: &mut Catalog, is_it: &dyn Fn(&Catalog) -> bool| {
        let deadline = Instant::now() + TIMEOUT;
        while !is_it(catalog) {
            match events.try_recv() {
                Ok(IndexEvent::Catalog(change)) => catalog.apply(change),
                Ok(_) => {}
                Err(_) => std::thread::park_timeout(Duration::from_millis(2)),
            }
            assert!(Instant::now() < deadline, "no change came");
        }
    };
    wait(&mut catalog, &|catalog| catalog.progress.total > 0 && catalog.progress.done == catalog.progress.total);
    let own: Vec<_> = catalog.iter().take(2).cloned().collect();
    let there = |session: &Session, later: i64| {
        let mut session = session.clone();
        session.key = session.key.on(&"box".into());
        session.last_activity = session.last_activity.map(|time| Time::from_millis(time.millis() + later));
        Arc::new(session)
    };
    let (mounted, copy) = (there(&own[0], 0), there(&own[1], 3_600_000));
    let sessions = vec![mounted.clone(), copy.clone()];
    index.apply_remote(CatalogChange { sessions, ..CatalogChange::default() });
    wait(&mut catalog, &|catalog| catalog.get(&copy.key).is_some());
    assert!(catalog.get(&mounted.key).is_none());
    // Once it is deleted here, the one there is listed.
    std::fs::remove_file(&own[0].path).expect("removed");
    index.rescan();
    wait(&mut catalog, &|catalog| catalog.get(&mounted.key).is_some());
    index.stop();
}

#[test]
fn kills_at_any_moment_of_a_list_or_a_search_leave_nothing_behind() {
    let peer = Peer::of(&[CLAUDE]);
    let mut observed = Observed::start(&[("box", &peer)], None);
    observed.wait_for_list("box");
    let listed = observed.of("box");
    for round in 0..20_u64 {
        let request = SearchRequest { query: format!("hello{}", round % 3), order: SearchOrder::Time, within: None };
        observed.remotes.index(None, &IndexCall::Search { request, now: clock() });
        // Somewhere between the start of the script and the end of the list and the search.
        std::thread::park_timeout(Duration::from_millis(round * 7 % 60));
        peer.kill_if_alive();
        observed.wait_for_state("box", is_offline);
        assert_eq!(observed.of("box"), listed, "round {round}: nothing is lost from the list");
        observed.remotes.retry();
        observed.wait_for_state("box", |state| *state == RemoteState::Connected);
    }
    observed.wait_for_list("box");
    assert_eq!(observed.of("box"), listed);
    observed.stop();
    let pids = peer.pids();
    assert!(pids.len() > 20);
    wait_until("all have ended", || pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn a_control_socket_may_have_any_path() {
    for path in ["/run/user/1000/salon/ssh-box", "/run/my dir/a\"b'c\\d/100%x/ssh-box", "/run/$HOME/ssh-box"] {
        let socket = std::path::PathBuf::from(path);
        let source = RemoteSource {
            name: "box".into(),
            transport: RemoteTransport::Ssh("me@box".to_owned()),
            program: None,
            control_socket: Some(socket),
        };
        let argv = salon::remote::command::prepare(&source).expect("a command");
        let Ok(shown) = std::process::Command::new(&argv[0]).args(["-F", "none", "-G"]).args(&argv[1..]).output()
        else {
            println!("skipped: ssh is not installed");
            return;
        };
        let shown = format!("{}{}", String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(shown.lines().any(|line| line == format!("controlpath {path}")), "{path}: {argv:?}\n{shown}");
    }
}

#[test]
fn the_reason_of_a_failure_is_that_of_the_program_that_failed() {
    let classify = |code: Option<i32>, messages: &str| {
        let error = ConnectError::Failed(std::io::ErrorKind::UnexpectedEof.into());
        let end = TransportEnd { program: "ssh".to_owned(), code, messages: messages.to_owned() };
        failure::classify(&error, &end)
    };
    // A login prints messages of its own.
    let login = "bash: /etc/profile.d/x.sh: Permission denied";
    assert_eq!(classify(Some(127), login), RemoteFailure::Missing);
    assert_eq!(classify(Some(127), "cron is not running"), RemoteFailure::Missing);
    assert_eq!(classify(Some(1), login), RemoteFailure::Unreachable(login.to_owned()));
    let denied = "me@box: Permission denied (publickey).";
    assert_eq!(classify(Some(255), denied), RemoteFailure::NeedsUser(denied.to_owned()));
    assert_eq!(classify(None, denied), RemoteFailure::NeedsUser(denied.to_owned()));
    assert_eq!(classify(Some(1), "Error: container 4f1 is not running"), RemoteFailure::Stopped);
}

//! A slow link: a relay on loopback delays and throttles everything between the two sides.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use salon::domain::remote::{RemoteSource, RemoteTransport};
use salon::domain::search::{SearchOrder, SearchRequest};
use salon::domain::transcript_event::TranscriptEvent;
use salon::remote::{RemoteEvent, Remotes};
use salon::serve::index_message::IndexCall;
use tokio::sync::mpsc;

use super::{Peer, json, options};
use crate::support::{Agents, Home, TIMEOUT, clock};
use crate::terminal::Terminal;

/// Properties of a link.
#[derive(Clone, Copy)]
struct Link {
    /// Time in one direction.
    delay: Duration,
    /// Bytes per second in one direction.
    rate: f64,
    /// Every how many pieces one is lost, so that the rest waits until it was sent again; 0 for never.
    loss: u64,
}

/// Time until a lost piece is sent again.
const RESENT: Duration = Duration::from_millis(250);

/// Listens for connections, each of which gets a salon that serves a home.
struct Relay {
    port: u16,
    children: Arc<Mutex<Vec<Child>>>,
}

impl Relay {
    fn start(peer: &Peer, link: Link, agents: Option<&Agents>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let children: Arc<Mutex<Vec<Child>>> = Arc::default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
        command
            .args(["serve", "--stdio", "--shared"])
            .env_clear()
            .env("HOME", peer.home())
            .env("PATH", "/usr/bin:/bin");
        command.env("SALON_RUNTIME_DIR", peer.home().join("run")).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(agents) = agents {
            command
                .env("PATH", format!("{}:/usr/bin:/bin", agents.path().display()))
                .env("FAKE_LOG", agents.log_file());
        }
        let started = children.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut child = command.spawn().expect("salon");
                let (stdin, stdout) = (child.stdin.take().expect("stdin"), child.stdout.take().expect("stdout"));
                started.lock().expect("not poisoned").push(child);
                let (there, back) = (stream.try_clone().expect("a stream"), stream);
                std::thread::spawn(move || carry(there, stdin, link));
                std::thread::spawn(move || {
                    let end = back.try_clone().expect("a stream");
                    carry(stdout, back, link);
                    // An error means that the other side has closed it.
                    end.shutdown(Shutdown::Both).ok();
                });
            }
        });
        Self { port, children }
    }

    /// Command line that connects to the relay with stdin and stdout.
    fn argv(&self) -> Vec<String> {
        let script = "exec 3<>/dev/tcp/127.0.0.1/$0; cat <&3 & exec cat >&3";
        ["bash", "-c", script, &self.port.to_string()].map(str::to_owned).into()
    }

    fn source(&self) -> RemoteSource {
        let transport = RemoteTransport::Command(self.argv());
        RemoteSource { name: "box".into(), transport, program: None, control_socket: None }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for child in self.children.lock().expect("not poisoned").iter_mut() {
            crate::support::end(child);
        }
    }
}

/// Carries bytes as a link would, until one side closes it.
fn carry(mut from: impl Read + Send + 'static, mut to: impl Write, link: Link) {
    let (sender, pieces) = std::sync::mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now(), buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    let (mut free, mut number) = (Instant::now(), 0_u64);
    for (sent, piece) in pieces {
        number += 1;
        let time = Duration::from_secs_f64(f64::from(u32::try_from(piece.len()).expect("a short piece")) / link.rate);
        free = free.max(sent) + time;
        if link.loss > 0 && number.is_multiple_of(link.loss) {
            free += RESENT;
        }
        std::thread::sleep((free + link.delay).saturating_duration_since(Instant::now()));
        if to.write_all(&piece).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// Sources over a link, with the events so far.
struct Observed {
    remotes: Remotes,
    events: mpsc::Receiver<RemoteEvent>,
}

impl Observed {
    fn start(relay: &Relay, cache: Option<&Home>) -> Self {
        let (remotes, events) = Remotes::start(&[relay.source()], &options(cache.map(Home::path)));
        Self { remotes, events }
    }

    /// Waits for an event, and returns the time that it took.
    fn time(&mut self, is_it: impl Fn(&RemoteEvent) -> bool) -> Duration {
        let begin = Instant::now();
        loop {
            match self.events.try_recv() {
                Ok(event) if is_it(&event) => return begin.elapsed(),
                Ok(_) => {}
                Err(_) => std::thread::park_timeout(Duration::from_micros(300)),
            }
            assert!(begin.elapsed() < TIMEOUT, "no event came");
        }
    }

    fn stop(self) {
        drop(self.events);
        self.remotes.stop();
    }
}

fn is_list(event: &RemoteEvent) -> bool {
    matches!(event, RemoteEvent::Sessions { complete: true, .. })
}

/// Times of the list, of the first page of a transcript and of the first hits of a search.
fn times(relay: &Relay, cache: Option<&Home>) -> [Duration; 3] {
    let begin = Instant::now();
    let mut observed = Observed::start(relay, cache);
    let mut keys = HashSet::new();
    loop {
        let event = observed.events.blocking_recv().expect("an event");
        if let RemoteEvent::Sessions { change, .. } = &event {
            keys.extend(change.sessions.iter().map(|session| session.key.clone()));
        }
        if is_list(&event) {
            break;
        }
    }
    let list = begin.elapsed();
    let key = keys.into_iter().find(|key| key.id.starts_with("0eb326a8")).expect("a session");
    let begin = Instant::now();
    observed.remotes.open(1, key);
    observed.time(|event| matches!(event, RemoteEvent::Transcript(1, TranscriptEvent::Opened(_))));
    observed.remotes.transcript(1, IndexCall::Read { ticket: 1, range: 0..2 });
    observed.time(|event| matches!(event, RemoteEvent::Transcript(1, TranscriptEvent::Page { from: 0, .. })));
    let page = begin.elapsed();
    let request = SearchRequest { query: "hello".to_owned(), order: SearchOrder::Relevance, within: None };
    observed.remotes.index(None, &IndexCall::Search { request, now: clock() });
    let hits = observed
        .time(|event| matches!(event, RemoteEvent::Found { update: Some(update), .. } if !update.hits.is_empty()));
    observed.stop();
    [list, page, hits]
}

#[test]
fn a_list_needs_one_round_trip_a_page_two_and_a_search_one() {
    let peer = Peer::of(&["claude/2.1.329"]);
    // Long enough that what the programs need does not matter.
    let trip = Duration::from_millis(800);
    let none = Link { delay: Duration::ZERO, rate: f64::INFINITY, loss: 0 };
    let near = Relay::start(&peer, none, None);
    times(&near, None);
    let own = times(&near, None);
    let far = Relay::start(&peer, Link { delay: trip / 2, ..none }, None);
    let measured = times(&far, None);
    for (what, own, measured, trips) in
        [("list", own[0], measured[0], 1), ("page", own[1], measured[1], 2), ("search", own[2], measured[2], 1)]
    {
        println!("{what}: {own:?} without a link, {measured:?} with round trips of {trip:?}");
        assert!(measured < own + trip * trips + trip / 2, "{what}: {measured:?}, and {own:?} without a link");
    }
    let cache = Home::empty();
    times(&near, Some(&cache));
    // What is cached is shown before anything is received.
    let mut observed = Observed::start(&far, Some(&cache));
    let rows =
        observed.time(|event| matches!(event, RemoteEvent::Sessions { change, .. } if !change.sessions.is_empty()));
    assert!(rows < trip, "{rows:?}");
    observed.stop();
}

#[test]
fn typing_and_moving_never_wait_for_a_link_with_delay_loss_and_little_room() {
    let (peer, agents, home) = (Peer::of(&["claude/2.1.329"]), Agents::of(&["claude"]), Home::empty());
    let slow = Link { delay: Duration::from_millis(400), rate: 125_000.0, loss: 50 };
    let relay = Relay::start(&peer, slow, Some(&agents));
    let file = home.path().join(".config/salon/config.toml");
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("created");
    std::fs::write(&file, format!("[sources.box]\ncommand = {:?}\n", relay.argv())).expect("written");
    json(&home, &peer, &["list", "--json"]);
    let mut window = super::screen::window(&home, &peer);
    window.wait_for_text("box:shop-api");
    let mut longest = Duration::ZERO;
    let mut measure = |window: &mut Terminal, keys: &str, expected: &str| {
        let begin = Instant::now();
        window.send(keys);
        window.wait_for_text(expected);
        longest = longest.max(begin.elapsed());
    };
    measure(&mut window, "?", "Keyboard");
    measure(&mut window, "q", "Workspaces");
    window.send("r");
    window.wait_for_text("continues with your next prompt");
    for number in 0..10 {
        measure(&mut window, &format!("w{number}z"), &format!("w{number}z"));
    }
    println!("longest time between a key and its frame: {longest:?}, with round trips of {:?}", slow.delay * 2);
    assert!(longest < slow.delay * 2, "{longest:?}");
    window.send("\x15\x1b");
    std::thread::park_timeout(Duration::from_millis(200));
}

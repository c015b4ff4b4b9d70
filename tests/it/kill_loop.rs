//! Kills of salon and of `salon serve` at random moments: no prompt is lost or sent twice, no process is left, and
//! `state.db` is sound. The tests with scripted and with real agents share this file.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use crate::support::{end, wait_until};
use crate::terminal::Terminal;

/// Place in which salon and its agents run.
pub trait KillSite {
    /// A salon command with its environment and arguments.
    fn salon(&self, args: &[&str]) -> Command;
    /// A window of salon.
    fn window(&self, args: &[&str]) -> Terminal;
    /// Directory of `state.db`.
    fn data(&self) -> PathBuf;
    /// Directory of the socket of `salon serve`.
    fn runtime(&self) -> PathBuf;
    /// Prompt that contains a mark, and whose turn takes a while.
    fn prompt(&self, mark: &str) -> String;
    /// Number of times for which an agent received the prompt with a mark.
    fn received(&self, mark: &str) -> usize;
    /// True if a prompt that an agent has recorded counts as received at once; a real agent asks its model later.
    fn sees_every_prompt(&self) -> bool {
        true
    }
    /// Living processes of agents, and what they started.
    fn agents(&self) -> Vec<u32>;
}

/// Process that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// `salon serve`, with a command and its prompt connected to it.
    Server,
    /// A command that sends a prompt to the server.
    Sender,
    /// A window in which a prompt is sent to the server.
    Window,
    /// A command that runs the agent itself.
    OwnSender,
    /// A window that runs the agent itself.
    OwnWindow,
}

/// The server is killed more often than the others, because it has the most to lose.
const VICTIMS: [Victim; 7] = [
    Victim::Server,
    Victim::OwnSender,
    Victim::Server,
    Victim::Window,
    Victim::OwnWindow,
    Victim::Server,
    Victim::Sender,
];

/// Time after a kill of the server in which a command that sends a prompt ends.
const SENDER_GRACE: Duration = Duration::from_millis(300);

/// State of a prompt in the outbox.
#[derive(Debug)]
struct Saved {
    id: i64,
    run: String,
    state: String,
}

/// Number of kills: as `SALON_KILLS` says, else `usual`.
pub fn wanted(usual: usize) -> usize {
    std::env::var("SALON_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Kills `count` times, each time within `spread` after a prompt was entered. The sessions are those of `agents`, in the
/// same order.
pub fn kill_at_random(site: &impl KillSite, agents: &[&str], sessions: &[String], count: usize, spread: Duration) {
    let mut moments = Moments::new(spread);
    let mut server = None;
    let mut delivered = 0;
    for kill in 0..count {
        let victim = VICTIMS[kill % VICTIMS.len()];
        let which = kill % agents.len();
        let delay = moments.next();
        println!("kill {kill}: {victim:?} of {} after {delay:?}", agents[which]);
        let is_served = matches!(victim, Victim::Server | Victim::Sender | Victim::Window);
        match (is_served, server.take()) {
            (true, None) => server = Some(Server::start(site)),
            (true, running) => server = running,
            (false, Some(running)) => Server::stop(running, site),
            (false, None) => {}
        }
        let mark = format!("mark{kill:04}");
        kill_once(site, victim, (agents[which], &sessions[which]), &mark, delay, &mut server);
        delivered += usize::from(settle(site, victim, &sessions[which], &mark));
    }
    if let Some(running) = server {
        Server::stop(running, site);
    }
    wait_until("no agent is left", || site.agents().is_empty());
    let sound: String = db(site).query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(sound, "ok");
    println!("{delivered} of {count} prompts were delivered, the others kept");
}

/// Enters a prompt and kills the victim after `delay`.
fn kill_once(
    site: &impl KillSite,
    victim: Victim,
    (agent, session): (&str, &str),
    mark: &str,
    delay: Duration,
    server: &mut Option<Server>,
) {
    let text = site.prompt(mark);
    if matches!(victim, Victim::Window | Victim::OwnWindow) {
        let mut window = site.window(&["new", "--agent", agent]);
        window.wait_for_text("type a prompt");
        window.send(&format!("\x1b[200~{text}\x1b[201~"));
        window.send("\r");
        pause(delay);
        window.signal(rustix::process::Signal::KILL);
        window.wait();
        return;
    }
    let sender = Sender(site.salon(&["send", "--json", session, &text]).spawn().expect("salon"));
    pause(delay);
    if let Some(running) = server.take_if(|_| victim == Victim::Server) {
        drop(running);
        // A sender that had not connected yet runs the agent itself, and is killed as well.
        pause(SENDER_GRACE);
        drop(sender);
        *server = Some(Server::start(site));
    }
}

/// Lets the next salon recover, and checks the prompt. Returns true if it was delivered.
fn settle(site: &impl KillSite, victim: Victim, session: &str, mark: &str) -> bool {
    let saved = saved(site, mark);
    // A server that is told to stop the agent leaves the prompt where it is; without a server, the command recovers.
    let stopped = saved.as_ref().map_or(session, |saved| &saved.run);
    run(site, &["stop", stopped]);
    wait_until("the prompt is settled", || self::saved(site, mark).is_none_or(|saved| saved.state != "sending"));
    if matches!(victim, Victim::Server | Victim::OwnSender | Victim::OwnWindow) {
        wait_until("the agents of the killed process have ended", || site.agents().is_empty());
    }
    let (saved, received) = (self::saved(site, mark), site.received(mark));
    let what = format!("{mark} of {victim:?}: {saved:?}, received {received} times");
    assert!(received <= 1, "sent twice: {what}");
    let Some(saved) = saved else {
        assert_eq!(received, 0, "sent without being saved: {what}");
        return false;
    };
    if saved.state == "delivered" {
        assert!(received == 1 || !site.sees_every_prompt(), "lost: {what}");
        return true;
    }
    assert!(matches!(&*saved.state, "held" | "pending" | "failed"), "lost: {what}");
    cancel(site, saved.id);
    false
}

/// Cancels a prompt that waits, so that it does not hold back the next one.
fn cancel(site: &impl KillSite, id: i64) {
    let output = site.salon(&["queue", "--cancel", &id.to_string()]).output().expect("salon");
    assert!(output.status.success(), "a prompt that waits stays so: {output:?}");
}

fn saved(site: &impl KillSite, mark: &str) -> Option<Saved> {
    let sql = "SELECT id, run, state FROM prompts WHERE instr(text, ?1) > 0";
    let row = |row: &rusqlite::Row<'_>| Ok(Saved { id: row.get(0)?, run: row.get(1)?, state: row.get(2)? });
    let db = db(site);
    let count: i64 = db
        .query_row("SELECT count(*) FROM prompts WHERE instr(text, ?1) > 0", [mark], |row| row.get(0))
        .expect("counted");
    assert!(count <= 1, "{mark} was saved {count} times");
    db.query_row(sql, [mark], row).optional().expect("read")
}

fn db(site: &impl KillSite) -> Connection {
    let db = Connection::open(site.data().join("state.db")).expect("state.db");
    db.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    db
}

fn run(site: &impl KillSite, args: &[&str]) -> Output {
    let output = site.salon(args).output().expect("salon");
    assert!(output.status.success(), "{args:?}: {output:?}");
    output
}

/// A running `salon serve`; killed on drop.
struct Server(Child);

impl Server {
    fn start(site: &impl KillSite) -> Self {
        let mut command = site.salon(&["serve"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("salon serve");
        let socket = site.runtime().join("serve.sock");
        let server = Self(child);
        wait_until("the server listens", || UnixStream::connect(&socket).is_ok());
        server
    }

    fn stop(mut self, site: &impl KillSite) {
        run(site, &["serve", "--stop"]);
        self.0.wait().expect("reaped");
        wait_until("the agents of the server have ended", || site.agents().is_empty());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// A command that sends a prompt; killed on drop.
struct Sender(Child);

impl Drop for Sender {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Random delays, the same in each test run.
struct Moments {
    state: u64,
    spread: Duration,
}

impl Moments {
    fn new(spread: Duration) -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, spread }
    }

    fn next(&mut self) -> Duration {
        self.state = self.state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let share = u32::try_from(self.state >> 48).unwrap_or(0);
        self.spread * share / (1 << 16)
    }
}

/// Waits for a time, which is the moment of a kill and not a condition.
fn pause(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

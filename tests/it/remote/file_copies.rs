//! Copies of the files of a machine without salon: what is copied, over which link, and what is left after the end.

use std::fs::FileTimes;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use salon::domain::{Agent, Session, SessionKey};
use salon::remote::file_copies::{self, FileCopies, SCRIPT};
use salon::serve::{ServeReader, ServeWriter};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::{Instant, sleep};

use super::options;
use crate::support::{TIMEOUT, wait_until};

/// Folder of the sessions below both homes.
const PROJECT: &str = ".claude/projects/-project";

/// Two homes: of the machine, and of its copies.
struct Machine {
    dir: tempfile::TempDir,
}

/// Open connection; the copies end with it.
struct Connected {
    copies: FileCopies,
    _streams: (ServeReader, ServeWriter),
    _shell: tokio::process::Child,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("home").join(PROJECT)).expect("a project");
        Self { dir }
    }

    fn original(&self, name: &str) -> PathBuf {
        self.dir.path().join("home").join(PROJECT).join(name)
    }

    fn copied(&self, name: &str) -> PathBuf {
        self.dir.path().join("cache/remote/box.copies/home").join(PROJECT).join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file =
            std::fs::OpenOptions::new().create(true).append(true).open(self.original(name)).expect("the file");
        writeln!(file, "{text}").expect("written");
    }

    /// Appends a line, and sets the time of the change to so many seconds ago.
    fn append_before(&self, name: &str, text: &str, seconds: u64) {
        self.append(name, text);
        let file = std::fs::File::options().append(true).open(self.original(name)).expect("the file");
        let time = SystemTime::now() - Duration::from_secs(seconds);
        file.set_times(FileTimes::new().set_modified(time)).expect("set");
    }

    async fn connect(&self) -> Connected {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", SCRIPT]).env_clear().env("HOME", self.dir.path().join("home")).env("PATH", "/usr/bin:/bin");
        let mut shell =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("a shell");
        let (stdin, stdout) = (shell.stdin.take().expect("stdin"), shell.stdout.take().expect("stdout"));
        let (copies, streams) = connect(&self.dir.path().join("cache"), stdout, stdin).await;
        Connected { copies, _streams: streams, _shell: shell }
    }

    fn is_copied(&self, name: &str) -> bool {
        std::fs::read(self.copied(name)).ok() == std::fs::read(self.original(name)).ok()
    }

    async fn until_copied(&self, name: &str) {
        let copied = async {
            while !self.is_copied(name) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, copied).await.unwrap_or_else(|_| panic!("{name} was not copied"));
    }
}

async fn connect(
    cache: &Path,
    reader: impl AsyncRead + Unpin + Send + 'static,
    writer: impl AsyncWrite + Unpin + Send + 'static,
) -> (FileCopies, (ServeReader, ServeWriter)) {
    let connected = file_copies::connect(reader, writer, ("box", &options(Some(cache)))).await;
    let (copies, reader, writer) = connected.expect("connected");
    (copies, (reader, writer))
}

/// Session of a file as the source lists it.
fn session(name: &str) -> Session {
    let id = name.trim_end_matches(".jsonl");
    Session::new(SessionKey::new(Agent::Claude, id), Path::new("~").join(PROJECT).join(name))
}

#[tokio::test]
async fn a_file_that_is_opened_while_it_waits_in_the_list_is_copied_once() {
    let machine = Machine::new();
    let others: Vec<_> = (0..40).map(|number| format!("{number:02}.jsonl")).collect();
    machine.append_before("opened.jsonl", r#"{"n":0}"#, 500);
    others.iter().for_each(|name| machine.append_before(name, r#"{"n":0}"#, 400));
    let mut connected = machine.connect().await;
    // It is the last of the changed files, so that it is not in the first batch.
    machine.append_before("opened.jsonl", r#"{"n":1}"#, 300);
    others.iter().for_each(|name| machine.append_before(name, r#"{"n":1}"#, 200));
    connected.copies.refresh();
    connected.copies.opened(1, &session("opened.jsonl"));
    for name in &others {
        machine.until_copied(name).await;
    }
    // Another file is copied after all batches of before.
    machine.append("last.jsonl", r#"{"n":0}"#);
    connected.copies.refresh();
    machine.until_copied("last.jsonl").await;
    let copy = std::fs::read_to_string(machine.copied("opened.jsonl")).expect("a copy");
    assert_eq!(copy, "{\"n\":0}\n{\"n\":1}\n");
}

#[tokio::test]
async fn a_followed_file_above_the_limit_is_read_at_its_end() {
    let machine = Machine::new();
    let line = format!("{{\"text\":\"{}\"}}\n", "x".repeat(1 << 10));
    std::fs::write(machine.original("large.jsonl"), line.repeat((66 << 20) / line.len())).expect("written");
    let mut connected = machine.connect().await;
    let size = |path: PathBuf| std::fs::metadata(path).expect("a file").len();
    assert!(size(machine.copied("large.jsonl")) < 64 << 10, "its ends");
    connected.copies.opened(1, &session("large.jsonl"));
    machine.append("large.jsonl", r#"{"text":"the newest"}"#);
    let newest = async {
        while !std::fs::read_to_string(machine.copied("large.jsonl")).is_ok_and(|text| text.contains("the newest")) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, newest).await.expect("it is followed");
    assert!(size(machine.copied("large.jsonl")) < 1 << 20, "not the whole");
}

#[tokio::test]
async fn a_large_file_with_long_lines_is_listed_by_longer_ends() {
    let machine = Machine::new();
    let line = format!("{{\"text\":\"{}\"}}\n", "x".repeat(100 << 10));
    std::fs::write(machine.original("large.jsonl"), line.repeat((66 << 20) / line.len())).expect("written");
    let _connected = machine.connect().await;
    let copy = std::fs::read_to_string(machine.copied("large.jsonl")).expect("a copy");
    assert!(copy.starts_with(&line) && copy.ends_with(&line) && copy.len() < 9 << 20, "{}", copy.len());
}

/// Runs a connection on a runtime of its own that ends like the one of the sources.
fn for_a_while(machine: &Machine, work: impl AsyncFnOnce(&mut Connected)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let connected = runtime.block_on(async {
        let mut connected = machine.connect().await;
        work(&mut connected).await;
        connected
    });
    drop(runtime);
    drop(connected);
}

#[test]
fn the_states_of_copies_are_saved_when_salon_ends() {
    let machine = Machine::new();
    for_a_while(&machine, async |connected| {
        machine.append("later.jsonl", r#"{"n":0}"#);
        connected.copies.refresh();
        machine.until_copied("later.jsonl").await;
    });
    let states = machine.dir.path().join("cache/remote/box.copies/copies.json");
    let states = std::fs::read_to_string(states).expect("the states");
    assert!(states.contains("later.jsonl"), "{states}");
}

#[test]
fn a_copy_of_a_file_that_is_gone_is_removed_although_salon_was_killed() {
    let machine = Machine::new();
    machine.append("kept.jsonl", r#"{"n":0}"#);
    machine.append("gone.jsonl", r#"{"n":0}"#);
    for_a_while(&machine, async |_| {});
    // A killed salon has copied files and not saved their states.
    std::fs::remove_file(machine.dir.path().join("cache/remote/box.copies/copies.json")).expect("removed");
    std::fs::remove_file(machine.original("gone.jsonl")).expect("removed");
    for_a_while(&machine, async |_| {});
    assert!(!machine.copied("gone.jsonl").exists());
    wait_until("the other is copied", || machine.is_copied("kept.jsonl"));
}

/// Answers the requests of the copies as the script would, over a link with so many bytes per second.
async fn answer(stream: tokio::io::DuplexStream, files: usize, size: usize, per_second: usize) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    let mark = lines.next_line().await.expect("read").expect("a mark");
    let list: String = (0..files).map(|at| format!("{at} {size} {at} ./projects/-p/{at}.jsonl\n")).collect();
    let content = format!("{{\"text\":\"{}\"}}\n", "x".repeat(500)).repeat(size / 500);
    writer.write_all(format!("\n{mark} 0\n").as_bytes()).await.expect("written");
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<_> = line.split(' ').collect();
        let bytes = match words.as_slice() {
            ["list"] => format!("# .claude\n{list}").into_bytes(),
            ["read", skip, count, _] => {
                let number = |word: &str| word.parse::<usize>().expect("a number") * 4096;
                let from = number(skip).min(size);
                content.as_bytes()[from..size.min(from + number(count))].to_vec()
            }
            other => panic!("{other:?}"),
        };
        sleep(Duration::from_secs_f64(
            f64::from(u32::try_from(bytes.len()).expect("few")) / f64::from(u32::try_from(per_second).expect("few")),
        ))
        .await;
        let sent = async {
            writer.write_all(&bytes).await?;
            writer.write_all(format!("\n{mark} 0\n").as_bytes()).await
        };
        if sent.await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_files_of_a_slow_machine_are_listed_in_time() {
    let cache = tempfile::tempdir().expect("a directory");
    for (per_second, at_least) in [(12_500, 2), (125_000, 15), (12_500_000, 200)] {
        let path = cache.path().join(per_second.to_string());
        let (near, far) = tokio::io::duplex(64 << 10);
        let there = tokio::spawn(answer(far, 200, 100 << 10, per_second));
        let (reader, writer) = tokio::io::split(near);
        let begun = Instant::now();
        let connected = connect(&path, reader, writer).await;
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(16), "{per_second} bytes per second: {took:?}");
        let copies =
            std::fs::read_dir(path.join("remote/box.copies/home/.claude/projects/-p")).expect("copies").count();
        assert!(copies >= at_least, "{per_second} bytes per second: {copies}");
        there.abort();
        drop(connected);
    }
}

//! A small made-up format, so that the index is tested without any agent's own: one word a line says what it is.
//!
//! `<id>.log` and `<id>~<copy>.log` hold one session, `*.base` many (only what was added is told), `*.notes` tell
//! about others, a folder with a `.denied` in it cannot be read, `live/<id>` says that a session is open. A file whose text begins with `panic` makes the reader panic.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use salon::agent::*;
use salon::domain::launch::Launch;
use salon::domain::live::LiveSign;
use salon::domain::*;

/// The made-up format. Goes by the name of an agent, since agents are a closed list.
pub struct Fake(pub Agent);

/// Formats for [`salon::index::Options`].
pub static FAKES: [&dyn Format; 2] = [&Fake(Agent::Claude), &Fake(Agent::Codex)];

/// How often a reading was opened, over all tests.
pub static OPENED: AtomicUsize = AtomicUsize::new(0);

/// Where the sessions of an agent lie.
pub fn folder(home: &Path, agent: Agent) -> PathBuf {
    home.join("fake").join(agent.name())
}

fn unit(agent: Agent, path: &Path) -> Option<Unit> {
    let ending = path.extension()?.to_str()?;
    let kind = match ending {
        "log" => u8::from(path.file_stem()?.to_str()?.contains('~')),
        "base" => 2,
        "notes" => 3,
        _ => return None,
    };
    let stamp = Stamp::of(&fs::metadata(path).ok()?);
    Some(Unit { agent, path: path.to_owned(), stamp, kind })
}

fn id_of(path: &Path) -> String {
    let stem = path.file_stem().expect("name").to_string_lossy().into_owned();
    stem.split('~').next().expect("first part").to_owned()
}

fn apply(session: &mut Session, line: &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "prompt" => {
            let (time, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let time = Time::from_millis(time.parse().unwrap_or(0));
            if session.turns == 0 {
                if session.title.source == TitleSource::Prompt {
                    session.title = Title::new(text, TitleSource::Prompt);
                }
                session.started_at = Some(time);
            }
            session.turns += 1;
            session.messages += 1;
            session.last_activity = Some(time);
        }
        "title" => session.title = Title::new(rest, TitleSource::User),
        "cwd" => session.cwd = rest.into(),
        "branch" => session.branch = Some(rest.into()),
        "tip" => session.tip = Some(rest.into()),
        "tokens" => session.tokens.input += rest.parse::<u64>().unwrap_or(0),
        "subagent" => session.flags.subagent = true,
        _ => {
            session.unreadable += 1;
            session.flags.unreadable = true;
        }
    }
    session.flags.empty = session.messages == 0;
}

/// The complete lines from an offset on, and how many bytes were read for them.
fn read(path: &Path, offset: u64) -> (String, u64) {
    let bytes = fs::read(path).unwrap_or_default();
    let new = &bytes[usize::try_from(offset).expect("small").min(bytes.len())..];
    let complete = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (String::from_utf8_lossy(&new[..complete]).into_owned(), new.len() as u64)
}

fn note(line: &str) -> Option<Note> {
    let mut words = line.splitn(3, ' ');
    let (what, id, rest) = (words.next()?, words.next()?, words.next().unwrap_or(""));
    match what {
        "title" => Some(Note::Title { id: id.into(), title: rest.into(), source: TitleSource::User }),
        "tip" => Some(Note::TitleOfTip { tip: id.into(), title: rest.into() }),
        "usage" => {
            let tokens = Tokens { output: rest.parse().ok()?, ..Tokens::default() };
            Some(Note::Usage { id: id.into(), tokens })
        }
        _ => None,
    }
}

impl Fake {
    fn walk(&self, dir: &Path, found: &mut Discovery) {
        if dir.join(".denied").exists() {
            // Tests may run as root, whom no mode keeps out.
            return found.issues.push(Issue::new(dir, io::Error::from(io::ErrorKind::PermissionDenied)));
        }
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return found.issues.push(Issue::new(dir, error)),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.walk(&path, found);
            } else {
                found.units.extend(unit(self.0, &path));
            }
        }
    }

    fn many(&self, unit: &Unit, progress: Option<&Progress>) -> (Sessions, u64, Vec<u8>, u64) {
        let before = progress.filter(|before| before.cursor.offset <= unit.stamp.size);
        let offset = before.map_or(0, |before| before.cursor.offset);
        let state = before.and_then(|before| serde_json::from_slice(&before.state).ok());
        let mut all: BTreeMap<String, Session> = state.unwrap_or_default();
        let (text, bytes) = read(&unit.path, offset);
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let (id, line) = line.split_once(' ').unwrap_or((line, ""));
            if line == "drop" {
                all.remove(id);
                removed.push(id.into());
                continue;
            }
            let new = || Session::new(SessionKey::new(self.0, id), unit.path.clone());
            let session = all.entry(id.to_owned()).or_insert_with(new);
            session.complete = true;
            apply(session, line);
            changed.push(session.clone());
        }
        let state = serde_json::to_vec(&all).expect("state");
        let sessions = match before {
            None => Sessions::All(all.into_values().collect()),
            Some(_) => Sessions::Changed { sessions: changed, removed },
        };
        (sessions, bytes, state, offset + text.len() as u64)
    }

    fn one(&self, unit: &Unit, progress: Option<&Progress>) -> (Sessions, u64, Vec<u8>, u64) {
        let same = |before: &&Progress| {
            before.cursor.stamp.inode == unit.stamp.inode && before.cursor.offset <= unit.stamp.size
        };
        let before = progress.filter(same);
        let state = before.and_then(|before| serde_json::from_slice::<Session>(&before.state).ok());
        let new = || Session::new(SessionKey::new(self.0, id_of(&unit.path)), unit.path.clone());
        let mut session = state.unwrap_or_else(new);
        let offset = before.map_or(0, |before| before.cursor.offset);
        let (text, bytes) = read(&unit.path, offset);
        text.lines().for_each(|line| apply(&mut session, line));
        session.flags.empty = session.messages == 0;
        session.complete = true;
        session.bytes = unit.stamp.size;
        let state = serde_json::to_vec(&session).expect("state");
        (Sessions::All(vec![session]), bytes, state, offset + text.len() as u64)
    }
}

impl Format for Fake {
    fn agent(&self) -> Agent {
        self.0
    }

    fn roots(&self, environment: &Environment) -> Vec<Root> {
        let path = folder(&environment.home, self.0);
        vec![Root { agent: self.0, watch: vec![path.clone()], path }]
    }

    fn discover(&self, root: &Root) -> Discovery {
        let mut found = Discovery::default();
        self.walk(&root.path, &mut found);
        found
    }

    fn affected(&self, _root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
        if !path.extension().is_some_and(|ending| ending == "log" || ending == "base" || ending == "notes") {
            return Vec::new();
        }
        vec![(path.to_owned(), unit(self.0, path))]
    }

    fn glance(&self, unit: &Unit) -> Vec<Session> {
        if unit.kind > 1 {
            return Vec::new();
        }
        let mut session = Session::new(SessionKey::new(self.0, id_of(&unit.path)), unit.path.clone());
        read(&unit.path, 0).0.lines().take(2).for_each(|line| apply(&mut session, line));
        vec![session]
    }

    fn summarise(&self, unit: &Unit, progress: Option<&Progress>) -> Summarised {
        let text = fs::read_to_string(&unit.path).unwrap_or_default();
        assert!(!text.starts_with("panic"), "as asked for");
        let (sessions, bytes_read, state, offset) = match unit.kind {
            3 => (Sessions::All(Vec::new()), text.len() as u64, Vec::new(), 0),
            2 => self.many(unit, progress),
            _ => self.one(unit, progress),
        };
        let notes = if unit.kind == 3 { text.lines().filter_map(note).collect() } else { Vec::new() };
        let progress = Progress { cursor: Cursor { stamp: unit.stamp, offset }, state };
        let issues = text.lines().any(|line| line == "bad").then(|| Issue::new(&unit.path, "a bad line"));
        Summarised { sessions, notes, progress, bytes_read, issues: issues.into_iter().collect() }
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn Reading>> {
        OPENED.fetch_add(1, Ordering::SeqCst);
        fs::metadata(&session.path)?;
        let mut reading = FakeReading { path: session.path.clone(), lines: Vec::new(), bytes: 0 };
        reading.refresh();
        Ok(Box::new(reading))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        let mut reading = self.open(session)?;
        let len = reading.len();
        Ok(reading.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
    }

    fn live(&self, root: &Root) -> Vec<LiveSign> {
        let entries = fs::read_dir(root.path.join("live")).into_iter().flatten().flatten();
        let sign = |entry: fs::DirEntry| LiveSign {
            key: SessionKey::new(self.0, entry.file_name().to_string_lossy()),
            pid: None,
            state: match fs::read_to_string(entry.path()).unwrap_or_default().trim() {
                "needs-you" => State::NeedsYou,
                "working" => State::Working,
                _ => State::Idle,
            },
            waiting_for: None,
            since: None,
        };
        entries.map(sign).collect()
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        Launch { program: "fake".into(), args: extra.to_vec(), cwd: (&*session.cwd).into() }
    }
}

struct FakeReading {
    path: PathBuf,
    lines: Vec<String>,
    bytes: u64,
}

impl Reading for FakeReading {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn read(&mut self, range: Range<usize>, _limit: TextLimit) -> Vec<Entry> {
        let range = range.start.min(self.lines.len())..range.end.min(self.lines.len());
        let entry = |at: usize| {
            let key = Key::new(&self.path.to_string_lossy(), u32::try_from(at).expect("few"));
            Entry { text: self.lines[at].clone(), ..Entry::new(key, EntryKind::Prompt, Role::User, None) }
        };
        range.map(entry).collect()
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        self.lines[index].clone().into_bytes()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, which: Marks) -> Vec<usize> {
        let errors = |at: &usize| self.lines[*at].contains("error");
        match which {
            Marks::Prompts => (0..self.lines.len()).collect(),
            Marks::Errors => (0..self.lines.len()).filter(errors).collect(),
        }
    }

    fn refresh(&mut self) -> Refreshed {
        let Ok(bytes) = fs::read(&self.path) else { return Refreshed::Gone };
        self.bytes += bytes.len() as u64;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let texts = text.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.starts_with("prompt "));
        let now: Vec<_> = texts.map(|line| line.splitn(3, ' ').last().unwrap_or("").trim_end().to_owned()).collect();
        let before = std::mem::replace(&mut self.lines, now);
        if before == self.lines {
            Refreshed::Same
        } else if self.lines.starts_with(&before) {
            Refreshed::Grown { from: before.len() }
        } else {
            Refreshed::Reset
        }
    }

    fn issues(&self) -> &[Issue] {
        &[]
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}

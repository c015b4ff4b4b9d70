//! Small made-up format, so that the index is tested without an agent's own format. The first word of a line is its
//! kind.
//!
//! `<id>.log` and `<id>~<copy>.log` contain one session, `*.base` many (updates contain only the appended ones).
//! `*.notes` contain notes about others. A folder with a `.denied` in it cannot be read. `live/<id>` marks a session as
//! open. A file that begins with `panic` makes the reader panic.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use salon::agent::*;
use salon::domain::launch::Launch;
use salon::domain::live_status::LiveStatus;
use salon::domain::transcript::{Tool, ToolAction, ToolStatus};
use salon::domain::*;

/// The made-up format, under the name of an agent, since agents are a closed list.
pub struct Fake(pub Agent);

/// Formats for [`salon::index::IndexOptions`].
pub static FAKES: [&dyn Format; 2] = [&Fake(Agent::Claude), &Fake(Agent::Codex)];

/// Number of opened transcripts over all tests.
pub static OPENED: AtomicUsize = AtomicUsize::new(0);

/// Folder of an agent's sessions.
pub fn folder(home: &Path, agent: Agent) -> PathBuf {
    home.join("fake").join(agent.name())
}

fn source(agent: Agent, path: &Path) -> Option<Source> {
    let ending = path.extension()?.to_str()?;
    let kind = match ending {
        "log" => u8::from(path.file_stem()?.to_str()?.contains('~')),
        "base" => 2,
        "notes" => 3,
        _ => return None,
    };
    let stamp = FileStamp::of(&fs::metadata(path).ok()?);
    Some(Source { agent, path: path.to_owned(), stamp, kind })
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
        // Only the tail of a transcript contains what the agent does.
        "say" | "call" => {}
        _ => {
            session.unreadable += 1;
            session.flags.unreadable = true;
        }
    }
    session.flags.empty = session.messages == 0;
}

/// An answer, or a call without a result. They follow the last prompt.
fn activity(line: &str) -> Option<Entry> {
    let (word, text) = line.split_once(' ')?;
    let entry = |kind| Entry::new(EntryKey::new(line, 0), kind, Role::Assistant, None);
    match word {
        "say" => Some(Entry { text: text.to_owned(), ..entry(EntryKind::Text) }),
        "call" => {
            let tool = Tool {
                name: "exec_command".into(),
                id: "c".into(),
                input: serde_json::Value::Null,
                action: ToolAction::Command { command: text.to_owned(), exit_code: None },
                output: String::new(),
                status: ToolStatus::Pending,
                duration_ms: None,
                subagent: None,
            };
            Some(Entry { tool: Some(Box::new(tool)), ..entry(EntryKind::Tool) })
        }
        _ => None,
    }
}

/// Returns the complete lines from an offset on, and the number of bytes read.
fn read(path: &Path, offset: u64) -> (String, u64) {
    let bytes = fs::read(path).unwrap_or_default();
    let new = &bytes[usize::try_from(offset).expect("small").min(bytes.len())..];
    let complete = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (String::from_utf8_lossy(&new[..complete]).into_owned(), new.len() as u64)
}

fn note(line: &str) -> Option<SummaryNote> {
    let mut words = line.splitn(3, ' ');
    let (what, id, rest) = (words.next()?, words.next()?, words.next().unwrap_or(""));
    match what {
        "title" => Some(SummaryNote::Title { id: id.into(), title: rest.into(), source: TitleSource::User }),
        "tip" => Some(SummaryNote::TitleOfTip { tip: id.into(), title: rest.into() }),
        "usage" => {
            let tokens = Tokens { output: rest.parse().ok()?, ..Tokens::default() };
            Some(SummaryNote::Usage { id: id.into(), tokens })
        }
        _ => None,
    }
}

impl Fake {
    fn walk(&self, dir: &Path, found: &mut Discovery) {
        if dir.join(".denied").exists() {
            // File modes do not apply to root, who may run the tests.
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
                found.sources.extend(source(self.0, &path));
            }
        }
    }

    fn many(&self, source: &Source, progress: Option<&SummaryProgress>) -> (SourceSessions, u64, Vec<u8>, u64) {
        let before = progress.filter(|before| before.cursor.offset <= source.stamp.size);
        let offset = before.map_or(0, |before| before.cursor.offset);
        let state = before.and_then(|before| serde_json::from_slice(&before.state).ok());
        let mut all: BTreeMap<String, Session> = state.unwrap_or_default();
        let (text, bytes) = read(&source.path, offset);
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let (id, line) = line.split_once(' ').unwrap_or((line, ""));
            if line == "drop" {
                all.remove(id);
                removed.push(id.into());
                continue;
            }
            let new = || Session::new(SessionKey::new(self.0, id), source.path.clone());
            let session = all.entry(id.to_owned()).or_insert_with(new);
            session.complete = true;
            apply(session, line);
            changed.push(session.clone());
        }
        let state = serde_json::to_vec(&all).expect("state");
        let sessions = match before {
            None => SourceSessions::All(all.into_values().collect()),
            Some(_) => SourceSessions::Changed { sessions: changed, removed },
        };
        (sessions, bytes, state, offset + text.len() as u64)
    }

    fn one(&self, source: &Source, progress: Option<&SummaryProgress>) -> (SourceSessions, u64, Vec<u8>, u64) {
        let same = |before: &&SummaryProgress| {
            before.cursor.stamp.inode == source.stamp.inode && before.cursor.offset <= source.stamp.size
        };
        let before = progress.filter(same);
        let state = before.and_then(|before| serde_json::from_slice::<Session>(&before.state).ok());
        let new = || Session::new(SessionKey::new(self.0, id_of(&source.path)), source.path.clone());
        let mut session = state.unwrap_or_else(new);
        let offset = before.map_or(0, |before| before.cursor.offset);
        let (text, bytes) = read(&source.path, offset);
        text.lines().for_each(|line| apply(&mut session, line));
        session.flags.empty = session.messages == 0;
        session.complete = true;
        session.bytes = source.stamp.size;
        let state = serde_json::to_vec(&session).expect("state");
        (SourceSessions::All(vec![session]), bytes, state, offset + text.len() as u64)
    }
}

impl Format for Fake {
    fn reads(&self, agent: Agent) -> bool {
        agent == self.0
    }

    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        let path = folder(&environment.home, self.0);
        vec![SourceRoot { agent: self.0, watch: vec![path.clone()], path, origin: None }]
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        let mut found = Discovery::default();
        self.walk(&root.path, &mut found);
        found
    }

    fn affected(&self, _root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        if !path.extension().is_some_and(|ending| ending == "log" || ending == "base" || ending == "notes") {
            return Vec::new();
        }
        vec![(path.to_owned(), source(self.0, path))]
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        if source.kind > 1 {
            return Vec::new();
        }
        let mut session = Session::new(SessionKey::new(self.0, id_of(&source.path)), source.path.clone());
        read(&source.path, 0).0.lines().take(2).for_each(|line| apply(&mut session, line));
        vec![session]
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        let text = fs::read_to_string(&source.path).unwrap_or_default();
        assert!(!text.starts_with("panic"), "as asked for");
        let (sessions, bytes_read, state, offset) = match source.kind {
            3 => (SourceSessions::All(Vec::new()), text.len() as u64, Vec::new(), 0),
            2 => self.many(source, progress),
            _ => self.one(source, progress),
        };
        let notes = if source.kind == 3 { text.lines().filter_map(note).collect() } else { Vec::new() };
        let progress = SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset }, state };
        let issues = text.lines().any(|line| line == "bad").then(|| Issue::new(&source.path, "a bad line"));
        SourceSummary { sessions, notes, progress, bytes_read, issues: issues.into_iter().collect() }
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        OPENED.fetch_add(1, Ordering::SeqCst);
        fs::metadata(&session.path)?;
        let mut reading = FakeReading { path: session.path.clone(), lines: Vec::new(), bytes: 0 };
        reading.refresh();
        Ok(Box::new(reading))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        let mut reading = self.open(session)?;
        let len = reading.len();
        let prompts = reading.read(len.saturating_sub(count)..len, TextLimit::SCREEN);
        let text = fs::read_to_string(&session.path)?;
        Ok(prompts.into_iter().chain(text.lines().filter_map(activity)).collect())
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        let entries = fs::read_dir(root.path.join("live")).into_iter().flatten().flatten();
        let sign = |entry: fs::DirEntry| LiveStatus {
            key: SessionKey::new(self.0, entry.file_name().to_string_lossy()),
            pid: None,
            state: match fs::read_to_string(entry.path()).unwrap_or_default().trim() {
                "needs-you" => SessionState::NeedsYou,
                "working" => SessionState::Working,
                _ => SessionState::Idle,
            },
            waiting_for: None,
            since: None,
            activity: None,
        };
        entries.map(sign).collect()
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        Launch { program: "fake".into(), args: extra.to_vec(), cwd: (&*session.cwd).into() }
    }

    fn own_files(&self, _session: &Session) -> Option<Vec<PathBuf>> {
        None
    }
}

struct FakeReading {
    path: PathBuf,
    lines: Vec<String>,
    bytes: u64,
}

impl TranscriptReader for FakeReading {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn read(&mut self, range: Range<usize>, _limit: TextLimit) -> Vec<Entry> {
        let range = range.start.min(self.lines.len())..range.end.min(self.lines.len());
        let entry = |at: usize| {
            let key = EntryKey::new(&self.path.to_string_lossy(), u32::try_from(at).expect("few"));
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

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        let errors = |at: &usize| self.lines[*at].contains("error");
        match which {
            MarkKind::Prompts => (0..self.lines.len()).collect(),
            MarkKind::Errors => (0..self.lines.len()).filter(errors).collect(),
        }
    }

    fn refresh(&mut self) -> RefreshOutcome {
        let Ok(bytes) = fs::read(&self.path) else { return RefreshOutcome::Gone };
        self.bytes += bytes.len() as u64;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let texts = text.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.starts_with("prompt "));
        let now: Vec<_> = texts.map(|line| line.splitn(3, ' ').last().unwrap_or("").trim_end().to_owned()).collect();
        let before = std::mem::replace(&mut self.lines, now);
        if before == self.lines {
            RefreshOutcome::Same
        } else if self.lines.starts_with(&before) {
            RefreshOutcome::Grown { from: before.len() }
        } else {
            RefreshOutcome::Reset
        }
    }

    fn issues(&self) -> &[Issue] {
        &[]
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}

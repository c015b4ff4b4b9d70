//! The catalog as it is kept for the next command: all of it, or none.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use proptest::prelude::*;
use salon::domain::{Flags, Issue, Session, State, Time, Title, TitleSource, Tokens};
use salon::index::snapshot::form::{self, Now, Reading};

use super::*;

/// Nobody has anything open, and each directory is its own workspace.
struct Quiet;

impl Now for Quiet {
    fn state(&self, _key: &SessionKey) -> State {
        State::Past
    }

    fn workspace(&self, cwd: &Arc<str>) -> Arc<str> {
        cwd.clone()
    }
}

/// A session of which every field says something; one that is added must be filled in here.
fn full(id: &str) -> Session {
    Session {
        key: SessionKey::new(Agent::Codex, id),
        title: Title { text: "naïve 日本".into(), source: TitleSource::User },
        workspace: "/w/repo".into(),
        cwd: "/w/repo".into(),
        branch: Some("main".into()),
        model: Some("opus".into()),
        started_at: Some(Time::from_millis(-1)),
        last_activity: Some(Time::from_millis(i64::MAX)),
        turns: u32::MAX,
        messages: 300,
        tokens: Tokens { input: 1, output: u64::MAX, cache_read: 127, cache_write: 128 },
        cost_usd: Some(0.1),
        bytes: 1 << 40,
        path: OsStr::from_bytes(b"/home/\xff\xfe/a.jsonl").into(),
        state: State::Past,
        flags: Flags { subagent: true, headless: true, empty: true, fork: true, archived: true, unreadable: true },
        parent: Some("parent".into()),
        forked_from: Some("main".into()),
        first: Some(u64::MAX - 1),
        unreadable: 7,
        tip: Some("tip".into()),
        complete: true,
    }
}

/// Many that share some of it, and some with nothing to say.
fn various() -> (Vec<Arc<Session>>, Vec<Issue>) {
    let plain = Session::new(SessionKey::new(Agent::Claude, ""), "name".into());
    let mut sessions = vec![full("a"), plain, full("b")];
    for (at, agent) in Agent::ALL.into_iter().enumerate() {
        let bit = |number: usize| at == number;
        let flags = Flags {
            subagent: bit(0),
            headless: bit(1),
            empty: bit(2),
            fork: bit(3),
            archived: bit(4),
            unreadable: bit(5),
        };
        let source = [TitleSource::Prompt, TitleSource::Agent, TitleSource::User][at % 3];
        let title = Title { text: "t".into(), source };
        let cwd: Arc<str> = format!("/w/{}", at % 2).into();
        let key = SessionKey::new(agent, at.to_string());
        sessions.push(Session { key, title, flags, workspace: cwd.clone(), cwd, ..full("") });
    }
    let issue = Issue { path: "/home/a.jsonl".into(), line: Some(3), reason: "no JSON".into() };
    (sessions.into_iter().map(Arc::new).collect(), vec![issue, Issue::new("/", "shut")])
}

/// What blocks hold, if that is a whole.
fn read(blocks: &[impl AsRef<[u8]>]) -> Option<(Vec<Arc<Session>>, Vec<Issue>)> {
    let mut reading = Reading::default();
    for block in blocks {
        reading.take(block.as_ref(), &Quiet)?;
    }
    reading.end()
}

#[test]
fn every_field_comes_back() {
    let (sessions, issues) = various();
    assert_eq!(read(&form::write(&sessions, &issues)), Some((sessions, issues)));
}

#[test]
fn what_repeats_is_shared() {
    let (sessions, issues) = various();
    let (read, _) = read(&form::write(&sessions, &issues)).expect("whole");
    assert!(Arc::ptr_eq(&read[0].cwd, &read[2].cwd) && Arc::ptr_eq(&read[0].workspace, &read[2].workspace));
    assert!(Arc::ptr_eq(read[0].branch.as_ref().expect("branch"), read[2].forked_from.as_ref().expect("fork")));
}

#[test]
fn many_sessions_lie_in_several_blocks_none_of_which_can_be_missed() {
    let sessions: Vec<_> = (0..2000).map(|at| Arc::new(full(&at.to_string()))).collect();
    let blocks = form::write(&sessions, &[]);
    assert!(blocks.len() > 2);
    let (whole, _) = read(&blocks).expect("whole");
    assert!(whole == sessions && Arc::ptr_eq(&whole[0].cwd, &whole[1999].cwd));
    let end = blocks.len() - 1;
    assert!(read(&blocks[..end]).is_none() && read(&blocks[1..]).is_none());
    assert!(read(&[&blocks[..], &blocks[end..]].concat()).is_none(), "something after the end");
}

#[test]
fn a_form_cut_short_or_too_long_is_none() {
    let (sessions, issues) = various();
    let mut bytes = form::write(&sessions, &issues).concat();
    for end in 0..bytes.len() {
        assert!(read(&[&bytes[..end]]).is_none(), "cut at {end}");
    }
    bytes.push(0);
    assert!(read(&[&bytes]).is_none());
}

#[test]
fn a_form_damaged_anywhere_is_read_without_a_panic() {
    let (sessions, issues) = various();
    let whole = form::write(&sessions, &issues).concat();
    for at in 0..whole.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            drop(read(&[&bytes]));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&[&bytes]));
    }
}

fn kept(home: &Home) -> PathBuf {
    home.path().join("cache/catalog")
}

fn recall(home: &Home) -> Collected {
    collect(&cached(home), Refresh::Changed)
}

/// Whether a look was answered by what was kept: else it is kept anew.
fn held(found: &Collected) -> bool {
    found.keeping.is_none()
}

fn told(found: &Collected) -> Vec<Session> {
    found.sessions.iter().map(|session| Session::clone(session)).collect()
}

/// Two units, seen and kept.
fn seen() -> (Home, Vec<Session>) {
    let home = Home::empty();
    write(&home, "a.log", "cwd /w\nprompt 1000 first of a\n");
    write(&home, "b.log", "cwd /w\nprompt 2000 first of b\n");
    let first = recall(&home);
    assert!(!held(&first));
    let rows = told(&first);
    drop(first);
    let again = recall(&home);
    assert!(held(&again), "nothing changed");
    assert_eq!((again.sessions.len(), again.units.len(), told(&again)), (2, 2, rows.clone()));
    (home, rows)
}

#[test]
fn a_snapshot_damaged_at_any_byte_is_not_believed() {
    let (home, rows) = seen();
    for at in 0.. {
        assert!(held(&recall(&home)), "sound before {at} is damaged");
        // It is another one each time: the cache was opened in between.
        let mut bytes = fs::read(kept(&home)).expect("snapshot");
        let Some(byte) = bytes.get_mut(at) else { break };
        *byte ^= 1 << (at % 8);
        fs::write(kept(&home), bytes).expect("damage");
        let found = recall(&home);
        assert!(!held(&found) && told(&found) == rows, "damaged at {at}");
    }
}

#[test]
fn a_snapshot_of_another_form_is_not_believed() {
    let (home, rows) = seen();
    let older = br#"{"version":"1/0.1.0","roots":[],"cache":[],"units":[],"sessions":[],"issues":[]}"#;
    let forms: [&dyn Fn(&mut Vec<u8>); 4] = [
        &|bytes| bytes.clear(),
        &|bytes| *bytes = older.to_vec(),
        &|bytes| bytes.truncate(bytes.len() - 1),
        &|bytes| bytes.push(0),
    ];
    for form in forms {
        assert!(held(&recall(&home)));
        let mut bytes = fs::read(kept(&home)).expect("snapshot");
        form(&mut bytes);
        fs::write(kept(&home), bytes).expect("write");
        let found = recall(&home);
        assert!(!held(&found) && told(&found) == rows);
    }
    fs::remove_file(kept(&home)).expect("remove");
    fs::create_dir(kept(&home)).expect("a folder in its place");
    assert_eq!(told(&recall(&home)), rows);
}

#[test]
fn any_change_of_any_unit_is_noticed() {
    let (home, rows) = seen();
    let (a, b) = (home.path().join("fake/claude/a.log"), home.path().join("fake/claude/b.log"));
    let changes: [&dyn Fn(); 4] = [
        &|| append(&a, "prompt 3000 second of a\n"),
        &|| drop(write(&home, "c.log", "prompt 4000 first of c\n")),
        &|| fs::remove_file(&b).expect("remove"),
        // Two stamps that change places are still two changes.
        &|| {
            fs::rename(&a, a.with_extension("tmp")).expect("rename");
            fs::rename(home.path().join("fake/claude/c.log"), &a).expect("rename");
            fs::rename(a.with_extension("tmp"), home.path().join("fake/claude/c.log")).expect("rename");
        },
    ];
    let mut before = rows;
    for change in changes {
        change();
        let found = recall(&home);
        assert!(!held(&found) && told(&found) != before);
        assert_eq!(told(&found), told(&look(&home)), "as if read without a cache");
        before = told(&found);
        drop(found);
        assert!(held(&recall(&home)));
    }
}

#[test]
fn names_that_are_no_text_are_kept_too() {
    let home = Home::empty();
    let folder = write(&home, "a.log", "prompt 1000 first of a\n").with_file_name(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&folder).expect("folder");
    fs::write(folder.join("b.log"), "prompt 2000 first of b\n").expect("write");
    let first = told(&recall(&home));
    let again = recall(&home);
    assert!(held(&again));
    assert_eq!((first.len(), told(&again)), (2, first));
}

#[test]
fn what_leaves_no_trace_in_a_unit_is_looked_up_each_time() {
    let home = Home::empty();
    let repository = home.path().join("repository");
    let cwd = repository.join("below");
    fs::create_dir_all(&cwd).expect("folder");
    write(&home, "a.log", &format!("cwd {}\nprompt 1000 first\n", cwd.display()));
    let workspace = |found: &Collected| found.session(&key("a")).expect("a").workspace.to_string();
    assert_eq!(workspace(&recall(&home)), cwd.to_string_lossy());
    fs::create_dir(repository.join(".git")).expect("repository");
    let found = recall(&home);
    assert!(held(&found));
    assert_eq!(workspace(&found), repository.to_string_lossy());
}

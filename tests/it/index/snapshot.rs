//! Snapshot of the catalog for the next command: used completely, or not at all.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use proptest::prelude::*;
use salon::domain::session::CopiedPrefix;
use salon::domain::usage::{UsageRow, UsageSlot};
use salon::domain::{EntryKey, Flags, Issue, Session, SessionState, Time, Title, TitleSource, Tokens};
use salon::index::snapshot::codec::{self, CurrentState, SnapshotDecoder};

use super::*;

/// State without live sessions, where each directory is its own workspace.
struct NoLiveState;

impl CurrentState for NoLiveState {
    fn state(&self, _key: &SessionKey) -> SessionState {
        SessionState::Past
    }

    fn workspace(&self, cwd: &Arc<str>) -> Arc<str> {
        cwd.clone()
    }
}

/// Session with a value in every field; a new field must be filled in here.
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
        usage: [Some("opus"), None, Some("haiku")]
            .map(|model| UsageRow { slot: UsageSlot::of(None), model: model.map(Arc::from), tokens: Tokens::default() })
            .into(),
        modified: Some(Time::from_millis(3)),
        cost_usd: Some(0.1),
        bytes: 1 << 40,
        path: OsStr::from_bytes(b"/home/\xff\xfe/a.jsonl").into(),
        state: SessionState::Past,
        flags: Flags {
            subagent: true,
            headless: true,
            empty: true,
            fork: true,
            archived: true,
            unreadable: true,
            purged: true,
            app: true,
        },
        parent: Some("parent".into()),
        forked_from: Some("main".into()),
        copied: Some(Box::new(CopiedPrefix {
            record: "record".into(),
            entry: Some(EntryKey::new("record", 1)),
            is_extended: true,
        })),
        first: Some(u64::MAX - 1),
        unreadable: 7,
        last_prompt: Some("and then".into()),
        tip: Some("tip".into()),
        complete: true,
        annotated: None,
    }
}

/// Sessions with shared values, and some with empty ones.
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
            purged: bit(0),
            app: bit(0),
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

/// Decodes blocks, if they are complete.
fn read(blocks: &[impl AsRef<[u8]>]) -> Option<(Vec<Arc<Session>>, Vec<Issue>)> {
    let mut decoder = SnapshotDecoder::default();
    for block in blocks {
        decoder.read_block(block.as_ref(), &NoLiveState)?;
    }
    decoder.finish()
}

#[test]
fn every_field_comes_back() {
    let (sessions, issues) = various();
    assert_eq!(read(&codec::encode(&sessions, &issues)), Some((sessions, issues)));
}

#[test]
fn usage_is_left_out_where_it_is_not_needed() {
    let (sessions, issues) = various();
    let mut decoder = SnapshotDecoder::without_usage();
    for block in codec::encode(&sessions, &issues) {
        decoder.read_block(&block, &NoLiveState).expect("whole");
    }
    let (read, _) = decoder.finish().expect("whole");
    assert!(read.iter().all(|session| session.usage.is_empty()));
    let without = |session: &Arc<Session>| Session { usage: Arc::default(), ..Session::clone(session) };
    let plain = |all: &[Arc<Session>]| all.iter().map(without).collect::<Vec<_>>();
    assert_eq!(plain(&read), plain(&sessions), "everything else comes back");
}

#[test]
fn repeated_texts_are_shared() {
    let (sessions, issues) = various();
    let (read, _) = read(&codec::encode(&sessions, &issues)).expect("whole");
    assert!(Arc::ptr_eq(&read[0].cwd, &read[2].cwd) && Arc::ptr_eq(&read[0].workspace, &read[2].workspace));
    assert!(Arc::ptr_eq(read[0].branch.as_ref().expect("branch"), read[2].forked_from.as_ref().expect("fork")));
}

#[test]
fn many_sessions_take_several_blocks_none_of_which_may_be_missing() {
    let sessions: Vec<_> = (0..2000).map(|at| Arc::new(full(&at.to_string()))).collect();
    let blocks = codec::encode(&sessions, &[]);
    assert!(blocks.len() > 2);
    let (whole, _) = read(&blocks).expect("whole");
    assert!(whole == sessions && Arc::ptr_eq(&whole[0].cwd, &whole[1999].cwd));
    let end = blocks.len() - 1;
    assert!(read(&blocks[..end]).is_none() && read(&blocks[1..]).is_none());
    assert!(read(&[&blocks[..], &blocks[end..]].concat()).is_none(), "something after the end");
}

#[test]
fn a_truncated_or_extended_encoding_is_rejected() {
    let (sessions, issues) = various();
    let mut bytes = codec::encode(&sessions, &issues).concat();
    for end in 0..bytes.len() {
        assert!(read(&[&bytes[..end]]).is_none(), "cut at {end}");
    }
    bytes.push(0);
    assert!(read(&[&bytes]).is_none());
}

#[test]
fn a_damaged_encoding_never_panics() {
    let (sessions, issues) = various();
    let whole = codec::encode(&sessions, &issues).concat();
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

fn snapshot_file(home: &Home) -> PathBuf {
    home.path().join("cache/catalog")
}

fn look_cached(home: &Home) -> Collected {
    collect(&cached(home), Refresh::Changed)
}

/// Returns true if a result came from the snapshot; else a new one is being written.
fn from_snapshot(found: &Collected) -> bool {
    found.pending_write.is_none()
}

fn rows_of(found: &Collected) -> Vec<Session> {
    found.sessions.iter().map(|session| Session::clone(session)).collect()
}

/// Home with two sources and their snapshot.
fn with_snapshot() -> (Home, Vec<Session>) {
    let home = Home::empty();
    write(&home, "a.log", "cwd /w\nprompt 1000 first of a\n");
    write(&home, "b.log", "cwd /w\nprompt 2000 first of b\n");
    let first = look_cached(&home);
    assert!(!from_snapshot(&first));
    let rows = rows_of(&first);
    drop(first);
    let again = look_cached(&home);
    assert!(from_snapshot(&again), "nothing changed");
    assert_eq!((again.sessions.len(), again.sources.len(), rows_of(&again)), (2, 2, rows.clone()));
    (home, rows)
}

#[test]
fn a_snapshot_damaged_at_any_byte_is_ignored() {
    let (home, rows) = with_snapshot();
    for at in 0.. {
        assert!(from_snapshot(&look_cached(&home)), "sound before {at} is damaged");
        // The snapshot differs each time, because the cache was opened in between.
        let mut bytes = fs::read(snapshot_file(&home)).expect("snapshot");
        let Some(byte) = bytes.get_mut(at) else { break };
        *byte ^= 1 << (at % 8);
        fs::write(snapshot_file(&home), bytes).expect("damage");
        let found = look_cached(&home);
        assert!(!from_snapshot(&found) && rows_of(&found) == rows, "damaged at {at}");
    }
}

#[test]
fn a_snapshot_of_another_format_is_ignored() {
    let (home, rows) = with_snapshot();
    let older = br#"{"version":"1/0.1.0","roots":[],"cache":[],"units":[],"sessions":[],"issues":[]}"#;
    let forms: [&dyn Fn(&mut Vec<u8>); 4] = [
        &|bytes| bytes.clear(),
        &|bytes| *bytes = older.to_vec(),
        &|bytes| bytes.truncate(bytes.len() - 1),
        &|bytes| bytes.push(0),
    ];
    for form in forms {
        assert!(from_snapshot(&look_cached(&home)));
        let mut bytes = fs::read(snapshot_file(&home)).expect("snapshot");
        form(&mut bytes);
        fs::write(snapshot_file(&home), bytes).expect("write");
        let found = look_cached(&home);
        assert!(!from_snapshot(&found) && rows_of(&found) == rows);
    }
    fs::remove_file(snapshot_file(&home)).expect("remove");
    fs::create_dir(snapshot_file(&home)).expect("a folder in its place");
    assert_eq!(rows_of(&look_cached(&home)), rows);
}

#[test]
fn any_change_of_any_source_is_detected() {
    let (home, rows) = with_snapshot();
    let (a, b) = (home.path().join("fake/claude/a.log"), home.path().join("fake/claude/b.log"));
    let changes: [&dyn Fn(); 4] = [
        &|| append(&a, "prompt 3000 second of a\n"),
        &|| drop(write(&home, "c.log", "prompt 4000 first of c\n")),
        &|| fs::remove_file(&b).expect("remove"),
        // Two swapped stamps are two changes.
        &|| {
            fs::rename(&a, a.with_extension("tmp")).expect("rename");
            fs::rename(home.path().join("fake/claude/c.log"), &a).expect("rename");
            fs::rename(a.with_extension("tmp"), home.path().join("fake/claude/c.log")).expect("rename");
        },
    ];
    let mut before = rows;
    for change in changes {
        change();
        let found = look_cached(&home);
        assert!(!from_snapshot(&found) && rows_of(&found) != before);
        assert_eq!(rows_of(&found), rows_of(&scan(&home)), "as if read without a cache");
        before = rows_of(&found);
        drop(found);
        assert!(from_snapshot(&look_cached(&home)));
    }
}

#[test]
fn names_that_are_not_utf8_are_supported() {
    let home = Home::empty();
    let folder = write(&home, "a.log", "prompt 1000 first of a\n").with_file_name(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&folder).expect("folder");
    fs::write(folder.join("b.log"), "prompt 2000 first of b\n").expect("write");
    let first = rows_of(&look_cached(&home));
    let again = look_cached(&home);
    assert!(from_snapshot(&again));
    assert_eq!((first.len(), rows_of(&again)), (2, first));
}

#[test]
fn state_outside_of_sources_is_resolved_each_time() {
    let home = Home::empty();
    let repository = home.path().join("repository");
    let cwd = repository.join("below");
    fs::create_dir_all(&cwd).expect("folder");
    write(&home, "a.log", &format!("cwd {}\nprompt 1000 first\n", cwd.display()));
    let workspace = |found: &Collected| found.session(&key("a")).expect("a").workspace.to_string();
    assert_eq!(workspace(&look_cached(&home)), cwd.to_string_lossy());
    fs::create_dir(repository.join(".git")).expect("repository");
    let found = look_cached(&home);
    assert!(from_snapshot(&found));
    assert_eq!(workspace(&found), repository.to_string_lossy());
}

//! Snapshots of the files when a turn of a run begins and ends.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use salon::domain::run::{Phase, RunId, RunInfo};
use salon::domain::{Agent, SessionKey, Time};
use salon::git::own_repository::OwnRepository;
use salon::git::{Git, GitError, Repository};
use salon::runtime::turn_snapshots::{TurnSnapshots, expire};
use salon::store::turn_snapshots::{self, TurnSnapshot};
use salon::store::{Store, registry};

use super::{Transcript, paths, salon};
use crate::cli::json as output_json;
use crate::git::repo::{Repo, write};
use crate::screens::live;
use crate::support::{Home, wait_until};

const DAY: i64 = 24 * 3_600_000;

struct Turns {
    repo: Repo,
    home: Home,
    store: Arc<Store>,
    snapshots: TurnSnapshots,
    info: RunInfo,
}

impl Turns {
    fn new(cwd: PathBuf, repo: Repo) -> Self {
        let home = Home::empty();
        let data = home.path().join(".local/share/salon");
        fs::create_dir_all(&data).expect("created");
        let store = Arc::new(Store::open(&data.join("state.db"), at(0)).expect("open").store);
        let snapshots = TurnSnapshots::start(repo.program(), data.join("git"), store.clone());
        let info = RunInfo { cwd, ..live::run("run-1") };
        Self { repo, home, store, snapshots, info }
    }

    fn phase(&mut self, phase: Phase) -> &mut Self {
        self.info.phase = phase;
        self.snapshots.run_changed(&self.info);
        self
    }

    fn working(&mut self, since: Time) -> &mut Self {
        self.phase(Phase::Working { since, activity: salon::domain::run::Activity::default() })
    }

    /// Records that salon runs a session.
    fn record(&self, session: &Transcript) {
        let run = registry::RunRecord {
            id: RunId("run-1".into()),
            agent: Agent::Claude,
            session: Some(SessionKey::new(Agent::Claude, session.id.as_str())),
            cwd: session.cwd.clone(),
            model: None,
            effort: None,
            created: at(0),
            last_activity: at(0),
        };
        self.store.with(|db| registry::record(db, &run)).expect("recorded");
    }

    fn taken(&self) -> Vec<TurnSnapshot> {
        self.store.with(|db| turn_snapshots::of_run(db, &RunId("run-1".into()))).expect("read")
    }

    fn wait(&self, what: &str, is_so: impl Fn(&[TurnSnapshot]) -> bool) {
        wait_until(what, || is_so(&self.taken()));
    }
}

fn at(millis: i64) -> Time {
    Time::from_millis(Time::parse("2026-11-21T10:00:00Z").expect("a time").millis() + millis)
}

#[test]
fn a_turn_is_the_difference_of_its_snapshots_and_commands_are_part_of_it() {
    let repo = Repo::new();
    let mut turns = Turns::new(repo.path().to_owned(), repo);
    let (repo, home) = (&turns.repo, &turns.home);
    let session = Transcript::new("aaaa", repo.path()).prompt("p").edit(&repo.path().join("readme"), "two\n", "TWO\n");
    session.write_to(home);
    repo.write("by hand", "before the turn\n");
    turns.working(at(0)).wait("the turn began", |taken| taken.len() == 1);
    turns.repo.write("readme", "one\nTWO\nthree\n").write("made by a command", "x\n");
    turns.working(at(0)).phase(Phase::Interrupting { since: at(1) });
    assert_eq!(turns.taken()[0].after, None, "the turn is still open");
    turns.phase(Phase::Idle).wait("the turn ended", |taken| taken[0].after.is_some());
    turns.repo.write("by hand", "after the turn\n");
    turns.record(&session);
    let shown = output_json(&salon(&turns.home, &["diff", &session.id, "--turn", "1", "--json"]));
    assert_eq!(shown["source"], "files");
    assert_eq!(paths(&shown), [("made by a command", "added"), ("readme", "modified")]);
    assert_eq!(shown["files"][1]["hunks"][0]["by"][0]["session"], session.id.as_str());
    assert_eq!(shown["files"][0]["hunks"][0]["unknown"], 1);
}

#[test]
fn turns_that_follow_each_other_at_once_have_snapshots_of_their_own() {
    let repo = Repo::new();
    let mut turns = Turns::new(repo.path().to_owned(), repo);
    turns.working(at(0)).wait("the first began", |taken| taken.len() == 1);
    turns.repo.write("readme", "after the first\n");
    turns.working(at(5)).wait("the second began", |taken| taken.len() == 2);
    let taken = turns.taken();
    assert_eq!(taken[0].after.as_ref(), Some(&taken[1].before));
    assert_ne!(taken[0].before, taken[1].before);
}

#[test]
fn of_a_home_directory_there_are_no_snapshots_and_later_ones_still_work() {
    let repo = Repo::new();
    let mut turns = Turns::new(repo.outside(), repo);
    turns.working(at(0)).phase(Phase::Idle);
    turns.info.cwd = turns.repo.path().to_owned();
    turns.working(at(1)).wait("the other one began", |taken| taken.len() == 1);
    assert_eq!(turns.taken()[0].began, at(1));
}

#[test]
fn a_directory_outside_of_git_has_snapshots_and_rewinds_too() {
    let repo = Repo::new();
    let notes = repo.outside().join("notes");
    write(&notes.join("plan"), "one\n");
    write(&notes.join(".gitignore"), "*.log\n");
    let mut turns = Turns::new(notes.clone(), repo);
    turns.working(at(0)).wait("the turn began", |taken| taken.len() == 1);
    let before = super::rewind::files(&notes);
    write(&notes.join("plan"), "two\n");
    write(&notes.join("deep/new"), "x\n");
    write(&notes.join("a.log"), "ignored\n");
    turns.phase(Phase::Idle).wait("the turn ended", |taken| taken[0].after.is_some());
    let session = Transcript::new("aaaa", &notes).prompt("p").edit(&notes.join("plan"), "one\n", "two\n");
    session.write_to(&turns.home);
    turns.record(&session);
    let shown = output_json(&salon(&turns.home, &["diff", &session.id, "--turn", "1", "--json"]));
    assert_eq!(paths(&shown), [("deep/new", "added"), ("plan", "modified")]);
    let after = super::rewind::files(&notes);
    let rewound = output_json(&salon(&turns.home, &["rewind", &session.id, "1", "--json"]));
    let mut expected = before.clone();
    expected.insert(notes.join("a.log"), b"ignored\n".to_vec());
    assert_eq!(super::rewind::files(&notes), expected, "{rewound}");
    let undo = rewound["undo"].as_str().expect("a snapshot");
    salon(&turns.home, &["rewind", &session.id, "--to", undo]);
    assert_eq!(super::rewind::files(&notes), after);
    assert!(!notes.join(".git").exists());
}

#[test]
fn a_turn_that_makes_a_repository_has_no_end_in_another_one() {
    let repo = Repo::new();
    let notes = repo.outside().join("notes");
    write(&notes.join("plan"), "one\n");
    let mut turns = Turns::new(notes.clone(), repo);
    let session = Transcript::new("aaaa", &notes).prompt("p").edit(&notes.join("plan"), "one\n", "two\n");
    session.write_to(&turns.home);
    turns.record(&session);
    turns.working(at(0)).wait("the turn began", |taken| taken.len() == 1);
    write(&notes.join("plan"), "two\n");
    turns.repo.git_in(&notes, &["init", "--quiet"]);
    turns.working(at(100_000)).wait("the next one began", |taken| taken.len() == 2);
    assert_eq!(turns.taken()[0].after, None);
    let shown = output_json(&salon(&turns.home, &["diff", &session.id, "--turn", "1", "--json"]));
    assert_eq!((&shown["source"], paths(&shown)), (&"edits".into(), vec![("plan", "modified")]));
    let refused = salon(&turns.home, &["rewind", &session.id, "1"]);
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(reason.contains("not of the repository that the directory has now"), "{reason}");
    assert_eq!(fs::read_to_string(notes.join("plan")).expect("a file"), "two\n");
}

#[test]
fn directories_outside_of_git_that_are_unsuitable_have_no_snapshots_for_a_reason() {
    let repo = Repo::new();
    let home = repo.outside();
    let reason = |dir: &std::path::Path, own: &str| {
        let mut vars = repo.vars();
        vars.push(("CODEX_HOME".to_owned(), home.join("codex").display().to_string()));
        match Repository::open_or_plain(&Git::new(vars), dir, &home.join(own)) {
            Err(GitError::PlainDirectory(_, reason)) => Some(reason),
            opened => opened.map(|_| None).expect("a reason or a repository"),
        }
    };
    write(&home.join("work/checkout/a/file"), "x\n");
    assert_eq!(reason(&home.join("work"), "own"), None);
    repo.git_in(&home.join("work/checkout"), &["init", "--quiet"]);
    assert_eq!(reason(&home.join("work"), "own"), Some("contains another one"));
    // Git regards this as no repository.
    write(&home.join("fake/deep/.git"), "not a repository\n");
    assert_eq!(reason(&home.join("fake"), "own"), Some("contains another one"));
    write(&home.join(".config/tool/settings"), "secret\n");
    assert_eq!(reason(&home.join(".config/tool"), "own"), Some("is data of programs"));
    write(&home.join("codex/sessions/a"), "x\n");
    let data = Some("contains data of salon or of an agent, or is in it");
    assert_eq!(reason(&home.join("codex/sessions"), "own"), data);
    write(&home.join("data/file"), "x\n");
    assert_eq!(reason(&home.join("data"), "data/salon/git"), data);
    assert_eq!(reason(&home, "own"), Some("contains the home directory"));
}

#[test]
fn a_directory_outside_of_git_with_very_many_files_has_no_snapshots() {
    let repo = Repo::new();
    let many = repo.outside().join("many");
    (0..10_001).for_each(|nth| write(&many.join(nth.to_string()), ""));
    let mut turns = Turns::new(many, repo);
    turns.working(at(0)).phase(Phase::Idle);
    turns.info.cwd = turns.repo.path().to_owned();
    turns.working(at(1)).wait("the other one began", |taken| taken.len() == 1);
    assert_eq!(turns.taken()[0].began, at(1));
}

#[test]
fn looking_at_a_rewind_creates_nothing() {
    let repo = Repo::new();
    let notes = repo.outside().join("notes");
    write(&notes.join("plan"), "one\n");
    let turns = Turns::new(notes.clone(), repo);
    let data = turns.home.path().join(".local/share/salon");
    for (id, dir) in [("aaaa", notes.as_path()), ("bbbb", turns.repo.path())] {
        let session = Transcript::new(id, dir).prompt("p");
        session.write_to(&turns.home);
        let refused = salon(&turns.home, &["rewind", &session.id, "1", "--dry-run"]);
        let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(reason.contains("no snapshot"), "{reason}");
        assert!(!data.join("git").exists());
    }
}

#[test]
fn the_latest_state_of_a_directory_outside_of_git_expires_after_its_last_snapshot() {
    let repo = Repo::new();
    let notes = repo.outside().join("notes");
    write(&notes.join("plan"), "one\n");
    let mut turns = Turns::new(notes.clone(), repo);
    turns.working(at(0)).wait("the turn began", |taken| taken.len() == 1);
    let folder = turns.home.path().join(".local/share/salon/git");
    let program = turns.repo.program();
    let opened = Repository::open_or_plain(&program, &notes, &folder).expect("opened");
    let own = OwnRepository::open(&program, &folder, &opened.common_dir).expect("opened");
    wait_until("the turn is kept", || !own.refs("refs/salon/turns").expect("refs").is_empty());
    let index = opened.git_dir.join("index");
    let state = || (index.exists(), own.find_ref("refs/salon/latest").expect("read").is_some());
    let clean_up = |days: i64| expire(&program, &folder, &turns.store, at(days * DAY));
    clean_up(0);
    assert_eq!(state(), (true, true), "the next snapshot needs it");
    clean_up(1);
    assert_eq!(state(), (false, true), "what a snapshot found in the index is kept until the next clean-up");
    // A snapshot that is taken meanwhile begins again.
    own.snapshot(&opened).expect("a snapshot");
    assert_eq!(state(), (true, true));
    clean_up(1);
    clean_up(1);
    assert_eq!((state(), own.refs("refs").expect("refs")), ((false, false), Vec::new()));
    own.snapshot(&opened).expect("a snapshot");
}

#[test]
fn old_snapshots_expire_and_newer_ones_stay() {
    let repo = Repo::new();
    let mut turns = Turns::new(repo.path().to_owned(), repo);
    turns.working(at(0)).wait("the first began", |taken| taken.len() == 1);
    turns.repo.write("readme", "changed\n");
    turns.phase(Phase::Idle).wait("it ended", |taken| taken[0].after.is_some());
    turns.working(at(DAY)).wait("the second began", |taken| taken.len() == 2);
    let folder = turns.home.path().join(".local/share/salon/git");
    expire(&turns.repo.program(), &folder, &turns.store, at(1));
    let left = turns.taken();
    assert_eq!(left.iter().map(|taken| taken.began).collect::<Vec<_>>(), [at(DAY)]);
    let own = OwnRepository::open(&turns.repo.program(), &folder, &turns.repo.open().common_dir).expect("opened");
    // The end of the first turn is the begin of the second.
    assert_eq!(own.refs("refs/salon").expect("refs"), [format!("refs/salon/turns/{}", left[0].before)]);
    own.set_ref(&format!("refs/salon/undo/{}-x", at(0).millis()), &left[0].before).expect("kept");
    own.set_ref(&format!("refs/salon/undo/{}-x", at(DAY).millis()), &left[0].before).expect("kept");
    expire(&turns.repo.program(), &folder, &turns.store, at(1));
    assert_eq!(own.refs("refs/salon/undo").expect("refs"), [format!("refs/salon/undo/{}-x", at(DAY).millis())]);
    own.pack().expect("packed");
    let packs = fs::read_dir(own.path.join("objects/pack")).expect("packs").flatten();
    assert!(packs.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|ending| ending == "pack")));
    own.command("cat-file").args(["-e", &format!("{}^{{tree}}", left[0].before)]).run().expect("still there");
}

//! The parts that need no disk, and workspaces.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use salon::agent::{Note, Sessions, Stamp, Unit};
use salon::domain::catalog::Catalog;
use salon::domain::{Session, Time, Title, TitleSource, Tokens};
use salon::index::{Origin, Ranker, Shelf, Summary, Throttle, Workspaces};

use super::*;

#[test]
fn the_first_event_of_a_path_goes_through_at_once_and_a_stream_never_starves() {
    let (start, every) = (Instant::now(), Duration::from_millis(100));
    let mut throttle = Throttle::new(every);
    let mut handled = Vec::new();
    // An event every 10 ms for a second, and never a pause.
    for tick in 0..100 {
        let now = start + Duration::from_millis(10 * tick);
        if !throttle.due(now).is_empty() || throttle.admit(&"a", now) {
            handled.push(10 * tick);
        }
    }
    assert_eq!(handled, [0, 20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    assert_eq!(throttle.next(), Some(start + Duration::from_secs(1)), "the last one waits its turn");
    assert_eq!(throttle.due(start + Duration::from_secs(1)), ["a"]);
    assert_eq!(throttle.next(), None, "and then nothing wakes anybody");
}

#[test]
fn a9_one_path_does_not_hold_up_another() {
    let now = Instant::now();
    let mut throttle = Throttle::new(Duration::from_millis(100));
    assert!(throttle.admit(&1, now) && throttle.admit(&2, now) && !throttle.admit(&1, now));
    assert_eq!(throttle.due(now + Duration::from_millis(13)), [1]);
}

#[test]
fn worktrees_belong_to_the_repository_they_were_made_from() {
    let home = Home::empty();
    let at = |name: &str| home.path().join(name);
    fs::create_dir_all(at("repo/.git/worktrees/side")).expect("create");
    fs::create_dir_all(at("repo/src/deep")).expect("create");
    fs::create_dir_all(at("elsewhere/side/src")).expect("create");
    fs::create_dir_all(at("repo/vendor/sub")).expect("create");
    fs::create_dir_all(at("repo/.git/modules/sub")).expect("create");
    fs::create_dir_all(at("plain/dir")).expect("create");
    fs::write(at("elsewhere/side/.git"), format!("gitdir: {}\n", at("repo/.git/worktrees/side").display()))
        .expect("git");
    fs::write(at("repo/.git/worktrees/side/commondir"), "../..\n").expect("commondir");
    fs::write(at("repo/vendor/sub/.git"), "gitdir: ../../.git/modules/sub\n").expect("git");
    let workspaces = Workspaces::default();
    let of = |name: &str| workspaces.of(&at(name).to_string_lossy().into_owned().into()).to_string();
    let is = |name: &str| at(name).to_string_lossy().into_owned();
    assert_eq!(of("repo/src/deep"), is("repo"));
    assert_eq!(of("elsewhere/side/src"), is("repo"));
    assert_eq!(of("repo/vendor/sub"), is("repo/vendor/sub"));
    assert_eq!(of("plain/dir"), is("plain/dir"));
    assert_eq!(of("repo/gone"), is("repo/gone"), "it may have been anything");
    assert_eq!(of("repo/.claude/worktrees/gone/src"), is("repo"), "it can only have been a worktree");
    assert_eq!(&*workspaces.of(&"".into()), "");
    assert_eq!(&*workspaces.of(&"relative/dir".into()), "relative/dir");
}

#[test]
fn h44_every_word_must_match_and_a_longer_query_narrows() {
    let row = |id: &str, title: &str, workspace: &str, branch: &str, time: i64| {
        let mut session = Session::new(key(id), "/f".into());
        session.title = Title::new(title, TitleSource::Prompt);
        (session.workspace, session.branch) = (workspace.into(), Some(branch.into()));
        session.last_activity = Some(Time::from_millis(time));
        Arc::new(session)
    };
    let rows = [
        row("a", "Fix the login page", "/home/u/shop", "main", 1),
        row("b", "Fix the parser", "/home/u/salon", "feature/login", 2),
        row("c", "Größe ändern", "/home/u/salon", "main", 3),
    ];
    let mut ranker = Ranker::default();
    ranker.set(&rows);
    let mut ids = |query: &str| ranker.rank(query).iter().map(|key| key.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(""), ["c", "b", "a"], "newest first");
    assert_eq!(ids("log"), ["b", "a"], "matched alike: the newer first");
    assert_eq!(ids("login salon"), ["b"]);
    assert_eq!(ids("login sal")[0], "b", "together before torn apart");
    assert_eq!(ids("login salx"), [""; 0]);
    assert_eq!(ids("fx lgn").len(), 2);
    assert_eq!(ids("größe"), ["c"]);
    assert_eq!(ids("claude").len(), 3, "the agent");
    assert_eq!(ids("/u/"), [""; 0], "nobody types the path");
}

/// One thing that happens to a shelf.
#[derive(Clone, Debug)]
enum Happening {
    Summarised(u8, Vec<(u8, u8)>, Vec<(u8, u8)>),
    Glanced(u8, Vec<(u8, u8)>),
    Changed(u8, Vec<(u8, u8)>, Vec<u8>),
    Removed(u8),
    Told,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let rows = || prop::collection::vec((0..6u8, 0..4u8), 0..4);
    let one = prop_oneof![
        3 => (0..4u8, rows(), rows()).prop_map(|(unit, rows, notes)| Happening::Summarised(unit, rows, notes)),
        1 => (0..4u8, rows()).prop_map(|(unit, rows)| Happening::Glanced(unit, rows)),
        2 => (0..4u8, rows(), prop::collection::vec(0..6u8, 0..3)).prop_map(|(u, rows, gone)| Happening::Changed(u, rows, gone)),
        1 => (0..4u8).prop_map(Happening::Removed),
        2 => Just(Happening::Told),
    ];
    prop::collection::vec(one, 0..40)
}

fn unit(number: u8) -> Unit {
    let path = format!("/units/{number}").into();
    Unit { agent: Agent::Claude, path, stamp: Stamp::default(), kind: number % 3 }
}

fn session(unit: u8, (id, messages): (u8, u8), complete: bool) -> Session {
    let mut session = Session::new(key(&format!("s{id}")), format!("/units/{unit}").into());
    session.messages = messages.into();
    session.flags.empty = messages == 0;
    session.tip = (messages == 3).then(|| format!("tip{id}").into());
    session.complete = complete;
    session
}

fn note((id, what): (u8, u8)) -> Note {
    match what {
        0 => Note::Title { id: format!("s{id}").into(), title: format!("named {id}"), source: TitleSource::User },
        1 => Note::TitleOfTip { tip: format!("tip{id}").into(), title: format!("of tip {id}") },
        _ => Note::Usage { id: format!("s{id}").into(), tokens: Tokens { input: what.into(), ..Tokens::default() } },
    }
}

fn unique(unit: u8, rows: &[(u8, u8)], complete: bool) -> Vec<Session> {
    let rows: HashMap<u8, u8> = rows.iter().copied().collect();
    rows.into_iter().map(|row| session(unit, row, complete)).collect()
}

/// What the units hold in the end, put on a fresh shelf in the order of their names.
type Held = std::collections::BTreeMap<u8, (Vec<Session>, Vec<Note>, bool)>;

fn happen(shelf: &mut Shelf, held: &mut Held, happening: Happening) {
    match happening {
        Happening::Summarised(number, rows, notes) => {
            let (sessions, notes): (_, Vec<_>) = (unique(number, &rows, true), notes.into_iter().map(note).collect());
            held.insert(number, (sessions.clone(), notes.clone(), true));
            let summary = Summary { sessions: Sessions::All(sessions), notes, issues: Vec::new() };
            shelf.summarised(&unit(number), summary);
        }
        Happening::Glanced(number, rows) => {
            let sessions = unique(number, &rows, false);
            if held.get(&number).is_none_or(|(_, _, complete)| !complete) {
                held.insert(number, (sessions.clone(), Vec::new(), false));
            }
            shelf.glance(&unit(number), sessions);
        }
        Happening::Changed(number, rows, gone) => {
            let sessions = unique(number, &rows, true);
            let removed: Vec<Arc<str>> = gone.iter().map(|id| format!("s{id}").into()).collect();
            let (before, _, _) = held.remove(&number).unwrap_or_default();
            let mut now: HashMap<_, _> = before.into_iter().map(|session| (session.key.clone(), session)).collect();
            now.extend(sessions.iter().map(|session| (session.key.clone(), session.clone())));
            now.retain(|key, _| !removed.contains(&key.id));
            held.insert(number, (now.into_values().collect(), Vec::new(), true));
            let sessions = Sessions::Changed { sessions, removed };
            shelf.summarised(&unit(number), Summary { sessions, notes: Vec::new(), issues: Vec::new() });
        }
        Happening::Removed(number) => {
            held.remove(&number);
            shelf.remove(&unit(number).path);
        }
        Happening::Told => {}
    }
}

fn rows(catalog: &Catalog) -> Vec<Session> {
    let mut rows: Vec<_> = catalog.iter().map(|session| (**session).clone()).collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

proptest! {
    /// Whatever happened and whenever it was told: the catalog is what the units hold in the end.
    #[test]
    fn changes_add_up_to_what_is_there(happenings in happenings()) {
        let (mut shelf, mut held, mut catalog) = (Shelf::default(), Held::new(), Catalog::default());
        for happening in happenings {
            let tell = matches!(happening, Happening::Told);
            happen(&mut shelf, &mut held, happening);
            if tell {
                catalog.apply(shelf.take_change());
            }
        }
        catalog.apply(shelf.take_change());
        let mut fresh = Shelf::default();
        for (number, (sessions, notes, complete)) in held {
            let summary = Summary { sessions: Sessions::All(sessions.clone()), notes, issues: Vec::new() };
            if complete { fresh.summarised(&unit(number), summary) } else { fresh.glance(&unit(number), sessions) }
        }
        let mut expected = Catalog::default();
        expected.apply(fresh.take_change());
        prop_assert_eq!(rows(&catalog), rows(&expected));
    }
}

#[test]
fn issues_are_told_when_they_come_and_when_they_go() {
    let mut shelf = Shelf::default();
    let issue = salon::domain::Issue::new("/x", "no");
    shelf.set_issues(Origin::Root(0), vec![issue.clone()]);
    assert_eq!(shelf.take_change().issues, Some(vec![issue.clone()]));
    shelf.set_issues(Origin::Root(0), vec![issue]);
    assert_eq!(shelf.take_change().issues, None);
    shelf.set_issues(Origin::Root(0), Vec::new());
    assert_eq!(shelf.take_change().issues, Some(Vec::new()));
}

//! Parts of the index without IO, and workspaces.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use salon::agent::{FileStamp, Source, SourceSessions, SummaryNote};
use salon::domain::catalog::Catalog;
use salon::domain::{Session, Time, Title, TitleSource, Tokens};
use salon::index::{IssueOrigin, Ranker, SessionTable, SourceContents, Throttle, Workspaces};

use super::*;

#[test]
fn the_first_event_of_a_path_passes_at_once_and_a_stream_never_starves() {
    let (start, every) = (Instant::now(), Duration::from_millis(100));
    let mut throttle = Throttle::new(every);
    let mut handled = Vec::new();
    // An event every 10 ms for a second, without a pause.
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
fn a9_one_path_does_not_delay_another() {
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

/// Operation on a session table.
#[derive(Clone, Debug)]
enum Operation {
    Summarised(u8, Vec<(u8, u8)>, Vec<(u8, u8)>),
    Peeked(u8, Vec<(u8, u8)>),
    Changed(u8, Vec<(u8, u8)>, Vec<u8>),
    Removed(u8),
    Emit,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let rows = || prop::collection::vec((0..6u8, 0..4u8), 0..4);
    let one = prop_oneof![
        3 => (0..4u8, rows(), rows()).prop_map(|(source, rows, notes)| Operation::Summarised(source, rows, notes)),
        1 => (0..4u8, rows()).prop_map(|(source, rows)| Operation::Peeked(source, rows)),
        2 => (0..4u8, rows(), prop::collection::vec(0..6u8, 0..3)).prop_map(|(u, rows, gone)| Operation::Changed(u, rows, gone)),
        1 => (0..4u8).prop_map(Operation::Removed),
        2 => Just(Operation::Emit),
    ];
    prop::collection::vec(one, 0..40)
}

fn source(number: u8) -> Source {
    let path = format!("/sources/{number}").into();
    Source { agent: Agent::Claude, path, stamp: FileStamp::default(), kind: number % 3 }
}

fn session(source: u8, (id, messages): (u8, u8), complete: bool) -> Session {
    let mut session = Session::new(key(&format!("s{id}")), format!("/sources/{source}").into());
    session.messages = messages.into();
    session.flags.empty = messages == 0;
    session.tip = (messages == 3).then(|| format!("tip{id}").into());
    session.complete = complete;
    session
}

fn note((id, what): (u8, u8)) -> SummaryNote {
    match what {
        0 => {
            SummaryNote::Title { id: format!("s{id}").into(), title: format!("named {id}"), source: TitleSource::User }
        }
        1 => SummaryNote::TitleOfTip { tip: format!("tip{id}").into(), title: format!("of tip {id}") },
        _ => SummaryNote::Usage {
            id: format!("s{id}").into(),
            tokens: Tokens { input: what.into(), ..Tokens::default() },
        },
    }
}

fn unique(source: u8, rows: &[(u8, u8)], complete: bool) -> Vec<Session> {
    let rows: HashMap<u8, u8> = rows.iter().copied().collect();
    rows.into_iter().map(|row| session(source, row, complete)).collect()
}

/// Final contents of the sources, to be added to a new table in the order of their names.
type Contents = std::collections::BTreeMap<u8, (Vec<Session>, Vec<SummaryNote>, bool)>;

fn apply(table: &mut SessionTable, contents: &mut Contents, operation: Operation) {
    match operation {
        Operation::Summarised(number, rows, notes) => {
            let (sessions, notes): (_, Vec<_>) = (unique(number, &rows, true), notes.into_iter().map(note).collect());
            contents.insert(number, (sessions.clone(), notes.clone(), true));
            let summary = SourceContents { sessions: SourceSessions::All(sessions), notes, issues: Vec::new() };
            table.add_summary(&source(number), summary);
        }
        Operation::Peeked(number, rows) => {
            let sessions = unique(number, &rows, false);
            if contents.get(&number).is_none_or(|(_, _, complete)| !complete) {
                contents.insert(number, (sessions.clone(), Vec::new(), false));
            }
            table.add_peeked(&source(number), sessions);
        }
        Operation::Changed(number, rows, gone) => {
            let sessions = unique(number, &rows, true);
            let removed: Vec<Arc<str>> = gone.iter().map(|id| format!("s{id}").into()).collect();
            let (before, _, _) = contents.remove(&number).unwrap_or_default();
            let mut now: HashMap<_, _> = before.into_iter().map(|session| (session.key.clone(), session)).collect();
            now.extend(sessions.iter().map(|session| (session.key.clone(), session.clone())));
            now.retain(|key, _| !removed.contains(&key.id));
            contents.insert(number, (now.into_values().collect(), Vec::new(), true));
            let sessions = SourceSessions::Changed { sessions, removed };
            table.add_summary(&source(number), SourceContents { sessions, notes: Vec::new(), issues: Vec::new() });
        }
        Operation::Removed(number) => {
            contents.remove(&number);
            table.remove(&source(number).path);
        }
        Operation::Emit => {}
    }
}

fn rows(catalog: &Catalog) -> Vec<Session> {
    let mut rows: Vec<_> = catalog.iter().map(|session| (**session).clone()).collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

proptest! {
    /// After any operations and emissions, the catalog equals the final contents of the sources.
    #[test]
    fn changes_add_up_to_the_contents(operations in operations()) {
        let (mut table, mut contents, mut catalog) = (SessionTable::default(), Contents::new(), Catalog::default());
        for operation in operations {
            let emit = matches!(operation, Operation::Emit);
            apply(&mut table, &mut contents, operation);
            if emit {
                catalog.apply(table.take_change(2));
            }
        }
        while table.changed() {
            catalog.apply(table.take_change(2));
        }
        let mut fresh = SessionTable::default();
        for (number, (sessions, notes, complete)) in contents {
            let summary = SourceContents { sessions: SourceSessions::All(sessions.clone()), notes, issues: Vec::new() };
            if complete { fresh.add_summary(&source(number), summary) } else { fresh.add_peeked(&source(number), sessions) }
        }
        let mut expected = Catalog::default();
        expected.apply(fresh.take_change(usize::MAX));
        prop_assert_eq!(rows(&catalog), rows(&expected));
    }
}

#[test]
fn a_limited_change_has_the_newest_sessions() {
    let mut table = SessionTable::default();
    let sessions: Vec<Session> = (0..10i64)
        .map(|at| {
            let mut session = Session::new(SessionKey::new(Agent::Claude, at.to_string()), PathBuf::from("/0"));
            session.last_activity = Some(Time::from_millis(at * 7 % 10));
            session
        })
        .collect();
    let contents = SourceContents { sessions: SourceSessions::All(sessions), notes: Vec::new(), issues: Vec::new() };
    table.add_summary(&source(0), contents);
    for newest in [9, 6, 3] {
        let times = table
            .take_change(3)
            .sessions
            .iter()
            .filter_map(|session| session.last_activity)
            .collect::<std::collections::BTreeSet<_>>();
        assert_eq!(times, (newest - 2..=newest).map(Time::from_millis).collect());
        assert!(table.changed());
    }
}

#[test]
fn issues_are_emitted_when_added_and_when_removed() {
    let mut table = SessionTable::default();
    let issue = salon::domain::Issue::new("/x", "no");
    table.set_issues(IssueOrigin::Root(0), vec![issue.clone()]);
    assert_eq!(table.take_change(usize::MAX).issues, Some(vec![issue.clone()]));
    table.set_issues(IssueOrigin::Root(0), vec![issue]);
    assert_eq!(table.take_change(usize::MAX).issues, None);
    table.set_issues(IssueOrigin::Root(0), Vec::new());
    assert_eq!(table.take_change(usize::MAX).issues, Some(Vec::new()));
}

#[test]
fn sub_agents_below_a_hidden_session_are_hidden_whatever_is_loaded_first() {
    let session = |id: &str, parent: Option<&str>| {
        let mut session = Session::new(key(id), format!("/sources/{id}").into());
        session.parent = parent.map(Into::into);
        session.flags.subagent = parent.is_some();
        session.messages = 1;
        session
    };
    let family =
        [("above", None), ("child", Some("above")), ("grandchild", Some("child")), ("last", Some("grandchild"))];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1], [3, 1, 2, 0]] {
        let (mut table, mut catalog) = (SessionTable::default(), Catalog::default());
        table.set_hidden(std::collections::HashSet::from([key("above")]), std::collections::HashSet::new());
        for (number, at) in (0..).zip(order) {
            let (id, parent) = family[at];
            let sessions = SourceSessions::All(vec![session(id, parent)]);
            table.add_summary(&source(number), SourceContents { sessions, notes: Vec::new(), issues: Vec::new() });
            catalog.apply(table.take_change(usize::MAX));
        }
        assert_eq!(rows(&catalog), [], "{order:?}");
    }
}

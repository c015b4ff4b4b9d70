//! Every store operation against a database that fails at each point: what is reported as done is stored, and after an
//! error nothing is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rusqlite::Connection;
use rusqlite::types::Value;
use salon::domain::approval::{Approval, ApprovalAnswer, ApprovalChoice, ChoiceKind};
use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::run::{RunId, RunSetting};
use salon::domain::transcript::ToolAction;
use salon::domain::{Agent, SessionKey, Time};
use salon::store::pending::PendingWrites;
use salon::store::registry::{self, ChildRecord, ProcessId, RunRecord};
use salon::store::{approvals, outbox, preferences};

const NOW: Time = Time::from_millis(77);
const ME: ProcessId = ProcessId { pid: 1, start: 1 };
const OTHER: ProcessId = ProcessId { pid: 2, start: 2 };

type StoreOperation = fn(&mut Connection) -> rusqlite::Result<String>;

/// Every operation that writes, with its result as text.
const OPERATIONS: [(&str, StoreOperation); 32] = [
    ("enqueue", |db| text(outbox::enqueue(db, &run("a"), "new", NOW))),
    ("claim", |db| text(outbox::claim(db, &run("a"), NOW))),
    ("fail_next", |db| text(outbox::fail_next(db, &run("a"), "why"))),
    ("cancel_all", |db| text(outbox::cancel_all(db, &run("a")))),
    ("advance", |db| text(outbox::advance(db, PromptId(1), &[PromptState::Pending], PromptState::Delivered, None))),
    ("release", |db| text(outbox::release(db, PromptId(4), &[PromptState::Held], None))),
    ("edit", |db| text(outbox::edit(db, PromptId(1), "other"))),
    ("move_up", |db| text(outbox::move_up(db, PromptId(2)))),
    ("hold_leftovers", |db| text(outbox::hold_leftovers(db, &run("a")))),
    ("set_draft", |db| text(outbox::set_draft(db, "kept", "other"))),
    ("set_draft, empty", |db| text(outbox::set_draft(db, "kept", ""))),
    ("save, pending", |db| text(pending().save(db))),
    ("save", |db| text(preferences::save(db, "sort", "title"))),
    ("record", |db| text(registry::record(db, &record("new", None)))),
    ("acquire", |db| text(registry::acquire(db, &record("new", Some("s9")), ME, |_| false))),
    ("acquire, taken over", |db| text(registry::acquire(db, &record("new", Some("s2")), ME, |_| true))),
    ("acquire, held elsewhere", |db| text(registry::acquire(db, &record("new", Some("s2")), ME, |_| false))),
    ("resolve_abandoned", |db| text(registry::resolve_abandoned(db, &run("b"), &[], ME, |_| true))),
    ("touch", |db| text(registry::touch(db, &run("a"), NOW))),
    ("update_setting", |db| text(registry::update_setting(db, &run("a"), &RunSetting::Model("m".into())))),
    ("withdraw", |db| text(registry::withdraw(db, &run("a"), Some(PromptId(1)), false, ME))),
    ("remove_unused", |db| text(registry::remove_unused(db, &run("unused")))),
    ("link", |db| text(registry::link(db, &run("a"), &SessionKey::new(Agent::Claude, "s2")))),
    ("take_lease", |db| text(registry::take_lease(db, &run("b"), ME, |_| true))),
    ("drop_lease", |db| text(registry::drop_lease(db, &run("a"), ME))),
    ("drop_leases", |db| text(registry::drop_leases(db, ME))),
    ("record_child", |db| text(registry::record_child(db, &child(9)))),
    ("remove_child", |db| text(registry::remove_child(db, ProcessId { pid: 8, start: 1 }))),
    ("set", |db| text(approvals::set(db, &run("a"), &[approval("2"), approval("3")]))),
    ("answer", |db| text(approvals::answer(db, &run("a"), "2", &allowed()))),
    ("take_answer", |db| text(approvals::take_answer(db, &run("a")))),
    ("remove_abandoned_approvals", |db| text(registry::remove_abandoned_approvals(db, |_| true))),
];

#[test]
fn f1_an_operation_that_fails_at_any_point_has_changed_nothing() {
    for (name, operation) in OPERATIONS {
        let mut db = database();
        let expected = (operation(&mut db).unwrap_or_else(|error| panic!("{name}: {error}")), dump(&db));
        let steps = fail_at_every(name, operation, &expected, |db, at, count| {
            // An interrupt after the commit would be an error of something that is done.
            let committing = Arc::new(AtomicBool::new(false));
            let commits = committing.clone();
            let hook = move || {
                commits.store(true, Ordering::Relaxed);
                false
            };
            db.commit_hook(Some(hook)).expect("the hook");
            let fails = move || count.fetch_add(1, Ordering::Relaxed) + 1 == at;
            let handler = move || !committing.load(Ordering::Relaxed) && fails();
            db.progress_handler(1, Some(handler)).expect("the handler");
        });
        let commits = fail_at_every(name, operation, &expected, |db, at, count| {
            let hook = move || count.fetch_add(1, Ordering::Relaxed) + 1 == at;
            db.commit_hook(Some(hook)).expect("the hook");
        });
        assert!(steps > 3, "{name}: only {steps} instructions");
        // Operations that find nothing to change commit nothing.
        assert!(commits <= 1, "{name}: {commits} commits, of which the later ones may fail alone");
    }
}

/// Runs the operation with a fault at the first, second … point, until it runs without one. Returns the number of points.
fn fail_at_every(
    name: &str,
    operation: StoreOperation,
    expected: &(String, Vec<String>),
    arm: impl Fn(&mut Connection, usize, Arc<AtomicUsize>),
) -> usize {
    let mut db = database();
    let before = dump(&db);
    for at in 1.. {
        let count = Arc::new(AtomicUsize::new(0));
        arm(&mut db, at, count.clone());
        let result = operation(&mut db);
        db.progress_handler(0, None::<fn() -> bool>).expect("no handler");
        db.commit_hook(None::<fn() -> bool>).expect("no hook");
        assert!(db.is_autocommit(), "{name}: a transaction is left open at {at}");
        let failed = count.load(Ordering::Relaxed) >= at;
        match result {
            Err(_) => assert_eq!(dump(&db), before, "{name}: an error at {at} left changes"),
            Ok(result) => {
                assert_eq!((&result, &dump(&db)), (&expected.0, &expected.1), "{name}: not done at {at}, and no error");
                if !failed {
                    return at - 1;
                }
                db = database();
            }
        }
    }
    unreachable!()
}

/// Database in which each operation finds something to change.
fn database() -> Connection {
    let mut db = Connection::open_in_memory().expect("a database in memory");
    for schema in [
        preferences::SCHEMA,
        registry::SCHEMA,
        outbox::SCHEMA,
        approvals::SCHEMA,
        outbox::ADD_SENT,
        outbox::ADD_NOT_BEFORE,
    ] {
        db.execute_batch(schema).expect("the schema");
    }
    for (name, session, holder) in [("a", Some("s1"), ME), ("b", Some("s2"), OTHER), ("unused", None, OTHER)] {
        registry::acquire(&mut db, &record(name, session), holder, |_| false).expect("recorded").expect("free");
    }
    for (name, text) in [("a", "one"), ("a", "two"), ("b", "sent"), ("b", "held")] {
        outbox::enqueue(&mut db, &run(name), text, NOW).expect("accepted");
    }
    outbox::claim(&mut db, &run("b"), NOW).expect("claim").expect("the first of b");
    let held = outbox::advance(&mut db, PromptId(4), &[PromptState::Pending], PromptState::Held, Some("why"));
    assert!(held.expect("held"));
    outbox::set_draft(&mut db, "kept", "text").expect("kept");
    registry::record_child(&mut db, &child(8)).expect("recorded");
    approvals::set(&mut db, &run("a"), &[approval("1"), approval("2")]).expect("set");
    assert!(approvals::answer(&mut db, &run("a"), "1", &allowed()).expect("answered"));
    db
}

/// All rows of all tables as text.
fn dump(db: &Connection) -> Vec<String> {
    let mut rows = Vec::new();
    for table in ["choices", "runs", "children", "prompts", "drafts", "questions"] {
        let mut query = db.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = query.column_count();
        let row =
            |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>();
        rows.extend(query.query_map([], row).expect("rows").map(|row| format!("{table}: {:?}", row.expect("a row"))));
    }
    rows
}

fn text(result: rusqlite::Result<impl std::fmt::Debug>) -> rusqlite::Result<String> {
    result.map(|value| format!("{value:?}"))
}

fn run(name: &str) -> RunId {
    RunId(name.into())
}

fn record(name: &str, session: Option<&str>) -> RunRecord {
    RunRecord {
        id: run(name),
        agent: Agent::Claude,
        session: session.map(|id| SessionKey::new(Agent::Claude, id)),
        cwd: "/".into(),
        model: None,
        effort: None,
        created: NOW,
        last_activity: Time::from_millis(1),
    }
}

fn child(pid: u32) -> ChildRecord {
    ChildRecord { child: ProcessId { pid, start: 1 }, program: "claude".into(), holder: ME }
}

fn pending() -> PendingWrites {
    let mut writes = PendingWrites::default();
    assert!(writes.put_choice("sort".into(), "size".into()) && writes.put_choice("scope".into(), "here".into()));
    assert!(writes.put_draft("kept".into(), String::new()) && writes.put_draft("new".into(), "text".into()));
    writes
}

fn allowed() -> ApprovalAnswer {
    ApprovalAnswer::Choice { token: "yes".into(), reason: None }
}

fn approval(id: &str) -> Approval {
    let choice = ApprovalChoice { kind: ChoiceKind::AllowOnce, label: "Allow".into(), token: "yes".into() };
    Approval {
        id: id.into(),
        tool_id: None,
        tool: "Bash".into(),
        action: ToolAction::Command { command: format!("make {id}"), exit_code: None },
        input: serde_json::Value::Null,
        reason: None,
        questions: Vec::new(),
        choices: vec![choice],
        since: Some(NOW),
    }
}

#[test]
fn f1_no_row_is_returned_before_its_commit() {
    // SQLite hands out the rows of `RETURNING` before it commits, so that a failed commit would go unnoticed.
    for layer in ["src/store", "src/index/cache"] {
        let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(layer)).expect("the sources");
        for file in files {
            let path = file.expect("a file").path();
            let code = std::fs::read_to_string(&path).expect("a source");
            assert!(!code.contains("RETURNING"), "{}", path.display());
        }
    }
}

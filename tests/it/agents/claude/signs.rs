//! What a living process leaves, and what tools and notices say.

use salon::agent::{MarkKind, RefreshOutcome, TextLimit};
use salon::domain::event::NoticeLevel;
use salon::domain::transcript::{ChangeKind, PlanStatus, ToolAction};
use salon::domain::{EntryKind, SessionState, ToolStatus};
use serde_json::{Value, json};

use super::{One, VERSIONS, answer, assistant, call, claude, read, sessions, text, user};
use crate::support::Home;

#[test]
fn h17_live_signs_are_believed_only_of_the_process_that_left_them() {
    let home = Home::of(&["claude/2.1.329"]);
    let root = &claude().roots(&home.environment())[0];
    assert!(claude().live(root).is_empty(), "the fixtures' processes are gone");
    let pid = std::process::id();
    let start = salon::stdx::process::start_time(pid);
    let put = |start: &str, rest: Value| {
        let mut sign = json!({"pid": pid, "sessionId": "one", "procStart": start});
        sign.as_object_mut().expect("object").extend(rest.as_object().expect("object").clone());
        std::fs::write(root.path.join(format!("sessions/{pid}.json")), sign.to_string()).expect("writes");
    };
    if let Some(start) = start {
        put("1", json!({"status": "busy"}));
        assert!(claude().live(root).is_empty(), "the id was used again");
        for (told, state) in
            [("busy", SessionState::Working), ("waiting", SessionState::NeedsYou), ("idle", SessionState::Idle)]
        {
            put(
                &start,
                json!({"status": told, "waitingFor": "permission prompt", "statusUpdatedAt": 1_795_255_753_302_i64}),
            );
            let signs = claude().live(root);
            assert_eq!((signs.len(), signs[0].state, signs[0].pid), (1, state, Some(pid)));
            assert_eq!(signs[0].waiting_for.is_some(), state == SessionState::NeedsYou);
        }
    }
    std::fs::write(root.path.join("sessions/half.json"), "{\"pid\":").expect("writes");
    claude().live(root);
}

#[test]
fn tools_say_what_they_did() {
    let home = Home::of(&VERSIONS);
    let sessions = sessions(&home);
    let tools = |id: &str| read(&sessions[id]).into_iter().filter_map(|entry| entry.tool).collect::<Vec<_>>();

    let page = tools("ffe44014-9a27-4c2e-b3d4-21fa22335233");
    assert!(matches!(&page[0].action, ToolAction::Edit(changes) if matches!(changes[0].kind, ChangeKind::Write(_))));
    assert_eq!(page[1].action, ToolAction::Read { path: "/home/dev/web_ui.v2/about.html".into() });
    let ToolAction::Edit(changes) = &page[2].action else { panic!("an edit") };
    let patch = "@@ -1,1 +1,1 @@\n-<h1>About</h1>\n\\ No newline at end of file\n+<h1>Contact</h1>\n\\ No newline at end of file\n";
    assert_eq!(changes[0].kind, ChangeKind::Patch(patch.into()));

    let driven = tools("ecb23d04-1c2c-482e-b243-a4eb88ad9dcb");
    let statuses: Vec<_> = driven.iter().map(|tool| tool.status).collect();
    assert_eq!(statuses, [ToolStatus::Done, ToolStatus::Denied, ToolStatus::Denied]);
    assert!(matches!(driven[0].action, ToolAction::Command { exit_code: Some(0), .. }));

    let typed = tools("0eb326a8-825c-4422-af12-0fa163f5428a");
    let failed = typed.iter().find(|tool| tool.status == ToolStatus::Failed).expect("a failed write");
    assert_eq!(&*failed.name, "Write");

    let todo = read(&sessions["fac7100f-dd96-4445-8b4f-b5750268529b"]);
    let plan = todo.iter().find(|entry| entry.kind == EntryKind::Plan).expect("a plan");
    assert_eq!(plan.text, "- [x] First step\n- [~] Second step");
}

#[test]
fn notices_say_what_happened() {
    let home = Home::of(&["claude/2.1.329"]);
    let sessions = sessions(&home);
    let mut reading = claude().open(&sessions["1b2f6378-e804-4ead-81a1-ab606c44489c"]).expect("opens");
    let entries = reading.read(0..9, TextLimit::NONE);
    let levels: Vec<_> = entries.iter().map(|entry| entry.level).collect();
    assert_eq!(levels, [NoticeLevel::Info, NoticeLevel::Warning, NoticeLevel::Warning, NoticeLevel::Error]);
    assert_eq!((reading.marks(MarkKind::Prompts), reading.marks(MarkKind::Errors)), (vec![0], vec![3]));

    let compacted = read(&sessions["143b81a6-05d8-46ab-96c8-d1c2291634d1"]);
    let boundaries: Vec<_> = compacted.iter().filter(|entry| entry.level == NoticeLevel::Boundary).collect();
    assert_eq!(boundaries.len(), 2);
    assert!(boundaries[0].text.starts_with("Conversation compacted on request"));

    let failed = call("2", "1", "m", "a");
    let result = user(
        "3",
        Some("2"),
        json!([{"type": "tool_result", "tool_use_id": "a", "is_error": true, "content": "Exit code 3\nno"}]),
    );
    let one = One::new(&[user("1", None, "hello"), failed, result]);
    let mut reading = claude().open(&one.session()).expect("opens");
    assert_eq!(reading.marks(MarkKind::Errors), [1]);
    let tool = reading.read(1..2, TextLimit::NONE).remove(0).tool.expect("a tool");
    assert!(matches!(tool.action, ToolAction::Command { exit_code: Some(3), .. }));
    assert_eq!(reading.raw(1).split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count(), 2);
}

#[test]
fn texts_of_the_program_are_nobody_s_words() {
    let synthetic = |id: &str, parent: &str, text: &str| {
        let mut record = assistant(id, parent, &format!("m-{id}"), json!({"type": "text", "text": text}), 1);
        record["message"]["model"] = json!("<synthetic>");
        record
    };
    let reminder = "<system-reminder>\nBe careful.\n</system-reminder>";
    let read = call("4", "3", "m4", "a");
    let result = answer("5", "4", "a", format!("line one\n\n{reminder}\n"));
    let empty = call("6", "5", "m6", "b");
    let warned = answer("7", "6", "b", "<system-reminder>Warning: the file is empty.</system-reminder>");
    let one = One::new(&[
        user("1", None, format!("hello\n\n{reminder}")),
        synthetic("2", "1", "No response requested."),
        synthetic("3", "2", "Prompt is too long"),
        read,
        result,
        empty,
        warned,
        user("8", Some("7"), "go on"),
    ]);
    let entries = read_all(&one);
    let shown: Vec<_> = entries.iter().map(|entry| (entry.kind, entry.level, &*entry.text)).collect();
    let plain = NoticeLevel::Info;
    assert_eq!(
        shown,
        [
            (EntryKind::Prompt, plain, "hello"),
            (EntryKind::Notice, plain, "Prompt is too long"),
            (EntryKind::Tool, plain, "a"),
            (EntryKind::Tool, plain, "b"),
            (EntryKind::Prompt, plain, "go on"),
        ]
    );
    let outputs: Vec<_> = entries.iter().filter_map(|entry| Some(&*entry.tool.as_ref()?.output)).collect();
    assert_eq!(outputs, ["line one", "Warning: the file is empty."]);
    assert_eq!(one.session().messages, 5);
}

fn read_all(one: &One) -> Vec<salon::domain::Entry> {
    read(&one.session())
}

#[test]
fn a_tool_s_duration_is_the_time_to_its_result_unless_the_user_was_asked() {
    let at = |mut record: Value, time: &str| {
        record["timestamp"] = json!(time);
        record
    };
    let asked = |mut record: Value| {
        record["permissionDecision"] = json!({"decision": "accept", "source": "user_temporary"});
        record
    };
    let one = One::new(&[
        user("1", None, "hello"),
        at(call("2", "1", "m2", "a"), "2026-11-21T09:25:56.000Z"),
        at(answer("3", "2", "a", "done"), "2026-11-21T09:25:57.250Z"),
        at(call("4", "3", "m4", "b"), "2026-11-21T09:26:00.000Z"),
        asked(at(answer("5", "4", "b", "done"), "2026-11-21T10:26:00.000Z")),
    ]);
    let durations: Vec<_> =
        read(&one.session()).iter().filter_map(|entry| Some(entry.tool.as_ref()?.duration_ms)).collect();
    assert_eq!(durations, [Some(1250), None]);
}

#[test]
fn an_answer_is_on_the_row_of_its_question_and_tasks_are_tools() {
    let tool = |id: &str, parent: &str, name: &str, input: Value| {
        assistant(
            id,
            parent,
            &format!("m-{id}"),
            json!({"type": "tool_use", "id": id, "name": name, "input": input}),
            1,
        )
    };
    let questions = json!([{"question": "Which colour?", "options": [{"label": "Red", "description": "warm"}]}]);
    let mut answered = answer("3", "2", "2", "User has answered your questions: \"Which colour?\"=\"Red\".");
    answered["toolUseResult"] = json!({"questions": questions, "answers": {"Which colour?": "Red"}});
    let mut failed = answer("7", "6", "6", "Error: no such task");
    failed["message"]["content"][0]["is_error"] = json!(true);
    let one = One::new(&[
        user("1", None, "hello"),
        tool("2", "1", "AskUserQuestion", json!({"questions": questions})),
        answered,
        tool("4", "3", "TaskCreate", json!({"subject": "Write tests"})),
        answer("5", "4", "4", "Task #1 created successfully: Write tests"),
        tool("6", "5", "TaskUpdate", json!({"taskId": "1", "status": "in_progress"})),
        failed,
    ]);
    let entries = read(&one.session());
    let shown: Vec<_> = entries[1..]
        .iter()
        .map(|entry| (entry.kind, &*entry.text, entry.tool.as_ref().map(|tool| tool.status)))
        .collect();
    assert_eq!(
        shown,
        [
            (EntryKind::Tool, "Which colour? → Red", Some(ToolStatus::Done)),
            (EntryKind::Plan, "- [ ] Write tests", Some(ToolStatus::Done)),
            (EntryKind::Tool, "#1 in progress", Some(ToolStatus::Failed)),
        ]
    );
}

#[test]
fn the_last_call_that_changed_a_task_shows_the_whole_list() {
    let call = |id: &str, parent: &str, name: &str, input: Value| {
        assistant(
            id,
            parent,
            &format!("m-{id}"),
            json!({"type": "tool_use", "id": id, "name": name, "input": input}),
            1,
        )
    };
    let mut records = vec![
        user("1", None, "hello"),
        call("2", "1", "TaskCreate", json!({"subject": "Write tests"})),
        answer("3", "2", "2", "Task #1 created successfully: Write tests"),
        call("4", "3", "TaskCreate", json!({"subject": "Fix it"})),
        answer("5", "4", "4", "Task #2 created successfully: Fix it"),
        call("6", "5", "TaskUpdate", json!({"taskId": "1", "status": "completed"})),
    ];
    let shown = |one: &One| {
        let entries = read(&one.session());
        entries[1..].iter().map(|entry| (entry.kind, entry.text.replace('\n', "|"))).collect::<Vec<_>>()
    };
    let tool = |text: &str| (EntryKind::Tool, text.to_owned());
    let plan = |text: &str| (EntryKind::Plan, text.to_owned());
    // The update has no result yet.
    assert_eq!(
        shown(&One::new(&records)),
        [tool("Write tests"), plan("- [ ] Write tests|- [ ] Fix it"), tool("#1 completed")]
    );
    records.push(answer("7", "6", "6", "Updated task #1 status"));
    let one = One::new(&records);
    let mut reader = claude().open(&one.session()).expect("opened");
    let tasks: Vec<_> = reader.tasks().into_iter().map(|(id, task)| (id, task.text, task.status)).collect();
    let task = |id: &str, text: &str, status| (id.to_owned(), text.to_owned(), status);
    let (done, pending) = (PlanStatus::Done, PlanStatus::Pending);
    assert_eq!(
        tasks,
        [task("1", "Write tests", done), task("2", "Fix it", pending)],
        "a run that resumes it knows them"
    );
    let one = One::new(&records);
    let done = plan("- [x] Write tests|- [ ] Fix it");
    assert_eq!(shown(&one), [tool("Write tests"), tool("Fix it"), done]);
    // An open transcript reports the entries that show another thing now.
    let path = one.session().path;
    let mut grown = claude().open(&one.session()).expect("opens");
    grown.read(0..4, TextLimit::NONE);
    let more = [
        call("8", "7", "TaskUpdate", json!({"taskId": "2", "status": "in_progress"})),
        answer("9", "8", "8", "Updated task #2 status"),
    ];
    std::fs::write(&path, [text(&records), text(&more)].concat()).expect("written");
    assert_eq!(grown.refresh(), RefreshOutcome::Grown { from: 3 });
    let texts: Vec<_> =
        grown.read(3..5, TextLimit::NONE).into_iter().map(|entry| entry.text.replace('\n', "|")).collect();
    assert_eq!(texts, ["#1 completed", "- [x] Write tests|- [~] Fix it"]);
}

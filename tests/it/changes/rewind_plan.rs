//! Rewind to before a prompt: what the dialog offers, and the conversation that continues from there.

use salon::app::msg::RevertedConversation;
use salon::app::{Effect, Msg};
use salon::domain::rewind::{
    ConversationRevert, ConversationStart, RewindPlan, RewindTarget, RewoundFile, RewoundFiles,
};
use salon::domain::run::Conversation;
use salon::domain::{Agent, SessionKey, Time};
use salon::runtime::rewind::RewindContext;
use salon::runtime::rewind_plan::plan;
use salon::store::Store;

use super::Transcript;
use super::rewind::record_turn;
use crate::git::repo::Repo;
use crate::screens::stage::{NOW, Stage, change, session};
use crate::support::Home;

fn planned(home: &Home, repo: &Repo, shown: &Transcript, entry: usize) -> RewindPlan {
    let data = home.path().join(".local/share/salon");
    std::fs::create_dir_all(&data).expect("created");
    let store = Store::open(&data.join("state.db"), NOW).expect("opened").store;
    let mut listed = session(Agent::Claude, &shown.id, "Fix it", 5);
    listed.path = home.path().join(format!(".claude/projects/-x/{}.jsonl", shown.id));
    listed.cwd = shown.cwd.as_str().into();
    let context = RewindContext {
        git: repo.program(),
        own: data.join("git"),
        store: store.into(),
        state_db: data.join("state.db"),
        known_process: None,
    };
    plan(context.dry_run(&listed), entry, Time::from_millis(0)).expect("a plan")
}

#[test]
fn a_plan_names_the_files_and_the_record_before_the_prompt() {
    let (home, repo) = (Home::empty(), Repo::new());
    let shown = Transcript::new("aaaa", repo.path())
        .prompt("first")
        .edit(&repo.path().join("readme"), "two\n", "TWO\n")
        .prompt("second\nwith more");
    shown.write_to(&home);
    record_turn(&home, &repo, &shown);
    repo.write("readme", "one\nTWO\nthree\n").write("new", "x\n");
    let first = planned(&home, &repo, &shown, 1);
    assert_eq!((first.turn, first.prompt.as_str(), &first.conversation), (1, "first", &Ok(ConversationStart::New)));
    let file = |path: &str, is_deleted| RewoundFile { path: path.to_owned(), is_deleted };
    assert_eq!(first.files, Ok(vec![file("new", true), file("readme", false)]));
    assert_eq!(first.root, repo.path().to_string_lossy());
    let second = planned(&home, &repo, &shown, 9);
    assert_eq!((second.turn, second.prompt.as_str()), (2, "second\nwith more"));
    let reply = format!("{}-1", shown.id);
    assert_eq!(second.conversation, Ok(ConversationStart::Fork(reply.into())), "the last reply before it");
}

fn a_plan(files: Result<Vec<RewoundFile>, String>, conversation: Result<ConversationStart, String>) -> RewindPlan {
    let (prompt, root) = ("Do it\nnow".to_owned(), "/home/ann/shop-api".to_owned());
    RewindPlan { turn: 2, prompt, files, conversation, in_place: None, root, others: Vec::new() }
}

/// A transcript on the screen, with the dialog of a plan.
fn asked(plan: RewindPlan) -> Stage {
    asked_at(plan, (120, 40))
}

pub(super) fn asked_at(plan: RewindPlan, (width, height): (u16, u16)) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "aaaaaaaa-1", "Fix the login", 5)])));
    stage.keys("enter Z");
    let key = SessionKey::new(Agent::Claude, "aaaaaaaa-1");
    let effects = stage.take_effects();
    assert!(effects.contains(&Effect::PlanRewind { key: key.clone(), entry: 0, branch: None }), "{effects:?}");
    stage.send(Msg::RewindPlanned(key, Ok(plan)));
    stage
}

#[test]
fn the_dialog_says_what_cannot_be_had_back_and_takes_back_only_what_is_chosen() {
    let files = vec![RewoundFile { path: "readme".to_owned(), is_deleted: false }];
    let mut stage = asked(a_plan(Ok(files.clone()), Ok(ConversationStart::Fork("u-1".into()))));
    let screen = stage.screen();
    for text in [
        "Prompt 2: Do it",
        "Files: 1 restored, 0 deleted: readme.",
        "a fork has everything before this prompt",
        "Ignored files, and what was done outside of",
        "1  Take back files and conversation",
    ] {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    let key = SessionKey::new(Agent::Claude, "aaaaaaaa-1");
    stage.keys("2");
    let effects = stage.take_effects();
    assert!(
        effects.contains(&Effect::RewindFiles { key: key.clone(), target: RewindTarget::BeforeTurn(2) }),
        "{effects:?}"
    );
    let rewound = |undo: &str| Ok(RewoundFiles { count: 1, undo: Some(undo.to_owned()), ..RewoundFiles::default() });
    let target = RewindTarget::BeforeTurn(2);
    stage.send(Msg::Rewound { key: key.clone(), target, result: rewound("aaaa") });
    assert!(stage.screen().contains("1 file rewound · u undoes"), "{}", stage.screen());
    stage.keys("u");
    let target = RewindTarget::Snapshot("aaaa".to_owned());
    let undone = Effect::RewindFiles { key: key.clone(), target: target.clone() };
    assert!(stage.take_effects().contains(&undone));
    stage.send(Msg::Rewound { key, target, result: rewound("bbbb") });
    assert!(stage.screen().contains("Rewind undone: 1 file"), "{}", stage.screen());
    stage.keys("u");
    assert!(stage.screen().contains("Nothing to undo"), "{}", stage.screen());

    let mut stage = asked(a_plan(Ok(files), Ok(ConversationStart::Fork("u-1".into()))));
    stage.keys("3");
    assert!(!stage.take_effects().iter().any(|effect| matches!(effect, Effect::RewindFiles { .. })));
    let chat = stage.app.stack.layers.last().and_then(|layer| layer.chat()).expect("a chat");
    let start = chat.start.as_ref().expect("not started yet");
    assert_eq!(
        (&start.conversation, start.fork_at.as_deref()),
        (&Conversation::Fork("aaaaaaaa-1".into()), Some("u-1"))
    );
    assert!(stage.screen().contains("Do it"), "the prompt can be edited:\n{}", stage.screen());
}

#[test]
fn files_that_were_left_as_they_are_are_named() {
    let key = SessionKey::new(Agent::Claude, "aaaaaaaa-1");
    let rewound = || {
        let left = vec![".env".to_owned()];
        Ok(RewoundFiles { count: 1, undo: Some("aaaa".to_owned()), left, problem: None })
    };
    let mut stage = Stage::full(200, 24);
    let target = RewindTarget::BeforeTurn(2);
    stage.send(Msg::Rewound { key: key.clone(), target, result: rewound() });
    assert!(stage.screen().contains("left as is (ignored, large or just changed): .env"), "{}", stage.screen());
    let revert = ConversationRevert::From { record: "m-1".into(), files: Some(2) };
    let reverted =
        |revert| RevertedConversation { key: key.clone(), revert, prompt: "Do it".to_owned(), result: rewound() };
    for revert in [revert, ConversationRevert::Undo { snapshot: Some("aaaa".to_owned()) }] {
        let mut stage = Stage::full(200, 24);
        stage.send(Msg::ConversationReverted(Box::new(reverted(revert))));
        assert!(stage.screen().contains("just changed): .env"), "{}", stage.screen());
    }
}

#[test]
fn parts_that_are_not_available_are_not_offered() {
    let none = a_plan(Err("no snapshot".to_owned()), Err("Gemini CLI cannot fork".to_owned()));
    let screen = asked(none).screen();
    assert!(screen.contains("Files: not available: no snapshot.") && screen.contains("1  Cancel"), "{screen}");
    let same = a_plan(Ok(Vec::new()), Ok(ConversationStart::New));
    let mut stage = asked(same);
    let screen = stage.screen();
    assert!(screen.contains("1  Take back the conversation") && screen.contains("all are as they were"), "{screen}");
    stage.keys("1");
    let chat = stage.app.stack.layers.last().and_then(|layer| layer.chat()).expect("a chat");
    let start = chat.start.as_ref().expect("not started yet");
    assert_eq!(start.conversation, Conversation::New { id: None });
}

#[test]
fn a_conversation_is_taken_back_in_its_session_where_the_agent_can() {
    let key = SessionKey::new(Agent::OpenCode, "ses_1");
    let plan = |changed: usize| {
        let file = RewoundFile { path: "readme".to_owned(), is_deleted: false };
        let plan = a_plan(Ok(vec![file; changed]), Ok(ConversationStart::Fork("msg_2".into())));
        RewindPlan { in_place: Some("msg_2".into()), ..plan }
    };
    let asked = |plan: RewindPlan| {
        let mut stage = Stage::new(120, 40);
        stage.send(Msg::Catalog(change(vec![session(Agent::OpenCode, "ses_1", "Fix the login", 5)])));
        stage.keys("enter Z").take_effects();
        stage.send(Msg::RewindPlanned(key.clone(), Ok(plan)));
        stage
    };
    // The agent takes back files of its own accord, so that the conversation alone is taken back in a fork.
    let mut stage = asked(plan(0));
    let screen = stage.screen();
    for text in
        ["the next prompt deletes it", "1  Take back files and conversation", "2  Take back the conversation in a fork"]
    {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    stage.keys("1");
    let effects = stage.take_effects();
    let from = |files| ConversationRevert::From { record: "msg_2".into(), files };
    let requested = |revert: &ConversationRevert, prompt: &str| Effect::RevertConversation {
        key: key.clone(),
        revert: revert.clone(),
        prompt: prompt.to_owned(),
    };
    assert!(effects.contains(&requested(&from(None), "Do it\nnow")), "{effects:?}");
    let mut stage = asked(plan(1));
    assert!(stage.screen().contains("2  Take back the files"), "{}", stage.screen());
    stage.keys("1");
    let effects = stage.take_effects();
    assert!(effects.contains(&requested(&from(Some(2)), "Do it\nnow")), "{effects:?}");
    let done = |revert: ConversationRevert, result| {
        let (key, prompt) = (key.clone(), "Do it\nnow".to_owned());
        Msg::ConversationReverted(Box::new(RevertedConversation { key, revert, prompt, result }))
    };
    stage.send(done(
        from(Some(2)),
        Ok(RewoundFiles { count: 1, undo: Some("aaaa".to_owned()), ..RewoundFiles::default() }),
    ));
    assert!(stage.screen().contains("u undoes it until the next prompt"), "{}", stage.screen());
    // The prompt can be edited and sent again, in the same session.
    let chat = stage.app.stack.layers.last().and_then(|layer| layer.chat()).expect("a chat");
    let start = chat.start.as_ref().expect("not started yet");
    assert_eq!((&start.conversation, &start.fork_at), (&Conversation::Resume("ses_1".into()), &None));
    assert!(stage.screen().contains("Do it"), "{}", stage.screen());
    stage.keys("ctrl-u esc esc esc").take_effects();
    stage.keys("u");
    let undo = ConversationRevert::Undo { snapshot: Some("aaaa".to_owned()) };
    let effects = stage.take_effects();
    assert!(effects.contains(&requested(&undo, "")), "{effects:?}");
    stage.send(done(undo, Ok(RewoundFiles::default())));
    assert!(stage.screen().contains("The conversation is as it was before"), "{}", stage.screen());
    stage.send(done(from(None), Err("open in OpenCode (pid 7, idle); close it first".to_owned())));
    assert!(stage.screen().contains("close it first"), "{}", stage.screen());
}

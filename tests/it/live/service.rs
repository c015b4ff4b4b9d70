//! OpenCode 2.x in runs: its own server, and the background service that the user's own programs use.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use salon::domain::backend::BackendState;
use salon::domain::run::{Conversation, Refusal, TurnOutcome};
use salon::domain::run_event::RunEventKind;
use salon::domain::{Agent, EventBody, SessionKey};
use salon::live::options::{AttachedServer, SessionHolder};
use salon::live::server::http::printed_address;
use serde_json::json;

use super::harness::{Harness, Sandbox};
use crate::support::{fake_agent, is_alive};

const PASSWORD: &str = "a-password-of-the-service";

/// The user's background service, and its registration in the home of a sandbox.
struct Service {
    child: Child,
    address: std::net::SocketAddr,
}

impl Service {
    /// Starts a service that has a session of the project, and registers it.
    fn start(sandbox: &Sandbox, registered: impl FnOnce(&mut serde_json::Value)) -> Self {
        use std::io::{BufRead, BufReader};
        use std::os::unix::process::CommandExt;
        let mut child = Command::new(fake_agent())
            .arg0("opencode")
            .args(["serve", "--service"])
            .env_clear()
            .env("OPENCODE_SERVER_PASSWORD", PASSWORD)
            .env("FAKE_VERSION", "2.0.3")
            .env("FAKE_SESSIONS", format!("ses_known={}", sandbox.project().display()))
            .env("FAKE_LOG", sandbox.path().join("service.log"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a service");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let address = printed_address(&line).expect("an address");
        let url = format!("http://{address}");
        let mut file = json!({"id": "x", "version": "2.0.3", "url": url, "pid": child.id(), "password": PASSWORD});
        registered(&mut file);
        let folder = sandbox.path().join("home/.local/state/opencode");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("service.json"), file.to_string()).expect("a registration");
        Self { child, address }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(&mut self) {
        self.child.kill().expect("it ends");
        self.child.wait().expect("it ended");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A service that the test ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs where the scripted OpenCode is 2.x and has the session of the service too.
fn harness(sandbox: Sandbox, change: impl FnOnce(&mut salon::live::LiveOptions)) -> Harness {
    let project = sandbox.project();
    Harness::at(sandbox, |options| {
        options.vars.push(("FAKE_VERSION".into(), "2.0.3".into()));
        options.vars.push(("FAKE_SESSIONS".into(), format!("ses_known={}", project.display())));
        change(options);
    })
}

fn starts(harness: &Harness) -> Vec<String> {
    let starts = harness.sandbox.agents.starts();
    starts.iter().map(|start| start["args"][0].as_str().unwrap_or_default().to_owned()).collect()
}

async fn notices(harness: &Harness, run: &salon::domain::run::RunId) -> Vec<String> {
    let texts = harness.history(run).await.into_iter().filter_map(|kind| match kind {
        RunEventKind::Event(event) => match event.body {
            EventBody::Notice { text, .. } => Some(text),
            _ => None,
        },
        _ => None,
    });
    texts.collect()
}

#[tokio::test]
async fn opencode_2_is_driven_over_its_api_with_one_start() {
    // Some of its versions serve their web page at the paths of 1.x.
    for version in ["2.0.3", "2.0.3-page"] {
        let harness = Harness::with(|options| options.vars.push(("FAKE_VERSION".into(), version.into())));
        let run = harness.begin_with(Agent::OpenCode, "say hello\nrun ls").await;
        let info = harness.done(&run, 1).await;
        assert_eq!((info.last_outcome.clone(), info.service), (Some(TurnOutcome::Done), None), "{info:?}");
        assert_eq!(info.capabilities.version.as_deref(), Some(version));
        let text = harness.transcript_text(&run).await;
        assert!(text.contains("hello") && text.contains("tool: ls"), "{text}");
        assert_eq!(notices(&harness, &run).await, Vec::<String>::new());
        let other = harness.begin_with(Agent::OpenCode, "say again").await;
        harness.done(&other, 1).await;
        assert_eq!(starts(&harness), ["serve"]);
        let catalog = harness.live.models(Agent::OpenCode, &harness.sandbox.project(), false).await;
        assert_eq!(catalog.list[0].0, "lab/big", "{catalog:?}");
    }
}

#[tokio::test]
async fn models_of_opencode_2_are_listed_without_a_run() {
    let harness = Harness::with(|options| options.vars.push(("FAKE_VERSION".into(), "2.0.3".into())));
    let catalog = harness.live.models(Agent::OpenCode, &harness.sandbox.project(), true).await;
    assert_eq!(catalog.list.len(), 2, "{catalog:?}");
    assert_eq!(starts(&harness), ["serve"]);
}

#[tokio::test]
async fn an_own_server_of_opencode_2_that_dies_is_started_again_with_the_session() {
    let harness = harness(Sandbox::new(), |_| {});
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("ses_known".into());
    let run = harness.live.open_run(Agent::OpenCode, opening, Some("say one\ncrash 3".into())).await.expect("a run");
    let info = harness.until(&run, |info| info.last_outcome.is_some()).await;
    assert!(matches!(info.last_outcome, Some(TurnOutcome::Failed(_))), "{info:?}");
    harness.submit(&run, "say two").await;
    harness.live.resume_queue(&run).await.expect("sent");
    let info = harness.until(&run, |info| info.last_outcome == Some(TurnOutcome::Done)).await;
    assert_eq!(info.session, Some(SessionKey::new(Agent::OpenCode, "ses_known")));
    assert_eq!(starts(&harness), ["serve", "serve"]);
}

#[tokio::test]
async fn a_session_of_the_background_service_is_controlled_and_the_service_lives_on() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox, |_| {});
    let pid = service.pid();
    let harness = harness(sandbox, |options| {
        options.open_elsewhere =
            Box::new(move |_| Some(SessionHolder { text: format!("OpenCode (pid {pid}, idle)"), pid: Some(pid) }));
    });
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("ses_known".into());
    let run =
        harness.live.open_run(Agent::OpenCode, opening, Some("ask touch it\nsay done".into())).await.expect("a run");
    let info = harness.until(&run, |info| !info.approvals.is_empty()).await;
    assert_eq!((info.service, info.pid), (Some(pid), None));
    let approval = &info.approvals[0];
    let answer = salon::domain::approval::ApprovalAnswer::Choice { token: "once".into(), reason: None };
    harness.live.answer(&run, &approval.id, answer).expect("answered");
    assert_eq!(harness.done(&run, 1).await.last_outcome, Some(TurnOutcome::Done));
    assert!(harness.transcript_text(&run).await.contains("tool: touch it"));
    let backends = harness.live.backends();
    let server = backends.iter().find(|backend| backend.is_server).expect("the service");
    assert_eq!((server.is_external, server.pid, server.state), (true, Some(pid), BackendState::Idle));
    assert_eq!(starts(&harness), Vec::<String>::new(), "no server is started beside it");
    let shown = format!("{backends:?} {info:?} {:?}", harness.live);
    assert!(!shown.contains(PASSWORD), "{shown}");
    harness.live.clone().shutdown().await;
    assert!(is_alive(pid), "the service is the user's");
}

#[tokio::test]
async fn a_service_that_ends_when_it_was_found_is_not_replaced_by_an_own_server() {
    use std::io::{BufRead, BufReader, Write};
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox, |_| {});
    let pid = service.pid();
    drop(service);
    // A service that confirms its registration once, and is gone then.
    let folder = sandbox.path().join("home/.local/state/opencode");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let file = folder.join("service.json");
    let registration = json!({"version": "2.0.3", "url": url, "pid": pid, "password": PASSWORD});
    std::fs::write(&file, registration.to_string()).expect("a registration");
    let answered = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it is asked");
        BufReader::new(&stream).read_line(&mut String::new()).expect("a request");
        std::fs::remove_file(file).expect("it ends");
        let body = json!({"healthy": true, "version": "2.0.3", "pid": pid}).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("an answer");
    });
    let harness = harness(sandbox, |options| {
        options.open_elsewhere = Box::new(move |_| Some(SessionHolder { text: "OpenCode".into(), pid: Some(pid) }));
    });
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("ses_known".into());
    let opened = harness.live.open_run(Agent::OpenCode, opening, None).await;
    answered.join().expect("it answered");
    // The session is refused, or its run fails with the connection.
    if let Ok(run) = opened {
        harness.until(&run, |info| matches!(info.phase, salon::domain::run::Phase::Stopped(_))).await;
    }
    assert_eq!(starts(&harness), Vec::<String>::new());
}

#[tokio::test]
async fn a_session_that_another_process_has_open_is_refused_beside_a_service() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox, |_| {});
    let other = service.pid() + 1;
    let harness = harness(sandbox, |options| {
        options.open_elsewhere = Box::new(move |_| Some(SessionHolder { text: "OpenCode".into(), pid: Some(other) }));
    });
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("ses_known".into());
    let refused = harness.live.open_run(Agent::OpenCode, opening, None).await;
    assert_eq!(refused, Err(Refusal::OpenElsewhere("OpenCode".into())));
}

#[tokio::test]
async fn a_service_that_rejects_the_password_leaves_the_client_protocol_and_its_sessions_are_refused() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox, |file| file["password"] = "another".into());
    let pid = service.pid();
    let harness = harness(sandbox, |options| {
        options.open_elsewhere = Box::new(move |_| Some(SessionHolder { text: "OpenCode".into(), pid: Some(pid) }));
    });
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("ses_known".into());
    let refused = harness.live.open_run(Agent::OpenCode, opening, None).await;
    let Err(Refusal::OpenElsewhere(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("cannot be controlled") && text.contains("rejected the password"), "{text}");
    let run = harness.begin_with(Agent::OpenCode, "say hello").await;
    assert_eq!(harness.done(&run, 1).await.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(starts(&harness), ["acp"]);
    let texts = notices(&harness, &run).await;
    assert!(texts[0].contains("version 2.0.3) rejected the password"), "{texts:?}");
    assert!(!texts.join(" ").contains("another"), "{texts:?}");
    assert!(is_alive(pid));
}

#[tokio::test]
async fn e16_a_server_that_is_not_the_registered_one_is_neither_used_nor_ended() {
    let wrong: [fn(&mut serde_json::Value); 3] = [
        |file| file["pid"] = 1.into(),
        |file| file["version"] = "2.0.4".into(),
        |file| file["url"] = "http://127.0.0.1:9".into(),
    ];
    for change in wrong {
        let sandbox = Sandbox::new();
        let service = Service::start(&sandbox, change);
        let harness = harness(sandbox, |_| {});
        let run = harness.begin_with(Agent::OpenCode, "say hello").await;
        let info = harness.done(&run, 1).await;
        assert_eq!((info.last_outcome.clone(), info.service), (Some(TurnOutcome::Done), None), "{info:?}");
        assert_eq!(starts(&harness), ["serve"], "an own server");
        let log = std::fs::read_to_string(harness.sandbox.path().join("service.log")).expect("its log");
        assert!(!log.contains("POST"), "{log}");
        harness.live.clone().shutdown().await;
        assert!(is_alive(service.pid()));
    }
}

#[tokio::test]
async fn a_server_of_2_x_that_the_settings_name_is_used_and_never_ended() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox, |file| file["pid"] = 1.into());
    let attached = AttachedServer { address: service.address, password: PASSWORD.into() };
    let harness = harness(sandbox, |options| drop(options.attached.insert(Agent::OpenCode, attached)));
    let run = harness.begin_with(Agent::OpenCode, "say hello").await;
    assert_eq!(harness.done(&run, 1).await.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(starts(&harness), Vec::<String>::new());
    assert!(harness.live.backends().iter().any(|backend| backend.is_server && backend.is_external));
    harness.live.clone().shutdown().await;
    assert!(is_alive(service.pid()));
}

#[tokio::test]
async fn a_service_that_ends_is_followed_by_an_own_server() {
    let sandbox = Sandbox::new();
    let mut service = Service::start(&sandbox, |_| {});
    let harness = harness(sandbox, |_| {});
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume("ses_known".into());
    let run = harness.live.open_run(Agent::OpenCode, opening, Some("say one".into())).await.expect("a run");
    assert_eq!(harness.done(&run, 1).await.service, Some(service.pid()));
    harness.submit(&run, "say two\nhang").await;
    harness.working(&run).await;
    service.end();
    let info = harness.until(&run, |info| matches!(info.last_outcome, Some(TurnOutcome::Failed(_)))).await;
    assert_eq!(info.session, Some(SessionKey::new(Agent::OpenCode, "ses_known")), "{info:?}");
    harness.submit(&run, "say three").await;
    harness.live.resume_queue(&run).await.expect("sent");
    let info = harness.until(&run, |info| info.last_outcome == Some(TurnOutcome::Done)).await;
    assert_eq!((info.service, starts(&harness)), (None, vec!["serve".to_owned()]));
}

#[tokio::test]
async fn the_password_of_an_own_server_is_in_no_argument_and_no_log() {
    let harness = harness(Sandbox::new(), |_| {});
    let run = harness.begin_with(Agent::OpenCode, "say hello").await;
    harness.done(&run, 1).await;
    let server = harness.live.backends().into_iter().find(|backend| backend.is_server).expect("the server");
    let of = |name: &str| {
        std::fs::read(Path::new("/proc").join(server.pid.expect("a pid").to_string()).join(name)).expect(name)
    };
    let environment = of("environ");
    let environment = String::from_utf8_lossy(&environment);
    let password = environment.split('\0').find_map(|var| var.strip_prefix("OPENCODE_SERVER_PASSWORD="));
    let password = password.expect("a password").to_owned();
    assert!(password.len() > 20 && !String::from_utf8_lossy(&of("cmdline")).contains(&password));
    let shown = format!("{:?} {:?} {:?}", harness.live, harness.live.backends(), harness.info(&run));
    assert!(!shown.contains(&password));
}

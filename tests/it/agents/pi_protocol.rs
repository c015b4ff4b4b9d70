//! pi's own protocol: captured streams folded into entries, the questions of extensions, and what a turn can end as.

use std::collections::HashMap;

use salon::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, Protocol, ProtocolCommand, ProtocolSignal, RunSetting, RunStart,
};
use salon::domain::approval::{Approval, ApprovalAnswer};
use salon::domain::configured_agent::{ConfiguredAgent, PRESETS};
use salon::domain::prompt::PromptId;
use salon::domain::run::{RunFailure, TurnOutcome};
use salon::domain::transcript::{ToolStatus, Transcript};
use salon::domain::{Agent, EntryKind, Time};
use serde_json::{Value, json};

use crate::support::fixtures;

const NOW: Time = Time::from_millis(16);

fn protocol() -> &'static dyn Protocol {
    let preset = PRESETS.iter().find(|preset| preset.name == "pi").expect("pi needs no configuration");
    let agent = ConfiguredAgent::define("pi", preset.definition()).expect("a valid name");
    salon::agent::protocol(Agent::Configured(agent)).expect("it is driven")
}

fn start(conversation: Conversation) -> RunStart {
    RunStart::new(conversation, "/home/dev/shop-api".into())
}

/// A codec with all that it signalled and sent.
struct Driven {
    codec: Box<dyn Codec>,
    signals: Vec<ProtocolSignal>,
    sent: Vec<Value>,
    transcript: Transcript,
    prompts: i64,
    /// Ids of the codec's commands, by the kind of command, the newest last.
    ids: HashMap<String, Vec<String>>,
}

impl Driven {
    fn new(start: RunStart) -> Self {
        let mut driven = Self {
            codec: protocol().codec(),
            signals: Vec::new(),
            sent: Vec::new(),
            transcript: Transcript::default(),
            prompts: 0,
            ids: HashMap::new(),
        };
        driven.command(ProtocolCommand::Open(start));
        driven
    }

    /// A conversation that accepts prompts.
    fn ready() -> Self {
        let mut driven = Self::new(start(Conversation::New { id: None }));
        driven.respond(
            "get_state",
            &json!({"sessionId": "s-1", "thinkingLevel": "medium",
            "model": {"provider": "lab", "id": "lab-model"}}),
        );
        driven.respond("get_available_thinking_levels", &json!({"levels": ["off", "high"]}));
        driven.respond("get_commands", &json!({"commands": []}));
        driven.respond(
            "get_available_models",
            &json!({"models": [{"provider": "lab", "id": "lab-model", "name": "Lab"}]}),
        );
        driven
    }

    fn take(&mut self, step: CodecStep) {
        for signal in &step.signals {
            if let ProtocolSignal::Event(event) = signal {
                self.transcript.apply(event.clone());
            }
        }
        self.signals.extend(step.signals);
        for outgoing in step.outgoing {
            let Outgoing::Line(line) = outgoing else { panic!("not expected: {outgoing:?}") };
            let message: Value = serde_json::from_slice(&line).expect("JSON");
            if let Some(id) = message["id"].as_str() {
                let kind = message["type"].as_str().expect("a type").to_owned();
                self.ids.entry(kind).or_default().push(id.to_owned());
            }
            self.sent.push(message);
        }
    }

    fn command(&mut self, command: ProtocolCommand) {
        let step = self.codec.command(command, NOW);
        self.take(step);
    }

    fn decode(&mut self, line: &Value) {
        let step = self.codec.decode(Incoming::Line(line.to_string().as_bytes()), NOW);
        self.take(step);
    }

    fn respond(&mut self, command: &str, data: &Value) {
        let id = self.ids[command].last().expect("it was sent").clone();
        self.decode(&json!({"id": id, "type": "response", "command": command, "success": true, "data": data}));
    }

    fn prompt(&mut self, text: &str) {
        self.prompts += 1;
        let id = PromptId(self.prompts);
        self.command(ProtocolCommand::Prompt { id, text: text.to_owned(), images: Vec::new() });
    }

    fn outcomes(&self) -> Vec<TurnOutcome> {
        let outcome = |signal: &ProtocolSignal| match signal {
            ProtocolSignal::TurnEnded(outcome) => Some(outcome.clone()),
            _ => None,
        };
        self.signals.iter().filter_map(outcome).collect()
    }

    fn approvals(&self) -> Vec<&Approval> {
        fn approval(signal: &ProtocolSignal) -> Option<&Approval> {
            match signal {
                ProtocolSignal::Approval(approval) => Some(approval),
                _ => None,
            }
        }
        self.signals.iter().filter_map(approval).collect()
    }

    fn texts(&self) -> Vec<(EntryKind, &str)> {
        self.transcript.entries().iter().map(|entry| (entry.kind, entry.text.as_str())).collect()
    }

    /// Drives the conversation of a stream up to a note as the recorded client drove it.
    fn replay(&mut self, stream: &str, until: &str) {
        let path = fixtures().join("pi/1.6.0/streams").join(stream);
        for line in std::fs::read_to_string(path).expect("a stream").lines() {
            let record: Value = serde_json::from_str(line).expect("JSON");
            let message = &record["line"];
            match record["dir"].as_str() {
                Some("note") if message.as_str().is_some_and(|note| note.starts_with(until)) => return,
                Some("in") => self.recorded_command(message),
                Some("out") if message["type"] == "response" => {
                    let command = message["command"].as_str().unwrap_or_default();
                    if let Some(id) = self.ids.get(command).and_then(|ids| ids.last()) {
                        let mut response = message.clone();
                        response["id"] = id.as_str().into();
                        self.decode(&response);
                    }
                }
                Some("out") => self.decode(message),
                _ => {}
            }
        }
    }

    fn recorded_command(&mut self, message: &Value) {
        let text = message["message"].as_str().unwrap_or_default().to_owned();
        match message["type"].as_str() {
            // salon sends no second prompt while a turn is open.
            Some("prompt") if text != "second while busy" => self.prompt(&text),
            Some("prompt") => drop(self.ids.remove("prompt")),
            Some("steer") => {
                self.prompts += 1;
                self.command(ProtocolCommand::Steer { id: PromptId(self.prompts), text, images: Vec::new() });
            }
            Some("abort") => self.command(ProtocolCommand::Interrupt),
            Some("set_model") => {
                let model = format!(
                    "{}/{}",
                    message["provider"].as_str().expect("a provider"),
                    message["modelId"].as_str().expect("a model")
                );
                self.command(ProtocolCommand::Set(RunSetting::Model(model)));
            }
            Some("extension_ui_response") => {
                let answer = match message["value"].as_str() {
                    Some(value) => ApprovalAnswer::Answers(vec![vec![value.to_owned()]]),
                    None => ApprovalAnswer::Choice { token: "salon-dismiss".into(), reason: None },
                };
                let id = message["id"].as_str().expect("an id").into();
                self.command(ProtocolCommand::Answer { id, answer });
                let mut sent = self.sent.last().expect("an answer").clone();
                sent["id"] = message["id"].clone();
                assert_eq!(sent, *message, "the same answer as the recorded client");
            }
            _ => {}
        }
    }
}

#[test]
fn e28_a_stream_of_pi_gives_entries_and_outcomes() {
    let mut driven = Driven::new(start(Conversation::New { id: None }));
    driven.replay("rpc.io.jsonl", "tree: fork");
    let failed = |text: &str| TurnOutcome::Failed(RunFailure::Other(text.to_owned()));
    let outcomes = driven.outcomes();
    assert_eq!(outcomes[..2], [TurnOutcome::Done, TurnOutcome::Done], "{outcomes:?}");
    assert_eq!(outcomes[2..4], [TurnOutcome::Interrupted, TurnOutcome::Done], "{outcomes:?}");
    assert_eq!(outcomes.len(), 8, "one per turn: {outcomes:?}");
    assert!(
        outcomes[5] == failed(r#"500: {"message":"mock internal server error","type":"api_error","code":null}"#),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[7], TurnOutcome::Done, "over another provider");
    let texts = driven.texts();
    assert_eq!(
        texts[..6],
        [
            (EntryKind::Prompt, "list THINK TOOL:bash ls"),
            (EntryKind::Thinking, "Mock thinking: the user wants something. Let me consider it step by step."),
            (EntryKind::Text, "Let me do that."),
            (EntryKind::Tool, "ls"),
            (EntryKind::Thinking, "Mock thinking: the user wants something. Let me consider it step by step."),
            (EntryKind::Text, "Done after 1 tool call(s). You asked: list THINK TOOL:bash ls"),
        ]
    );
    let tool = driven.transcript.entries()[3].tool.as_ref().expect("a call");
    assert_eq!((tool.status, tool.output.as_str()), (ToolStatus::Done, "README.md\n"));
    assert!(texts.contains(&(EntryKind::Prompt, "steered text")), "{texts:?}");
    let steps = driven.signals.iter().filter(|signal| matches!(signal, ProtocolSignal::PromptAccepted { .. })).count();
    assert!(!texts.contains(&(EntryKind::Prompt, "steer me")), "it was discarded before it joined a turn");
    assert_eq!(steps + 1, usize::try_from(driven.prompts).expect("few"), "each other prompt is accepted once");
    let usage = driven.signals.iter().rev().find_map(|signal| match signal {
        ProtocolSignal::Usage { tokens, cost_usd, .. } => Some((tokens.expect("tokens"), cost_usd.expect("a cost"))),
        _ => None,
    });
    let (tokens, cost) = usage.expect("usage");
    assert!(tokens.input > 698 + 746 + 802 && cost > 0.005, "summed over the replies: {tokens:?} {cost}");
}

#[test]
fn a_question_of_an_extension_is_answered_or_dismissed() {
    let mut driven = Driven::new(start(Conversation::New { id: None }));
    driven.replay("rpc_extensions.io.jsonl", "timeout");
    let approvals = driven.approvals();
    assert_eq!(approvals.len(), 3);
    let question = &approvals[0].questions[0];
    assert!(question.text.contains("rm -rf /tmp/nothing-here"), "{question:?}");
    assert_eq!(question.options.iter().map(|option| option.label.as_str()).collect::<Vec<_>>(), ["Yes", "No"]);
    let tools: Vec<_> = driven.transcript.entries().iter().filter_map(|entry| entry.tool.as_ref()).collect();
    let statuses: Vec<_> = tools.iter().take(3).map(|tool| tool.status).collect();
    assert_eq!(statuses, [ToolStatus::Done, ToolStatus::Failed, ToolStatus::Failed], "allowed, denied, dismissed");
    assert!(tools[1].output.contains("Blocked by user"), "{:?}", tools[1]);
}

/// Ids of the prompts that were accepted, and of those that were refused.
fn answered(driven: &Driven) -> (Vec<i64>, Vec<i64>) {
    let mut all = (Vec::new(), Vec::new());
    for signal in &driven.signals {
        match signal {
            ProtocolSignal::PromptAccepted { id } => all.0.push(id.0),
            ProtocolSignal::SteerRefused { id, .. } => all.1.push(id.0),
            _ => {}
        }
    }
    all
}

/// A turn into which a prompt was sent, which pi has queued.
fn steered(text: &str) -> Driven {
    let mut driven = Driven::ready();
    driven.prompt("work");
    driven.respond("prompt", &json!({"disposition": "started"}));
    driven.command(ProtocolCommand::Steer { id: PromptId(2), text: text.to_owned(), images: Vec::new() });
    driven.decode(&json!({"type": "queue_update", "steering": [text], "followUp": []}));
    driven.respond("steer", &json!({"disposition": "queued"}));
    driven
}

#[test]
fn a_prompt_is_accepted_once_it_joins_the_turn() {
    let mut driven = steered("and more");
    assert_eq!(answered(&driven), (vec![1], vec![]), "it is only queued");
    driven.decode(&json!({"type": "queue_update", "steering": [], "followUp": []}));
    let content = json!([{"type": "text", "text": "and more"}]);
    driven.decode(&json!({"type": "message_end", "message": {"role": "user", "content": content}}));
    assert_eq!(answered(&driven), (vec![1, 2], vec![]));
    assert_eq!(driven.texts(), [(EntryKind::Prompt, "work"), (EntryKind::Prompt, "and more")]);
}

#[test]
fn a_prompt_that_an_interrupt_discards_is_refused() {
    // pi may have replaced the name of a template by its text.
    for discarded in ["and more", "the text of the template"] {
        let mut driven = steered("and more");
        driven.command(ProtocolCommand::Interrupt);
        driven.decode(&json!({"type": "queue_update", "steering": [], "followUp": []}));
        driven.respond("clear_queue", &json!({"steering": [discarded], "followUp": []}));
        driven.decode(&json!({"type": "agent_settled", "aborted": true}));
        assert_eq!(answered(&driven), (vec![1], vec![2]), "{discarded}");
        assert_eq!(driven.outcomes(), [TurnOutcome::Interrupted]);
        assert_eq!(driven.texts()[0], (EntryKind::Prompt, "work"));
        assert!(!driven.texts().contains(&(EntryKind::Prompt, "and more")), "it is sent again later");
    }
}

#[test]
fn a_session_is_resumed_by_its_id_and_an_unknown_one_is_said_so() {
    let launch = protocol().launch(&start(Conversation::Resume("s-7".into())));
    assert_eq!((launch.program.as_str(), launch.args.join(" ")), ("pi", "--mode rpc --session s-7".to_owned()));
    let fork = protocol().launch(&start(Conversation::Fork("s-7".into())));
    assert_eq!(fork.args.join(" "), "--mode rpc --fork s-7");
    let failure = protocol().ended(Some(1), "No session found matching 's-7'\n");
    assert!(matches!(failure, RunFailure::UnknownSession(_)), "{failure:?}");
    let mut driven = Driven::new(start(Conversation::Resume("s-7".into())));
    driven.respond("get_state", &json!({"sessionId": "s-7"}));
    assert!(driven.signals.iter().any(|signal| matches!(signal, ProtocolSignal::Session(id) if &**id == "s-7")));
}

#[test]
fn a_refused_prompt_fails_and_a_command_of_its_own_ends_at_once() {
    let mut driven = Driven::ready();
    driven.prompt("hello");
    let id = driven.ids["prompt"].last().expect("sent").clone();
    driven.decode(&json!({"id": id, "type": "response", "command": "prompt", "success": false, "error": "busy"}));
    assert!(!driven.signals.iter().any(|signal| matches!(signal, ProtocolSignal::PromptAccepted { .. })));
    assert_eq!(driven.outcomes(), [TurnOutcome::Failed(RunFailure::Other("busy".into()))]);
    driven.prompt("/name shop");
    driven.respond("prompt", &json!({"disposition": "handled"}));
    assert_eq!(driven.outcomes().last(), Some(&TurnOutcome::Done));
}

#[test]
fn an_unknown_model_is_refused_before_the_first_prompt_and_a_later_one_is_named_in_full() {
    let opening = RunStart { model: Some("lab/other".into()), ..start(Conversation::New { id: None }) };
    let mut driven = Driven::new(opening);
    driven.respond("get_state", &json!({"sessionId": "s-1"}));
    let id = driven.ids["set_model"].last().expect("sent").clone();
    driven.decode(&json!({"id": id, "type": "response", "success": false, "error": "Model not found: lab/other"}));
    let fatal = driven.signals.iter().find_map(|signal| match signal {
        ProtocolSignal::Fatal(failure) => Some(failure),
        _ => None,
    });
    assert!(matches!(fatal, Some(RunFailure::UnknownModel(_))), "{fatal:?}");
    let mut driven = Driven::ready();
    driven.command(ProtocolCommand::Set(RunSetting::Model("lab-model".into())));
    let sent = driven.sent.last().expect("sent");
    assert_eq!((&sent["provider"], &sent["modelId"]), (&json!("lab"), &json!("lab-model")));
}

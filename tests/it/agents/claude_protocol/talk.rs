//! A talk with the codec: what it was told, what it said. A captured stream is played from both sides.

use salon::agent;
use salon::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, ProtocolCommand, ProtocolSignal, RunStart,
};
use salon::domain::approval::{Approval, ApprovalAnswer};
use salon::domain::prompt::PromptId;
use salon::domain::run::{Activity, RunSetting, TurnOutcome};
use salon::domain::transcript::Transcript;
use salon::domain::{Agent, Event, Time};
use serde_json::{Value, json};

use super::{events, opening};
use crate::support::fixtures;

/// A codec, and all that went through it.
pub struct Talk {
    pub codec: Box<dyn Codec>,
    pub signals: Vec<ProtocolSignal>,
    pub outgoing: Vec<Outgoing>,
    pub heard: Vec<Value>,
    pub prompts: usize,
    /// Ids of the capture, and the codec's own in their place.
    pub names: Vec<(String, String)>,
}

impl Talk {
    /// A new session's.
    pub fn new() -> Self {
        Self::with(opening(Conversation::New { id: None }))
    }

    /// One that was opened so.
    pub fn with(opening: RunStart) -> Self {
        let mut talk = Self::silent();
        talk.command(ProtocolCommand::Open(opening));
        talk
    }

    fn silent() -> Self {
        Self {
            codec: agent::protocol(Agent::Claude).expect("a protocol").codec(),
            signals: Vec::new(),
            outgoing: Vec::new(),
            heard: Vec::new(),
            prompts: 0,
            names: Vec::new(),
        }
    }

    /// Plays a stream that was captured: what went in as commands, what came out as it came.
    pub fn captured(name: &str) -> Self {
        Self::of("claude/2.1.329", name)
    }

    /// The same of another version.
    pub fn of(version: &str, name: &str) -> Self {
        let folder = fixtures().join(version).join("streams");
        let both = folder.join(format!("{name}.io.jsonl"));
        let path = if both.exists() { both } else { folder.join(format!("{name}.stream.jsonl")) };
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut talk = Self::silent();
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).expect("a line of the capture");
            match record["dir"].as_str() {
                Some("in") => talk.play(&record["line"]),
                Some("out") | None => {
                    let heard = if record["dir"].is_null() { &record } else { &record["line"] };
                    let named = talk.renamed(&heard.to_string());
                    talk.hear(&serde_json::from_str(&named).expect("JSON"));
                }
                Some(_) => {}
            }
        }
        talk
    }

    /// A text of the capture with the codec's ids.
    pub fn renamed(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    fn play(&mut self, line: &Value) {
        match line["type"].as_str() {
            Some("user") => {
                let content = &line["message"]["content"];
                let text = content.as_str().or_else(|| content[0]["text"].as_str()).expect("a prompt").to_owned();
                let sent = self.prompt(&text);
                self.name(&line["uuid"], &sent["uuid"]);
            }
            Some("control_request") => {
                let request = &line["request"];
                let word = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
                let command = match request["subtype"].as_str() {
                    Some("initialize") => ProtocolCommand::Open(opening(Conversation::New { id: None })),
                    Some("interrupt") => ProtocolCommand::Interrupt,
                    Some("set_model") => ProtocolCommand::Set(RunSetting::Model(word("model"))),
                    Some("set_permission_mode") => ProtocolCommand::Set(RunSetting::Mode(word("mode"))),
                    Some("apply_flag_settings") => {
                        let effort = request["settings"]["effortLevel"].as_str().expect("an effort");
                        ProtocolCommand::Set(RunSetting::Effort(effort.to_owned()))
                    }
                    _ => return,
                };
                let sent = self.command(command);
                self.name(&line["request_id"], &sent["request_id"]);
            }
            Some("control_response") => self.decide(&line["response"]),
            // The driver of the capture wrote garbage too.
            _ => {}
        }
    }

    /// Answers as the capture does; what is sent must be what the real program took.
    fn decide(&mut self, captured: &Value) {
        let response = &captured["response"];
        let approval = self.approvals().pop().expect("an approval");
        let choice = |token: &str, reason: Option<&str>| ApprovalAnswer::Choice {
            token: token.into(),
            reason: reason.map(str::to_owned),
        };
        let answer = if !approval.questions.is_empty() {
            let given = response["updatedInput"]["answers"].as_object().expect("answers");
            ApprovalAnswer::Answers(
                given.values().map(|given| vec![given.as_str().expect("text").to_owned()]).collect(),
            )
        } else if response["behavior"] == "deny" {
            let token = if response["interrupt"] == true { "deny-stop" } else { "deny" };
            choice(token, response["message"].as_str())
        } else if response["updatedPermissions"].is_array() {
            choice("accept-edits", None)
        } else {
            choice("allow", None)
        };
        let sent = self.command(ProtocolCommand::Answer { id: approval.id, answer });
        let mut captured = captured.clone();
        if response["behavior"] == "deny" && response["interrupt"].is_null() {
            captured["response"]["interrupt"] = json!(false);
        }
        assert_eq!(sent["response"], captured);
    }

    fn name(&mut self, theirs: &Value, ours: &Value) {
        if let (Some(theirs), Some(ours)) = (theirs.as_str(), ours.as_str()) {
            // Only as a whole value: `c-1` is the beginning of `c-10`.
            self.names.push((format!("\"{theirs}\""), format!("\"{ours}\"")));
        }
    }

    /// Gives a command; what it sends.
    pub fn command(&mut self, command: ProtocolCommand) -> Value {
        let step = self.codec.command(command, now());
        let sent = match step.outgoing.first() {
            Some(Outgoing::Line(line)) => serde_json::from_slice(line).expect("JSON"),
            Some(other) => panic!("{other:?}"),
            None => Value::Null,
        };
        self.take(step);
        sent
    }

    /// Gives a prompt; what it sends.
    pub fn prompt(&mut self, text: &str) -> Value {
        self.prompts += 1;
        let id = PromptId(i64::try_from(self.prompts).expect("few"));
        self.command(ProtocolCommand::Prompt { id, text: text.to_owned(), images: Vec::new() })
    }

    /// The agent says something.
    pub fn hear(&mut self, record: &Value) {
        let line = record.to_string();
        self.line(line.as_bytes());
        self.heard.push(record.clone());
    }

    /// The agent prints a line.
    pub fn line(&mut self, line: &[u8]) {
        let step = self.codec.decode(Incoming::Line(line), now());
        self.take(step);
    }

    /// The model says a piece.
    pub fn stream(&mut self, event: &Value) {
        self.hear(&json!({"type": "stream_event", "event": event, "parent_tool_use_id": null}));
    }

    fn take(&mut self, step: CodecStep) {
        self.signals.extend(step.signals);
        self.outgoing.extend(step.outgoing);
    }

    pub fn events(&self) -> impl Iterator<Item = &Event> {
        events(&self.signals)
    }

    /// The conversation as it stands.
    pub fn fold(&self) -> Transcript {
        let mut fold = Transcript::default();
        for event in self.events() {
            fold.apply(event.clone());
        }
        fold
    }

    pub fn notices(&self) -> Vec<String> {
        let fold = self.fold();
        let notices = fold.entries().iter().filter(|entry| entry.kind == salon::domain::EntryKind::Notice);
        notices.map(|entry| entry.text.clone()).collect()
    }

    pub fn outcomes(&self) -> Vec<TurnOutcome> {
        self.pick(|signal| match signal {
            ProtocolSignal::TurnEnded(outcome) => Some(outcome.clone()),
            _ => None,
        })
    }

    pub fn accepted(&self) -> Vec<PromptId> {
        self.pick(|signal| match signal {
            ProtocolSignal::PromptAccepted { id } => Some(*id),
            _ => None,
        })
    }

    pub fn sessions(&self) -> Vec<String> {
        self.pick(|signal| match signal {
            ProtocolSignal::Session(id) => Some(id.to_string()),
            _ => None,
        })
    }

    pub fn activities(&self) -> Vec<Activity> {
        self.pick(|signal| match signal {
            ProtocolSignal::Activity(activity) => Some(activity.clone()),
            _ => None,
        })
    }

    pub fn approvals(&self) -> Vec<Approval> {
        self.pick(|signal| match signal {
            ProtocolSignal::Approval(approval) => Some(approval.clone()),
            _ => None,
        })
    }

    pub fn settings(&self) -> Vec<(Option<String>, Option<String>, Option<String>)> {
        let text = |word: &Option<std::sync::Arc<str>>| word.as_deref().map(str::to_owned);
        self.pick(|signal| match signal {
            ProtocolSignal::Settings { model, mode, effort } => Some((text(model), text(mode), text(effort))),
            _ => None,
        })
    }

    fn pick<T>(&self, pick: impl Fn(&ProtocolSignal) -> Option<T>) -> Vec<T> {
        self.signals.iter().filter_map(pick).collect()
    }
}

fn now() -> Time {
    Time::from_secs(1_795_276_000)
}

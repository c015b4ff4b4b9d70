//! What the server tells by itself: events, of which those of this session and of its sub-agents count.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::asks::{self, Ask};
use super::codec::{SessionCodec, Why};
use super::faults;
use super::offers::ModelName;
use super::talk::From;
use crate::agent::protocol::{Signal, Step};
use crate::domain::run::{Activity, Outcome};
use crate::domain::{Body, Event, Key, Time};
use crate::stdx::text::first_chars;

/// An event, from the stream of all directories or of one.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, borrow)]
    properties: Option<&'a RawValue>,
    #[serde(default, borrow)]
    payload: Option<Box<Told<'a>>>,
}

impl SessionCodec {
    pub(super) fn told(&mut self, data: &[u8], now: Time, step: &mut Step) {
        // Most events are of other sessions, and an id is found sooner than JSON is parsed.
        let ours = self.session.iter().chain(&self.children);
        if !ours.into_iter().any(|id| memmem::find(data, id.as_bytes()).is_some()) {
            return;
        }
        let text = String::from_utf8_lossy(data);
        let Ok(told) = serde_json::from_str::<Told<'_>>(&text) else { return };
        let told = match told {
            Told { payload: Some(inner), .. } => *inner,
            told => told,
        };
        let properties: Value =
            told.properties.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        self.event(&told, &properties, now, step);
    }

    fn event(&mut self, told: &Told<'_>, properties: &Value, now: Time, step: &mut Step) {
        let session = properties["sessionID"].as_str().or_else(|| properties["info"]["id"].as_str());
        let own = session.is_some() && session == self.session.as_deref();
        let child = !own && self.children.iter().any(|id| session == Some(id));
        match told.kind.as_str() {
            "permission.asked" if own || child => self.ask(properties, false, now, step),
            "question.asked" if own || child => self.ask(properties, true, now, step),
            "permission.replied" | "question.replied" | "question.rejected" if own || child => {
                let id = properties["requestID"].as_str().or_else(|| properties["permissionID"].as_str());
                if let Some((id, _)) = id.and_then(|id| self.asks.remove_entry(id)) {
                    step.signals.push(Signal::ApprovalGone(id));
                }
            }
            "session.created" | "session.updated" if !own => self.maybe_child(&properties["info"]),
            "session.updated" if own => self.session_info(&properties["info"], step),
            _ if !own => {}
            "message.updated" => self.message(&properties["info"], now, step),
            "message.part.updated" => self.part(&properties["part"], From::Stream, step),
            "message.part.delta" => self.delta(properties, step),
            "session.status" => self.status(&properties["status"], step),
            "session.error" => self.failed(&properties["error"], now, step),
            "session.idle" => self.idle(step),
            // Told by parts already, or of no matter to a conversation.
            "session.created"
            | "session.deleted"
            | "session.diff"
            | "session.compacted"
            | "todo.updated"
            | "message.removed"
            | "message.part.removed"
            | "command.executed"
            | "sync" => {}
            kind => {
                let id = told.id.as_deref().unwrap_or(kind);
                let body = Body::Other(first_chars(&format!("{kind} {properties}"), 2000).to_owned());
                step.signals.push(Signal::Event(Event { key: Key::new(id, 0), time: Some(now), body }));
            }
        }
    }

    fn maybe_child(&mut self, info: &Value) {
        let parent = info["parentID"].as_str();
        let ours = parent.is_some() && (parent == self.session.as_deref() || self.is_child(parent));
        if let Some(id) = info["id"].as_str().filter(|id| ours && !self.is_child(Some(id))) {
            self.children.push(id.into());
        }
    }

    fn is_child(&self, id: Option<&str>) -> bool {
        self.children.iter().any(|child| Some(&**child) == id)
    }

    pub(super) fn ask(&mut self, asked: &Value, question: bool, now: Time, step: &mut Step) {
        let session = asked["sessionID"].as_str();
        if session.is_none() || session != self.session.as_deref() && !self.is_child(session) {
            return;
        }
        let approval = if question {
            asks::question(asked, now)
        } else {
            let tool = &asked["tool"];
            let call = self.talk.call(tool["messageID"].as_str().unwrap_or_default(), tool["callID"].as_str());
            asks::permission(asked, call, now)
        };
        let Some(approval) = approval else { return };
        let kind = if question { Ask::Question } else { Ask::Permission };
        if self.asks.insert(approval.id.clone(), kind).is_none() {
            step.signals.push(Signal::Approval(approval));
        }
    }

    pub(super) fn message(&mut self, info: &Value, now: Time, step: &mut Step) {
        let id = info["id"].as_str().unwrap_or_default();
        let user = info["role"] == "user";
        self.recognise(info, id, user, step);
        let mut events = Vec::new();
        self.talk.message(info, &mut events);
        step.signals.extend(events.into_iter().map(Signal::Event));
        if !user {
            self.reply(info, now, step);
        }
        if user && id > self.newest.as_str() {
            id.clone_into(&mut self.newest);
        }
    }

    /// Whether a message belongs to the open turn, which then has begun.
    fn recognise(&mut self, info: &Value, id: &str, user: bool, step: &mut Step) {
        let newest = &self.newest;
        let Some(turn) = &mut self.turn else { return };
        let opening = if user { Some(id) } else { info["parentID"].as_str() };
        let belongs = match &turn.message {
            Some(message) => opening == Some(message),
            // Of a turn that condenses, or that somebody else opened, the message is not known beforehand: it is one
            // that nobody has seen before, or the newest.
            None if user => id > newest.as_str(),
            None => turn.begun && opening == Some(newest),
        };
        if !belongs {
            return;
        }
        turn.message = opening.map(str::to_owned);
        turn.begin();
        turn.accepted = true;
        let abort = std::mem::take(&mut turn.abort_waits);
        self.accepted(step);
        if abort {
            self.abort(step);
        }
    }

    /// An answer's record: how far it is, by whom, and at what cost.
    fn reply(&mut self, info: &Value, now: Time, step: &mut Step) {
        self.answered_by(info, step);
        let over = info["time"]["completed"].is_number() || info["error"].is_object();
        let compacting = info["summary"] == true || info["mode"] == "compaction";
        let Some(turn) = &mut self.turn else { return };
        let parent = info["parentID"].as_str();
        if over && parent.is_some() && parent == turn.message.as_deref() {
            turn.answered = true;
            if info["error"].is_object() && turn.fault.is_none() {
                turn.fault = Some(faults::outcome(&info["error"], now));
            }
        }
        let compacting = compacting && !over;
        if turn.compacting != compacting {
            turn.compacting = compacting;
            let activity = if compacting { Activity::Compacting } else { Activity::Answering };
            step.signals.push(Signal::Activity(activity));
        }
    }

    /// Who answers, and how full that model's context is.
    fn answered_by(&mut self, info: &Value, step: &mut Step) {
        let Some(model) = ModelName::read(info) else { return };
        let tokens = &info["tokens"];
        let sum = ["/input", "/output", "/reasoning", "/cache/read", "/cache/write"]
            .iter()
            .filter_map(|path| tokens.pointer(path).and_then(Value::as_u64))
            .fold(0, u64::saturating_add);
        if let Some(size) = self.models.context(Some(&model)).filter(|_| sum > 0) {
            self.used(None, None, Some((sum, size)), step);
        }
        if self.in_use.as_ref() != Some(&model) {
            step.signals.push(Signal::Settings { model: Some(model.to_string().into()), mode: None, effort: None });
            self.in_use = Some(model);
        }
    }

    pub(super) fn part(&mut self, part: &Value, from: From, step: &mut Step) {
        let child = part["state"]["metadata"]["sessionId"].as_str().filter(|_| part["tool"] == "task");
        if let Some(child) = child.filter(|child| !self.is_child(Some(child))) {
            self.children.push(child.into());
        }
        let mut events = Vec::new();
        self.talk.part(part, from, &mut events);
        step.signals.extend(events.into_iter().map(Signal::Event));
    }

    fn delta(&mut self, properties: &Value, step: &mut Step) {
        let (Some(part), Some(more)) = (properties["partID"].as_str(), properties["delta"].as_str()) else { return };
        if properties["field"] != "text" {
            return;
        }
        self.answering(step);
        let mut events = Vec::new();
        self.talk.delta(part, more, &mut events);
        step.signals.extend(events.into_iter().map(Signal::Event));
    }

    fn status(&mut self, status: &Value, step: &mut Step) {
        match status["type"].as_str() {
            Some("busy") if self.turn.is_none() => self.others_turn(step),
            Some("retry") => {
                if self.turn.is_none() {
                    self.others_turn(step);
                }
                if let Some(turn) = &mut self.turn {
                    turn.retrying = true;
                }
                let attempt = status["attempt"].as_u64().and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or(1);
                let reason = status["message"].as_str().unwrap_or("the model did not answer").to_owned();
                let at = super::super::record::moment(status["next"].as_f64());
                step.signals.push(Signal::Activity(Activity::Retrying { attempt, at, reason }));
            }
            // `session.idle` ends a turn; "busy" is also said between two tries.
            _ => {}
        }
    }

    /// The model answers: it is not waiting to be asked again.
    fn answering(&mut self, step: &mut Step) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.retrying) {
            turn.retrying = false;
            step.signals.push(Signal::Activity(Activity::Answering));
        }
    }

    fn failed(&mut self, error: &Value, now: Time, step: &mut Step) {
        let turns = self.turns;
        // What stops a prompt is told twice, the second time with a stack of calls, and late enough to meet the next.
        let again = error["data"]["message"].as_str().is_some_and(|message| message.contains("\n    at "));
        if again && std::mem::take(&mut self.explained) {
            return;
        }
        self.explained = error["name"] == "UnknownError" && !again;
        let Some(turn) = &mut self.turn else { return };
        let outcome = faults::outcome(error, now);
        // The last turn's, late: what has not begun cannot have been interrupted.
        if self.stopped && outcome == Outcome::Interrupted && !turn.begun && !turn.interrupted {
            return;
        }
        turn.fault.get_or_insert(outcome);
        // A prompt that fails before anything comes of it is followed by no end at all.
        if !turn.begun && turn.accepted {
            self.ask_status(Why::Over(turns), step);
        }
    }

    /// The session fell idle: the turn is over, if this is about this turn. An interrupted one says so twice, the
    /// second time late enough to meet the next turn.
    fn idle(&mut self, step: &mut Step) {
        let turns = self.turns;
        let Some(turn) = &self.turn else { return };
        let ours = turn.begun && (turn.answered || turn.fault.is_some());
        if ours || turn.interrupted && turn.accepted {
            let outcome = turn.outcome();
            self.end_turn(outcome, step);
        } else if turn.accepted {
            self.ask_status(Why::Over(turns), step);
        }
    }
}

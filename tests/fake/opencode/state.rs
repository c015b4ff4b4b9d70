//! State of the scripted server: sessions, event streams and pending requests.

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub struct State {
    sessions: Mutex<BTreeMap<String, Arc<Session>>>,
    listeners: Mutex<Vec<Sender<Vec<u8>>>>,
    pending: Mutex<BTreeMap<String, PendingRequest>>,
    counter: AtomicU64,
    /// True if aborts have no effect.
    pub ignores_aborts: AtomicBool,
}

pub struct Session {
    pub id: String,
    pub directory: String,
    /// `[{info, parts}]`.
    messages: Mutex<Vec<Value>>,
    pub busy: AtomicBool,
    /// Prompts that joined the running turn: message and script of each.
    pub joined: Mutex<VecDeque<(Value, String)>>,
    pub aborted: AtomicBool,
    /// Serialises the turns.
    pub turn: Mutex<()>,
}

/// A permission or a question that waits for its answer.
struct PendingRequest {
    request: Value,
    answer: Sender<Value>,
}

impl State {
    pub fn new() -> Self {
        let state = Self {
            sessions: Mutex::default(),
            listeners: Mutex::default(),
            pending: Mutex::default(),
            counter: AtomicU64::default(),
            ignores_aborts: AtomicBool::default(),
        };
        let known = std::env::var("FAKE_SESSIONS").unwrap_or_default();
        for (id, directory) in known.split(',').filter_map(|pair| pair.split_once('=')) {
            state.insert(id.to_owned(), directory, Vec::new());
        }
        state
    }

    fn insert(&self, id: String, directory: &str, messages: Vec<Value>) -> Arc<Session> {
        let session = Arc::new(Session {
            id: id.clone(),
            directory: directory.to_owned(),
            messages: Mutex::new(messages),
            busy: AtomicBool::default(),
            joined: Mutex::default(),
            aborted: AtomicBool::default(),
            turn: Mutex::default(),
        });
        self.sessions.lock().expect("sessions").insert(id, session.clone());
        session
    }

    /// Generates an id in the real server's format.
    pub fn id(&self, prefix: &str) -> String {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        let time = (millis() * 0x1000 + counter % 0x1000) & 0xffff_ffff_ffff;
        format!("{prefix}_{time:012x}{counter:014}")
    }

    pub fn session(&self, id: &str) -> Option<Arc<Session>> {
        let known = self.sessions.lock().expect("sessions").get(id).cloned();
        known.or_else(|| {
            // Created by an earlier process: the real server keeps its sessions in a database.
            let stored = std::fs::read_to_string(stored_sessions()?).ok()?;
            let (_, directory) =
                stored.lines().filter_map(|line| line.split_once('=')).find(|(known, _)| *known == id)?;
            Some(self.insert(id.to_owned(), directory, Vec::new()))
        })
    }

    /// Creates a session, empty or as a copy.
    pub fn create(&self, directory: &str, of: Option<&Session>) -> Value {
        let messages = of.map(|session| session.messages.lock().expect("messages").clone()).unwrap_or_default();
        let session = self.insert(self.id("ses"), directory, messages);
        store(&session);
        self.send_event(
            &session.directory,
            "session.created",
            &json!({"sessionID": session.id, "info": session.info()}),
        );
        session.info()
    }

    pub fn busy(&self) -> Value {
        let sessions = self.sessions.lock().expect("sessions");
        let busy = sessions.values().filter(|session| session.busy.load(Ordering::SeqCst));
        Value::Object(busy.map(|session| (session.id.clone(), json!({"type": "busy"}))).collect())
    }

    /// Sends an event to all streams, twice, like the real server. 2.x sends it once.
    pub fn send_event(&self, directory: &str, kind: &str, properties: &Value) {
        if super::version_2().is_some() {
            let event =
                json!({"id": self.id("evt"), "type": kind, "location": {"directory": directory}, "data": properties});
            return self.send_bytes(format!("data: {event}\n\n").as_bytes());
        }
        let event = json!({"id": self.id("evt"), "type": kind, "properties": properties});
        let copy = json!({"type": "sync", "syncEvent": {"type": kind, "data": properties}});
        for payload in [event, copy] {
            self.send_bytes(format!("data: {}\n\n", json!({"directory": directory, "payload": payload})).as_bytes());
        }
    }

    /// Sends bytes to all streams.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.listeners.lock().expect("listeners").retain(|listener| listener.send(bytes.to_vec()).is_ok());
    }

    /// Closes all event streams.
    pub fn close_streams(&self) {
        self.listeners.lock().expect("listeners").clear();
    }

    pub fn stream_events(&self, mut stream: TcpStream) {
        let (sender, events) = mpsc::channel::<Vec<u8>>();
        // A client that has its response is subscribed already.
        self.listeners.lock().expect("listeners").push(sender);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let hello =
            "data: {\"type\":\"server.connected\",\"payload\":{\"type\":\"server.connected\",\"properties\":{}}}\n\n";
        if stream.write_all(format!("{head}{hello}").as_bytes()).is_err() {
            return;
        }
        loop {
            let bytes = match events.recv_timeout(Duration::from_secs(10)) {
                Ok(bytes) => bytes,
                Err(mpsc::RecvTimeoutError::Timeout) => b": still here\n\n".to_vec(),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    }

    /// Sends a request and waits for the answer. `None`: the turn was aborted.
    pub fn request(&self, session: &Session, kind: &str, request: &Value) -> Option<Value> {
        let (answer, answered) = mpsc::channel();
        let id = request["id"].as_str().unwrap_or_default().to_owned();
        self.pending.lock().expect("pending requests").insert(id, PendingRequest { request: request.clone(), answer });
        self.send_event(&session.directory, kind, request);
        loop {
            match answered.recv_timeout(Duration::from_millis(5)) {
                Ok(answer) => return Some(answer),
                Err(_) if session.aborted.load(Ordering::SeqCst) => return None,
                Err(_) => {}
            }
        }
    }

    pub fn pending_requests(&self, prefix: &str) -> Value {
        let pending = self.pending.lock().expect("pending requests");
        pending.iter().filter(|(id, _)| id.starts_with(prefix)).map(|(_, pending)| pending.request.clone()).collect()
    }

    /// Requests of a session.
    pub fn requests_of(&self, session: &str, prefix: &str) -> Value {
        let pending = self.pending_requests(prefix);
        pending.as_array().into_iter().flatten().filter(|request| request["sessionID"] == session).cloned().collect()
    }

    pub fn reply(&self, id: &str, verb: &str, body: &Value) -> (u16, Value) {
        let Some(pending) = self.pending.lock().expect("pending requests").remove(id) else {
            return (404, json!({"name": "NotFoundError", "data": {"message": "no such request"}}));
        };
        let session = &pending.request["sessionID"];
        let directory = session.as_str().and_then(|id| self.session(id)).map(|session| session.directory.clone());
        let kind = match (&id[..3], verb, super::version_2().is_some()) {
            ("per", _, false) => "permission.replied",
            ("per", _, true) => "permission.v2.replied",
            ("frm", "cancel", _) => "form.cancelled",
            ("frm", ..) => "form.replied",
            (_, "reject", false) => "question.rejected",
            (_, "reject", true) => "question.v2.rejected",
            (_, _, false) => "question.replied",
            (_, _, true) => "question.v2.replied",
        };
        let properties = json!({"sessionID": session, "requestID": id, "reply": body["reply"]});
        self.send_event(&directory.unwrap_or_default(), kind, &properties);
        // The turn may have been aborted.
        pending.answer.send(json!({"word": verb, "body": body})).ok();
        (200, json!(true))
    }
}

impl Session {
    pub fn info(&self) -> Value {
        json!({"id": self.id, "directory": self.directory, "title": "A session", "version": "1.18.33",
            "cost": 0.25, "tokens": {"input": 10, "output": 5, "reasoning": 1, "cache": {"read": 2, "write": 3}}})
    }

    /// Adds or replaces a message of 2.x.
    pub fn put_row(&self, row: &Value) {
        let mut messages = self.messages.lock().expect("messages");
        match messages.iter_mut().find(|message| message["id"] == row["id"]) {
            Some(message) => *message = row.clone(),
            None => messages.push(row.clone()),
        }
    }

    pub fn messages(&self) -> Value {
        Value::Array(self.messages.lock().expect("messages").clone())
    }

    /// Returns the next prompt that joined the running turn. Without one, no further prompt can join it.
    pub fn next_joined(&self) -> Option<(Value, String)> {
        let mut joined = self.joined.lock().expect("prompts");
        let next = joined.pop_front();
        self.busy.store(next.is_some(), Ordering::SeqCst);
        next
    }

    /// Adds or replaces a message's record.
    pub fn put_message(&self, info: &Value) {
        let mut messages = self.messages.lock().expect("messages");
        match messages.iter_mut().find(|message| message["info"]["id"] == info["id"]) {
            Some(message) => message["info"] = info.clone(),
            None => messages.push(json!({"info": info, "parts": []})),
        }
    }

    /// Adds or replaces a part.
    pub fn put_part(&self, part: &Value) {
        let mut messages = self.messages.lock().expect("messages");
        let message = messages.iter_mut().find(|message| message["info"]["id"] == part["messageID"]);
        let parts = message.and_then(|message| message["parts"].as_array_mut()).expect("its message");
        match parts.iter_mut().find(|other| other["id"] == part["id"]) {
            Some(other) => *other = part.clone(),
            None => parts.push(part.clone()),
        }
    }

    pub fn abort(&self, state: &State) {
        if state.ignores_aborts.load(Ordering::SeqCst) {
            return;
        }
        if self.busy.load(Ordering::SeqCst) {
            self.aborted.store(true, Ordering::SeqCst);
            let error = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
            state.send_event(&self.directory, "session.error", &json!({"sessionID": self.id, "error": error}));
        }
        // The real server sends this here, and again when the turn has ended.
        state.send_event(&self.directory, "session.idle", &json!({"sessionID": self.id}));
    }
}

/// File of the sessions of all processes of a test.
fn stored_sessions() -> Option<PathBuf> {
    std::env::var_os("FAKE_LOG").map(|log| Path::new(&log).with_extension("sessions"))
}

/// Stores a session for later processes, before it is reported.
fn store(session: &Session) {
    let Some(path) = stored_sessions() else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    let line = format!("{}={}\n", session.id, session.directory);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the sessions");
}

/// Milliseconds since 1970.
pub fn millis() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
    u64::try_from(time).expect("not that far ahead")
}

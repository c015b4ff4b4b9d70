//! What the scripted server knows: sessions, who listens, and what waits for an answer.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The server.
pub struct State {
    sessions: Mutex<BTreeMap<String, Arc<Session>>>,
    listeners: Mutex<Vec<Sender<Vec<u8>>>>,
    asks: Mutex<BTreeMap<String, Ask>>,
    counter: AtomicU64,
    /// An abort is not heeded.
    pub deaf: AtomicBool,
}

/// A conversation.
pub struct Session {
    pub id: String,
    pub directory: String,
    /// `[{info, parts}]`.
    messages: Mutex<Vec<Value>>,
    pub busy: AtomicBool,
    pub aborted: AtomicBool,
    /// One turn after the other.
    pub turn: Mutex<()>,
}

/// A permission or a question that waits.
struct Ask {
    asked: Value,
    answer: Sender<Value>,
}

impl State {
    pub fn new() -> Self {
        let state = Self {
            sessions: Mutex::default(),
            listeners: Mutex::default(),
            asks: Mutex::default(),
            counter: AtomicU64::default(),
            deaf: AtomicBool::default(),
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
            aborted: AtomicBool::default(),
            turn: Mutex::default(),
        });
        self.sessions.lock().expect("sessions").insert(id, session.clone());
        session
    }

    /// An id as the real program makes them.
    pub fn id(&self, prefix: &str) -> String {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        let time = (millis() * 0x1000 + counter % 0x1000) & 0xffff_ffff_ffff;
        format!("{prefix}_{time:012x}{counter:014}")
    }

    pub fn session(&self, id: &str) -> Option<Arc<Session>> {
        self.sessions.lock().expect("sessions").get(id).cloned()
    }

    /// A new session, empty or a copy.
    pub fn create(&self, directory: &str, of: Option<&Session>) -> Value {
        let messages = of.map(|session| session.messages.lock().expect("messages").clone()).unwrap_or_default();
        let session = self.insert(self.id("ses"), directory, messages);
        self.tell(&session.directory, "session.created", &json!({"sessionID": session.id, "info": session.info()}));
        session.info()
    }

    pub fn busy(&self) -> Value {
        let sessions = self.sessions.lock().expect("sessions");
        let busy = sessions.values().filter(|session| session.busy.load(Ordering::SeqCst));
        Value::Object(busy.map(|session| (session.id.clone(), json!({"type": "busy"}))).collect())
    }

    /// Sends an event to all who listen, twice, as the real program does.
    pub fn tell(&self, directory: &str, kind: &str, properties: &Value) {
        let event = json!({"id": self.id("evt"), "type": kind, "properties": properties});
        let copy = json!({"type": "sync", "syncEvent": {"type": kind, "data": properties}});
        for payload in [event, copy] {
            self.say(format!("data: {}\n\n", json!({"directory": directory, "payload": payload})).as_bytes());
        }
    }

    /// Sends bytes to all who listen.
    pub fn say(&self, bytes: &[u8]) {
        self.listeners.lock().expect("listeners").retain(|listener| listener.send(bytes.to_vec()).is_ok());
    }

    /// Closes all streams of events.
    pub fn hang_up(&self) {
        self.listeners.lock().expect("listeners").clear();
    }

    pub fn stream_events(&self, mut stream: TcpStream) {
        let (sender, events) = mpsc::channel::<Vec<u8>>();
        // Who is answered is listening already.
        self.listeners.lock().expect("listeners").push(sender);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let hello = "data: {\"payload\":{\"type\":\"server.connected\",\"properties\":{}}}\n\n";
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

    /// Asks, and waits for the answer. `None`: the turn was aborted.
    pub fn wait_for(&self, session: &Session, kind: &str, asked: &Value) -> Option<Value> {
        let (answer, answered) = mpsc::channel();
        let id = asked["id"].as_str().unwrap_or_default().to_owned();
        self.asks.lock().expect("asks").insert(id, Ask { asked: asked.clone(), answer });
        self.tell(&session.directory, kind, asked);
        loop {
            match answered.recv_timeout(Duration::from_millis(5)) {
                Ok(answer) => return Some(answer),
                Err(_) if session.aborted.load(Ordering::SeqCst) => return None,
                Err(_) => {}
            }
        }
    }

    pub fn open_asks(&self, prefix: &str) -> Value {
        let asks = self.asks.lock().expect("asks");
        asks.iter().filter(|(id, _)| id.starts_with(prefix)).map(|(_, ask)| ask.asked.clone()).collect()
    }

    pub fn reply(&self, id: &str, word: &str, body: &Value) -> (u16, Value) {
        let Some(ask) = self.asks.lock().expect("asks").remove(id) else {
            return (404, json!({"name": "NotFoundError", "data": {"message": "no such request"}}));
        };
        let session = &ask.asked["sessionID"];
        let directory = session.as_str().and_then(|id| self.session(id)).map(|session| session.directory.clone());
        let kind = match (id.starts_with("per_"), word) {
            (true, _) => "permission.replied",
            (false, "reject") => "question.rejected",
            (false, _) => "question.replied",
        };
        let properties = json!({"sessionID": session, "requestID": id, "reply": body["reply"]});
        self.tell(&directory.unwrap_or_default(), kind, &properties);
        // The turn may have been aborted.
        ask.answer.send(json!({"word": word, "body": body})).ok();
        (200, json!(true))
    }
}

impl Session {
    pub fn info(&self) -> Value {
        json!({"id": self.id, "directory": self.directory, "title": "A session", "version": "1.18.33",
            "cost": 0.25, "tokens": {"input": 10, "output": 5, "reasoning": 1, "cache": {"read": 2, "write": 3}}})
    }

    pub fn messages(&self) -> Value {
        Value::Array(self.messages.lock().expect("messages").clone())
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
        if state.deaf.load(Ordering::SeqCst) {
            return;
        }
        if self.busy.load(Ordering::SeqCst) {
            self.aborted.store(true, Ordering::SeqCst);
            let error = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
            state.tell(&self.directory, "session.error", &json!({"sessionID": self.id, "error": error}));
        }
        // The real one says so here, and again when the turn has noticed.
        state.tell(&self.directory, "session.idle", &json!({"sessionID": self.id}));
    }
}

/// Milliseconds since 1970.
pub fn millis() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
    u64::try_from(time).expect("not that far ahead")
}

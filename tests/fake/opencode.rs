//! The scripted agent as `opencode serve`: a small HTTP/1.1 server with server-sent events.
//!
//! `FAKE_SESSIONS` (`id=directory`, separated by commas) lists sessions that exist at the start. `FAKE_CONTROL` names a
//! file whose content, `hang` or `fail`, applies to each request for the list of models. `FAKE_VERSION` beginning with `2.`
//! makes it a server with the interface of that version only ([`api`]); at its end, `page` makes it serve its web page at
//! unknown paths, `early` makes it the interface as 1.18 has it, and `other` leaves only the path of its version.

mod api;
mod api_turn;
mod http;
mod state;
mod turn;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::http::{Request, encode};
use self::state::State;

/// Serves until the process is killed.
pub fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let state = Arc::new(State::new());
    let name = if version_2().is_some() { "server" } else { "opencode server" };
    println!("{name} listening on http://{address}");
    std::io::stdout().flush().expect("stdout");
    for stream in listener.incoming().flatten() {
        let state = state.clone();
        std::thread::spawn(move || serve(stream, &state));
    }
}

fn serve(mut stream: TcpStream, state: &Arc<State>) {
    let Some(request) = http::read(&mut stream) else { return };
    let password = std::env::var("OPENCODE_SERVER_PASSWORD").unwrap_or_default();
    if !password.is_empty() && request.authorisation != format!("Basic {}", encode(&format!("opencode:{password}"))) {
        return http::answer(&mut stream, 401, "", "");
    }
    crate::log::write(&json!({
        "request": format!("{} {}", request.method, request.path),
        "directory": request.directory,
        "body": request.body,
    }));
    if request.path == "/global/event" || version_2().is_some() && request.path == "/api/event" {
        return state.stream_events(stream);
    }
    let (status, body) = respond(&request, state);
    if status == 204 {
        http::answer(&mut stream, status, "", "");
    } else if body.is_null() {
        http::answer(&mut stream, 200, "text/html", "<!doctype html><html></html>");
    } else {
        http::answer(&mut stream, status, "application/json", &body.to_string());
    }
}

/// Response: status and body. Null for an unknown route, where the real server returns its web page.
fn respond(request: &Request, state: &Arc<State>) -> (u16, Value) {
    let path = request.path.split('?').next().unwrap_or_default();
    if let Some(version) = version_2() {
        // None of the paths of 1.x is left. Unknown paths are errors, or the web page.
        let unknown =
            || if version.ends_with("page") { (200, Value::Null) } else { (404, json!({"_tag": "NotFound"})) };
        return api::respond(request, path, &version, state).unwrap_or_else(unknown);
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["global", "health"]) => (200, json!({"healthy": true, "version": "1.18.33"})),
        ("GET", ["config", "providers"]) => models(),
        ("GET", ["agent"]) => (
            200,
            json!([
                {"name": "build", "mode": "primary"},
                {"name": "general", "mode": "subagent"},
                {"name": "plan", "mode": "primary"},
                {"name": "title", "mode": "primary", "hidden": true},
            ]),
        ),
        ("GET", ["command"]) => {
            (200, json!([{"name": "review", "description": "review changes", "template": "Review $ARGUMENTS"}]))
        }
        ("POST", ["session"]) => (200, state.create(&request.directory, None)),
        ("GET", ["session", "status"]) => (200, state.busy()),
        ("GET", ["permission"]) => (200, state.pending_requests("per_")),
        ("GET", ["question"]) => (200, state.pending_requests("que_")),
        ("POST", ["permission" | "question", id, verb]) => state.reply(id, verb, &request.body),
        (method, ["session", id, rest @ ..]) => of_session(method, id, rest, request, state),
        _ => (200, Value::Null),
    }
}

fn of_session(method: &str, id: &str, rest: &[&str], request: &Request, state: &Arc<State>) -> (u16, Value) {
    let Some(session) = state.session(id) else {
        return (404, json!({"name": "NotFoundError", "data": {"message": format!("Session not found: {id}")}}));
    };
    match (method, rest) {
        ("GET" | "PATCH", []) => (200, session.info()),
        ("GET", ["message"]) => (200, session.messages()),
        ("POST", ["revert" | "unrevert"]) => (200, session.info()),
        ("POST", ["fork"]) => (200, state.create(&session.directory, Some(&session))),
        ("POST", ["abort"]) => {
            session.abort(state);
            (200, json!(true))
        }
        ("POST", ["prompt_async"]) => {
            if !turn::join(state, &session, &request.body) {
                turn::prompt(state, &session, &request.body);
            }
            (204, json!({}))
        }
        ("POST", ["command"]) => {
            turn::prompt(state, &session, &request.body).join().expect("the turn");
            (200, json!({"info": {}, "parts": []}))
        }
        ("POST", ["summarize"]) => {
            turn::compact(state, &session, &request.body).join().expect("the turn");
            (200, json!(true))
        }
        _ => (200, Value::Null),
    }
}

/// Version, if it is 2.x.
fn version_2() -> Option<String> {
    std::env::var("FAKE_VERSION").ok().filter(|version| version.starts_with("2."))
}

fn models() -> (u16, Value) {
    let control = std::env::var("FAKE_CONTROL").ok().and_then(|path| std::fs::read_to_string(path).ok());
    match control.as_deref().map(str::trim) {
        Some("hang") => std::thread::sleep(Duration::from_hours(1)),
        Some("fail") => return (500, json!({"name": "UnknownError", "data": {"message": "told to fail"}})),
        _ => {}
    }
    let model = |name: &str| json!({"name": name, "limit": {"context": 200_000, "output": 8000}, "variants": {"low": {}, "high": {}}});
    let lab = json!({"id": "lab", "name": "Lab", "options": {"apiKey": "sk-secret"},
        "models": {"big": model("Big"), "family/small": model("Small")}});
    (200, json!({"providers": [lab], "default": {"lab": "big"}}))
}

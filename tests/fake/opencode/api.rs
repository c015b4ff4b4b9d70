//! The scripted server with the interface of 2.x, `/api`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::api_turn;
use super::http::Request;
use super::state::{Session, State};

/// Response: status and body. `None` for an unknown route.
pub fn respond(request: &Request, path: &str, version: &str, state: &Arc<State>) -> Option<(u16, Value)> {
    if version.ends_with("other") {
        let health = json!({"healthy": true, "version": version});
        return (path == "/api/health").then_some((200, health));
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let listed = |list: Value| (200, json!({"location": {"directory": "/"}, "data": list}));
    let model = |id: &str, name: &str| {
        json!({"id": id, "providerID": "lab", "name": name, "enabled": true, "limit": {"context": 200_000},
            "variants": [{"id": "low"}, {"id": "high"}], "request": {"body": {"apiKey": "sk-secret"}}})
    };
    Some(match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["api", "info"]) => (200, json!({"version": version, "pid": std::process::id(), "urls": []})),
        ("GET", ["api", "model"]) => listed(json!([model("big", "Big"), model("family/small", "Small")])),
        ("GET", ["api", "agent"]) => listed(json!([
            {"id": "build", "mode": "primary", "hidden": false},
            {"id": "general", "mode": "subagent", "hidden": false},
            {"id": "plan", "mode": "primary", "hidden": false},
        ])),
        ("GET", ["api", "command"]) => listed(json!([{"name": "review", "description": "review changes"}])),
        ("POST", ["api", "session"]) => {
            let directory = request.body["location"]["directory"].as_str().unwrap_or("/").to_owned();
            let created = state.create(&directory, None);
            let session = state.session(created["id"].as_str().expect("an id")).expect("the session");
            (200, json!({"data": info(&session)}))
        }
        ("GET", ["api", "session", "active"]) => (200, json!({"data": running(&state.busy())})),
        (method, ["api", "session", id, rest @ ..]) => return of_session(method, id, rest, request, version, state),
        _ => return None,
    })
}

fn running(busy: &Value) -> Value {
    let ids = busy.as_object().into_iter().flatten().map(|(id, _)| (id.clone(), json!({"type": "running"})));
    Value::Object(ids.collect())
}

fn of_session(
    method: &str,
    id: &str,
    rest: &[&str],
    request: &Request,
    version: &str,
    state: &Arc<State>,
) -> Option<(u16, Value)> {
    let Some(session) = state.session(id) else {
        let error =
            json!({"_tag": "SessionNotFoundError", "sessionID": id, "message": format!("Session not found: {id}")});
        return Some((404, error));
    };
    let done = (204, json!({}));
    Some(match (method, rest) {
        ("GET", []) => (200, json!({"data": info(&session)})),
        ("PATCH", []) | ("POST", ["model" | "agent"]) | ("DELETE", ["revert"]) => done,
        ("POST", ["revert", "stage"]) => (200, json!({"data": {"messageID": request.body["messageID"]}})),
        ("GET", ["message"]) => {
            let mut rows = session.messages();
            rows.as_array_mut().expect("a list").reverse();
            (200, json!({"data": rows, "cursor": {}}))
        }
        ("GET", ["permission"]) => (200, json!({"data": state.requests_of(id, "per_")})),
        ("GET", ["question"]) => (200, json!({"data": state.requests_of(id, "que_")})),
        ("GET", ["form"]) => (200, json!({"data": state.requests_of(id, "frm_")})),
        ("POST", ["permission" | "question" | "form", id, verb]) => {
            let (status, answer) = state.reply(id, verb, &request.body);
            if status == 200 { done } else { (status, answer) }
        }
        ("POST", ["prompt"]) => api_turn::prompt(state, &session, &request.body, version.ends_with("early")),
        ("POST", ["interrupt"]) => {
            let interrupted = session.busy.load(Ordering::SeqCst);
            session.aborted.fetch_or(interrupted, Ordering::SeqCst);
            if version.ends_with("early") { done } else { (200, json!({"interrupted": interrupted})) }
        }
        ("POST", ["fork"]) if !version.ends_with("early") => {
            let copy = state.create(&session.directory, Some(&session));
            let copy = state.session(copy["id"].as_str().expect("an id")).expect("the copy");
            (200, json!({"data": info(&copy)}))
        }
        ("POST", ["compact"]) => {
            let error = json!({"_tag": "ServiceUnavailableError", "message": "Session compact is not available yet"});
            (503, error)
        }
        ("POST", ["command"]) => {
            let text = format!("say {} of {}", request.body["name"].as_str()?, request.body["text"].as_str()?);
            api_turn::prompt(
                state,
                &session,
                &json!({"text": text, "prompt": {"text": text}}),
                version.ends_with("early"),
            );
            done
        }
        _ => return None,
    })
}

fn info(session: &Session) -> Value {
    json!({"id": session.id, "projectID": "global", "title": "A session", "location": {"directory": session.directory},
        "cost": 0.25, "tokens": {"input": 10, "output": 5, "reasoning": 1, "cache": {"read": 2, "write": 3}},
        "time": {"created": 1, "updated": 2}})
}

//! What the model says, scripted by words in the last prompt: `RUN touch x` calls the shell tool once with the rest of
//! the line, then answers; `SLOW` makes the answer one that takes its time. Knows the requests of
//! all dialects.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// What it says, where the prompt asks for nothing else.
pub const ANSWER: &str = "Forty-two, on the seventh day.";

/// What it says to an agent that keeps house, which mostly wants a title.
pub const TITLE: &str = "Counting on the seventh";

/// How a slow answer begins.
pub const SLOWLY: &str = "Slowly, then:";

/// Words of a slow answer, and the wait before each: longer than any test takes to interrupt it.
const WORDS: usize = 240;
const PAUSE: Duration = Duration::from_millis(250);

/// What a model answers to a request.
pub enum Reply {
    /// Text, in pieces that come one after another.
    Text {
        /// The pieces.
        pieces: Vec<String>,
        /// The wait before each but the first.
        pause: Duration,
    },
    /// A call of one of the tools that were offered.
    Call {
        /// The tool.
        name: String,
        /// Its input.
        input: Value,
    },
}

/// What a request asks for.
pub fn reply(request: &Value) -> Reply {
    let talk = Talk::of(request);
    // Without tools, an agent keeps house: it wants a title, or to know whether the model answers.
    let Some(shell) = shell(request) else { return text(vec![TITLE.to_owned()], Duration::ZERO) };
    match talk.prompt.split_once("RUN ") {
        Some((_, rest)) if !talk.called => {
            let line = rest.lines().next().unwrap_or_default().trim();
            Reply::Call { input: shell.input(line), name: shell.name }
        }
        _ if talk.prompt.contains("SLOW") => {
            let words = (1..=WORDS).map(|word| format!(" {word}"));
            text(std::iter::once(SLOWLY.to_owned()).chain(words).collect(), PAUSE)
        }
        _ => text(vec![ANSWER.to_owned()], Duration::ZERO),
    }
}

fn text(pieces: Vec<String>, pause: Duration) -> Reply {
    Reply::Text { pieces, pause }
}

/// The last prompt of a request, empty where it keeps house.
pub fn prompt(request: &Value) -> String {
    if shell(request).is_some() { Talk::of(request).prompt } else { String::new() }
}

/// Where a conversation stands.
struct Talk {
    prompt: String,
    /// A tool has answered since the prompt.
    called: bool,
}

impl Talk {
    fn of(request: &Value) -> Self {
        let mut talk = Self { prompt: String::new(), called: false };
        for message in ["messages", "input", "contents"].iter().flat_map(|list| list_of(&request[*list])) {
            match (message["role"].as_str(), message["type"].as_str()) {
                (Some("tool"), _) | (_, Some("function_call_output" | "custom_tool_call_output")) => talk.called = true,
                (Some("user"), _) if message["parts"].is_array() => talk.hear(&message["parts"]),
                (Some("user"), _) => talk.hear(&message["content"]),
                _ => {}
            }
        }
        talk
    }

    /// A user's message. An agent's own additions to it are not what the user said.
    fn hear(&mut self, content: &Value) {
        let whole = content.as_str().into_iter();
        let blocks = list_of(content).iter().filter_map(|block| {
            self.called |= block["type"] == "tool_result" || block["functionResponse"].is_object();
            block["text"].as_str()
        });
        let said = whole.chain(blocks).filter(|text| !text.trim_start().starts_with('<')).last();
        if let Some(said) = said.map(str::trim).filter(|said| !said.is_empty()) {
            *self = Self { prompt: said.to_owned(), called: false };
        }
    }
}

/// The tool that runs a line in a shell.
struct Shell {
    name: String,
    properties: Map<String, Value>,
}

fn shell(request: &Value) -> Option<Shell> {
    let tools = list_of(&request["tools"]).iter().flat_map(|tool| match list_of(&tool["functionDeclarations"]) {
        [] => std::slice::from_ref(tool),
        declared => declared,
    });
    tools.into_iter().find_map(|tool| {
        let tool = tool.get("function").unwrap_or(tool);
        let name = tool["name"].as_str()?;
        let known = matches!(name, "Bash" | "bash" | "shell" | "shell_command" | "exec_command" | "run_shell_command");
        let schema = ["input_schema", "parameters", "parametersJsonSchema"].iter().find_map(|name| tool.get(*name))?;
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        known.then(|| Shell { name: name.to_owned(), properties })
    })
}

impl Shell {
    fn input(&self, line: &str) -> Value {
        let mut input = match self.properties.get("command") {
            Some(command) if command["type"] == "array" => json!({"command": ["sh", "-c", line]}),
            Some(_) => json!({"command": line}),
            None => json!({"cmd": line}),
        };
        if self.properties.contains_key("description") {
            input["description"] = "What was asked for".into();
        }
        input
    }
}

fn list_of(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

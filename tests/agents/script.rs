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
    // An agent may put a prompt that was not answered before the next one.
    let asked = talk.prompt.lines().last().unwrap_or_default();
    match asked.split_once("RUN ") {
        Some((_, rest)) if !talk.called => {
            let line = rest.lines().next().unwrap_or_default().trim();
            Reply::Call { input: shell.input(line), name: shell.name }
        }
        _ if asked.contains("SLOW") => {
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
    let prompt = if shell(request).is_some() { Talk::of(request).prompt } else { String::new() };
    // Qwen Code keeps house with its tools.
    if prompt.starts_with("Managed memory") { String::new() } else { prompt }
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
        let said = whole.chain(blocks).map(without_markup).filter(|said| !said.is_empty()).last();
        // goose says the prompt again after a call, with what it adds.
        if let Some(said) = said.filter(|said| *said != self.prompt) {
            *self = Self { prompt: said.to_owned(), called: false };
        }
    }
}

/// A prompt without an agent's own additions before and after it, such as `<reminder>…</reminder>`.
fn without_markup(text: &str) -> &str {
    let text = text.trim();
    let before = text.strip_suffix('>').and_then(|rest| {
        let (_, name) = rest.rsplit_once("</")?;
        text.rsplit_once(&format!("<{name}>"))
    });
    match before {
        Some((before, _)) => without_markup(before),
        None if text.starts_with('<') => {
            let rest = text.rsplit_once("</").and_then(|(_, end)| end.split_once('>'));
            rest.map_or("", |(_, rest)| rest.trim())
        }
        None => text,
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
        let own = name.rsplit("__").next().unwrap_or(name);
        let known = matches!(own, "Bash" | "bash" | "shell" | "shell_command" | "exec_command" | "run_shell_command");
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

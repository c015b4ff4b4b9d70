//! Questions that want more than yes or no: of Codex's own tool, and of MCP servers, whose answers follow a schema.

use serde_json::{Map, Value, json};

use crate::domain::approval::Question;
use crate::domain::transcript::Action;

/// A list of questions and the shape in which their answers are wanted.
#[derive(Clone, Debug)]
pub struct Form {
    whose: Whose,
    fields: Vec<Field>,
    /// What is asked altogether.
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Tool,
    Server,
}

/// One question.
#[derive(Clone, Debug)]
struct Field {
    name: String,
    text: String,
    /// What a person reads, and the value that it stands for.
    options: Vec<(String, Value)>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Boolean,
    List,
}

impl Form {
    /// The questions of `request_user_input`.
    pub fn of_tool(params: &Value) -> Self {
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let field = |question: &Value| {
            let options = question["options"].as_array().into_iter().flatten();
            let options = options.map(|option| (text(option, "label"), option["label"].clone()));
            Field {
                name: text(question, "id"),
                text: text(question, "question"),
                options: options.collect(),
                kind: Kind::Text,
            }
        };
        let fields: Vec<Field> = params["questions"].as_array().into_iter().flatten().map(field).collect();
        let message = fields.iter().map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ");
        Self { whose: Whose::Tool, fields, message }
    }

    /// What an MCP server asks. An address to open has no questions, only that it was opened.
    pub fn of_elicitation(params: &Value) -> Self {
        let asked = &params["requestedSchema"];
        let schema = asked["properties"].as_object();
        let fields = schema.into_iter().flatten().map(|(name, schema)| property(name, schema)).collect();
        let message = ["message", "title"].iter().find_map(|name| params[*name].as_str()).unwrap_or_default();
        let message = match params["url"].as_str() {
            Some(url) => format!("{message}\n{url}"),
            None => message.to_owned(),
        };
        Self { whose: Whose::Server, fields, message }
    }

    /// What is asked, for people.
    pub fn questions(&self) -> Vec<Question> {
        let question = |field: &Field| Question {
            text: field.text.clone(),
            options: field.options.iter().map(|(label, _)| label.clone()).collect(),
            multiple: field.kind == Kind::List,
        };
        self.fields.iter().map(question).collect()
    }

    /// What the question does, in agent-neutral terms.
    pub fn action(&self) -> Action {
        Action::Question { question: self.message.clone() }
    }

    /// The result that carries answers, in the order of the questions.
    pub fn result(&self, answers: &[Vec<String>]) -> Value {
        let given = self.fields.iter().zip(answers);
        match self.whose {
            Whose::Tool => {
                let given = given.map(|(field, chosen)| (field.name.clone(), json!({"answers": chosen})));
                json!({"answers": given.collect::<Map<_, _>>()})
            }
            Whose::Server => {
                let given = given.filter_map(|(field, chosen)| Some((field.name.clone(), field.value(chosen)?)));
                json!({"action": "accept", "content": given.collect::<Map<_, _>>(), "_meta": null})
            }
        }
    }

    /// The result that gives no answer.
    pub fn refused(&self) -> Value {
        match self.whose {
            Whose::Tool => json!({"answers": {}}),
            Whose::Server => json!({"action": "decline", "content": null, "_meta": null}),
        }
    }

    /// The result that gives none and ends the turn, where there is such a one.
    pub fn cancelled(&self) -> Value {
        match self.whose {
            Whose::Tool => self.refused(),
            Whose::Server => json!({"action": "cancel", "content": null, "_meta": null}),
        }
    }
}

impl Field {
    /// An answer in the type that the schema wants; what cannot be in it is left as it was typed, and nothing is left out.
    fn value(&self, chosen: &[String]) -> Option<Value> {
        let meant = |answer: &String| {
            let option = self.options.iter().find(|(label, _)| label == answer);
            option.map_or_else(|| json!(answer), |(_, value)| value.clone())
        };
        if self.kind == Kind::List {
            return Some(Value::Array(chosen.iter().map(meant).collect()));
        }
        let first = chosen.first().filter(|answer| !answer.is_empty())?;
        Some(match self.kind {
            Kind::Number => first.trim().parse::<serde_json::Number>().map_or_else(|_| json!(first), Value::Number),
            Kind::Boolean => match first.trim().to_ascii_lowercase().as_str() {
                "yes" | "y" | "true" | "1" => json!(true),
                "no" | "n" | "false" | "0" => json!(false),
                _ => json!(first),
            },
            Kind::Text | Kind::List => meant(first),
        })
    }
}

/// A property of a schema as a question.
fn property(name: &str, schema: &Value) -> Field {
    let kind = match schema["type"].as_str() {
        Some("boolean") => Kind::Boolean,
        Some("number" | "integer") => Kind::Number,
        Some("array") => Kind::List,
        _ => Kind::Text,
    };
    let options = match kind {
        Kind::Boolean => vec![("Yes".to_owned(), json!(true)), ("No".to_owned(), json!(false))],
        Kind::List => options(&schema["items"]),
        Kind::Number | Kind::Text => options(schema),
    };
    let title = schema["title"].as_str().unwrap_or(name);
    let text = match schema["description"].as_str() {
        Some(description) => format!("{title}: {description}"),
        None => title.to_owned(),
    };
    Field { name: name.to_owned(), text, options, kind }
}

/// The values that a schema allows, with their titles.
fn options(schema: &Value) -> Vec<(String, Value)> {
    let titled = ["oneOf", "anyOf"].iter().find_map(|name| schema[*name].as_array());
    if let Some(list) = titled {
        let option = |option: &Value| {
            let value = option["const"].clone();
            let label = option["title"].as_str().or_else(|| option["const"].as_str())?.to_owned();
            Some((label, value))
        };
        return list.iter().filter_map(option).collect();
    }
    let names = schema["enumNames"].as_array();
    let values = schema["enum"].as_array().into_iter().flatten().enumerate();
    let option = |(at, value): (usize, &Value)| {
        let label = names.and_then(|names| names.get(at)?.as_str()).or_else(|| value.as_str())?;
        Some((label.to_owned(), value.clone()))
    };
    values.filter_map(option).collect()
}

//! Forms: questions of Codex's own tool, and of MCP servers, whose answers follow a JSON schema.

use serde_json::{Map, Value, json};

use crate::domain::approval::{ApprovalQuestion, QuestionOption};
use crate::domain::transcript::ToolAction;

/// Questions, and the format of their answers.
#[derive(Clone, Debug)]
pub(super) struct QuestionForm {
    origin: FormOrigin,
    fields: Vec<Field>,
    /// Text for all questions together.
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormOrigin {
    Tool,
    Server,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    text: String,
    /// Options, with the value of each.
    options: Vec<(QuestionOption, Value)>,
    field_type: FieldType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldType {
    Text,
    Number,
    Boolean,
    List,
}

impl QuestionForm {
    /// Questions of `request_user_input`.
    pub(super) fn from_tool(params: &Value) -> Self {
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let field = |question: &Value| {
            let options = question["options"].as_array().into_iter().flatten();
            let option = |option: &Value| {
                let shown = QuestionOption { label: text(option, "label"), description: text(option, "description") };
                (shown, option["label"].clone())
            };
            let options = options.map(option);
            Field {
                name: text(question, "id"),
                text: text(question, "question"),
                options: options.collect(),
                field_type: FieldType::Text,
            }
        };
        let fields: Vec<Field> = params["questions"].as_array().into_iter().flatten().map(field).collect();
        let message = fields.iter().map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ");
        Self { origin: FormOrigin::Tool, fields, message }
    }

    /// Questions of an MCP server. A request to open a URL has no questions.
    pub(super) fn from_elicitation(params: &Value) -> Self {
        let schema = &params["requestedSchema"];
        let properties = schema["properties"].as_object();
        let fields = properties.into_iter().flatten().map(|(name, schema)| property(name, schema)).collect();
        let message = ["message", "title"].iter().find_map(|name| params[*name].as_str()).unwrap_or_default();
        let message = match params["url"].as_str() {
            Some(url) => format!("{message}\n{url}"),
            None => message.to_owned(),
        };
        Self { origin: FormOrigin::Server, fields, message }
    }

    pub(super) fn questions(&self) -> Vec<ApprovalQuestion> {
        let question = |field: &Field| ApprovalQuestion {
            text: field.text.clone(),
            options: field.options.iter().map(|(option, _)| option.clone()).collect(),
            multiple: field.field_type == FieldType::List,
        };
        self.fields.iter().map(question).collect()
    }

    pub(super) fn action(&self) -> ToolAction {
        ToolAction::Question { question: self.message.clone(), answer: None }
    }

    /// Result with answers, in the order of the questions.
    pub(super) fn result(&self, answers: &[Vec<String>]) -> Value {
        let answered = self.fields.iter().zip(answers);
        match self.origin {
            FormOrigin::Tool => {
                let answered = answered.map(|(field, chosen)| (field.name.clone(), json!({"answers": chosen})));
                json!({"answers": answered.collect::<Map<_, _>>()})
            }
            FormOrigin::Server => {
                let answered = answered.filter_map(|(field, chosen)| Some((field.name.clone(), field.value(chosen)?)));
                json!({"action": "accept", "content": answered.collect::<Map<_, _>>(), "_meta": null})
            }
        }
    }

    /// Result without answers.
    pub(super) fn decline(&self) -> Value {
        match self.origin {
            FormOrigin::Tool => json!({"answers": {}}),
            FormOrigin::Server => json!({"action": "decline", "content": null, "_meta": null}),
        }
    }

    /// Result without answers that also ends the turn, if the origin supports it.
    pub(super) fn cancel(&self) -> Value {
        match self.origin {
            FormOrigin::Tool => self.decline(),
            FormOrigin::Server => json!({"action": "cancel", "content": null, "_meta": null}),
        }
    }
}

impl Field {
    /// Converts an answer to the type of the schema. Text that does not convert is sent as typed, so that no answer is
    /// lost.
    fn value(&self, chosen: &[String]) -> Option<Value> {
        let option_value = |answer: &String| {
            let option = self.options.iter().find(|(option, _)| option.label == *answer);
            option.map_or_else(|| json!(answer), |(_, value)| value.clone())
        };
        if self.field_type == FieldType::List {
            return Some(Value::Array(chosen.iter().map(option_value).collect()));
        }
        let first = chosen.first().filter(|answer| !answer.is_empty())?;
        Some(match self.field_type {
            FieldType::Number => {
                first.trim().parse::<serde_json::Number>().map_or_else(|_| json!(first), Value::Number)
            }
            FieldType::Boolean => match first.trim().to_ascii_lowercase().as_str() {
                "yes" | "y" | "true" | "1" => json!(true),
                "no" | "n" | "false" | "0" => json!(false),
                _ => json!(first),
            },
            FieldType::Text | FieldType::List => option_value(first),
        })
    }
}

/// Converts a property of a schema to a question.
fn property(name: &str, schema: &Value) -> Field {
    let field_type = match schema["type"].as_str() {
        Some("boolean") => FieldType::Boolean,
        Some("number" | "integer") => FieldType::Number,
        Some("array") => FieldType::List,
        _ => FieldType::Text,
    };
    let options = match field_type {
        FieldType::Boolean => {
            vec![(QuestionOption::plain("Yes"), json!(true)), (QuestionOption::plain("No"), json!(false))]
        }
        FieldType::List => options(&schema["items"]),
        FieldType::Number | FieldType::Text => options(schema),
    };
    let title = schema["title"].as_str().unwrap_or(name);
    let text = match schema["description"].as_str() {
        Some(description) => format!("{title}: {description}"),
        None => title.to_owned(),
    };
    Field { name: name.to_owned(), text, options, field_type }
}

/// Values that a schema allows, with their titles.
fn options(schema: &Value) -> Vec<(QuestionOption, Value)> {
    let titled = ["oneOf", "anyOf"].iter().find_map(|name| schema[*name].as_array());
    if let Some(list) = titled {
        let option = |option: &Value| {
            let value = option["const"].clone();
            let label = option["title"].as_str().or_else(|| option["const"].as_str())?.to_owned();
            let description = option["description"].as_str().unwrap_or_default().to_owned();
            Some((QuestionOption { label, description }, value))
        };
        return list.iter().filter_map(option).collect();
    }
    let names = schema["enumNames"].as_array();
    let values = schema["enum"].as_array().into_iter().flatten().enumerate();
    let option = |(at, value): (usize, &Value)| {
        let label = names.and_then(|names| names.get(at)?.as_str()).or_else(|| value.as_str())?;
        Some((QuestionOption::plain(label), value.clone()))
    };
    values.filter_map(option).collect()
}

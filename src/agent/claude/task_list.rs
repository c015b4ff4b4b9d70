//! Task list of a session: each call creates or changes one task, so that the list exists in no record as a whole.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::domain::Entry;
use crate::domain::run::SessionTask;
use crate::domain::transcript::{PlanItem, PlanStatus, ToolStatus};

/// Maximum tasks, because the list is part of each published state.
const MAX_TASKS: usize = 200;

/// Names of the tools that create and change a task.
const CHANGES: [&str; 2] = ["TaskCreate", "TaskUpdate"];

/// True for the name of a tool that creates or changes a task.
pub(super) fn is_change(name: &[u8]) -> bool {
    CHANGES.iter().any(|change| change.as_bytes() == name)
}

/// Folds stored calls in order. Returns the index of the last one that succeeded, with the tasks after it and their ids.
pub(super) fn fold(calls: &[Entry]) -> Option<(usize, Vec<SessionTask>)> {
    let (mut list, mut shown) = (TaskList::default(), None);
    for (at, entry) in calls.iter().enumerate() {
        let Some(tool) = entry.tool.as_deref().filter(|tool| is_change(tool.name.as_bytes())) else { continue };
        list.called(&tool.id, &tool.name, &tool.input);
        let result = created(&tool.output).map_or(Value::Null, |id| json!({"task": {"id": id}}));
        if list.ended(&tool.id, tool.status == ToolStatus::Done, &result).is_some() {
            shown = Some((at, list.tasks.clone()));
        }
    }
    shown.filter(|(_, items)| !items.is_empty())
}

/// Id in the text of a result: `Task #1 created successfully: …`.
fn created(output: &str) -> Option<&str> {
    let id = output.strip_prefix("Task #")?.split_ascii_whitespace().next()?;
    Some(id.trim_end_matches(':'))
}

/// Tasks of the session, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct TaskList {
    /// Calls without a result: true for a new task, and the input.
    calls: HashMap<String, (bool, Value)>,
    /// Tasks with their ids.
    tasks: Vec<SessionTask>,
}

impl TaskList {
    /// Creates the list that earlier processes of the session left.
    pub(super) fn new(tasks: Vec<SessionTask>) -> Self {
        Self { calls: HashMap::new(), tasks }
    }

    /// Records a call.
    pub(super) fn called(&mut self, id: &str, name: &str, input: &Value) {
        if is_change(name.as_bytes()) {
            self.calls.insert(id.to_owned(), (name == CHANGES[0], input.clone()));
        }
    }

    /// Applies the result of a call. Returns the list if it changed: a call that failed changes nothing.
    pub(super) fn ended(&mut self, id: &str, succeeded: bool, result: &Value) -> Option<Vec<PlanItem>> {
        let (is_new, input) = self.calls.remove(id).filter(|_| succeeded)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if is_new {
            let task = &result["task"];
            let id = text(&task["id"]).unwrap_or_else(|| (self.tasks.len() + 1).to_string());
            let subject = text(&task["subject"]).or_else(|| text(&input["subject"])).unwrap_or_default();
            self.task(&id)?.text = subject;
        } else {
            let id = text(&input["taskId"])?;
            if input["status"] == "deleted" {
                self.tasks.retain(|(known, _)| *known != id);
            } else {
                let task = self.task(&id)?;
                task.status = status(&input["status"]).unwrap_or(task.status);
                task.text = text(&input["subject"]).unwrap_or(std::mem::take(&mut task.text));
            }
        }
        Some(self.tasks.iter().map(|(_, item)| item.clone()).collect())
    }

    /// Returns the task with an id; a new one if nothing is known about its creation.
    fn task(&mut self, id: &str) -> Option<&mut PlanItem> {
        let known = self.tasks.iter().position(|(known, _)| known == id);
        if known.is_none() && self.tasks.len() < MAX_TASKS {
            self.tasks.push((id.to_owned(), PlanItem { text: format!("#{id}"), status: PlanStatus::Pending }));
        }
        let at = known.unwrap_or(self.tasks.len().saturating_sub(1));
        self.tasks.get_mut(at).filter(|(known, _)| known == id).map(|(_, item)| item)
    }
}

fn status(name: &Value) -> Option<PlanStatus> {
    match name.as_str()? {
        "pending" => Some(PlanStatus::Pending),
        "in_progress" => Some(PlanStatus::Active),
        "completed" => Some(PlanStatus::Done),
        "cancelled" => Some(PlanStatus::Cancelled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: Option<Vec<PlanItem>>) -> Vec<String> {
        let line = |item: PlanItem| format!("{} {}", item.status.mark(), item.text);
        items.expect("a change").into_iter().map(line).collect()
    }

    #[test]
    fn updates_tick_one_list() {
        let mut tasks = TaskList::default();
        for (call, subject) in [("a", "Write"), ("b", "Test")] {
            tasks.called(call, "TaskCreate", &json!({"subject": subject}));
        }
        tasks.ended("a", true, &json!({"task": {"id": "1", "subject": "Write"}}));
        assert_eq!(
            list(tasks.ended("b", true, &json!({"task": {"id": "2", "subject": "Test"}}))),
            ["[ ] Write", "[ ] Test"]
        );
        tasks.called("c", "TaskUpdate", &json!({"taskId": "1", "status": "completed"}));
        assert_eq!(list(tasks.ended("c", true, &json!({}))), ["[x] Write", "[ ] Test"]);
        tasks.called("d", "TaskUpdate", &json!({"taskId": "2", "status": "completed"}));
        assert_eq!(tasks.ended("d", false, &json!({})), None, "a failed call changes nothing");
        tasks.called("e", "TaskUpdate", &json!({"taskId": "1", "status": "deleted"}));
        assert_eq!(list(tasks.ended("e", true, &json!({}))), ["[ ] Test"]);
        tasks.called("f", "TaskUpdate", &json!({"taskId": "9", "status": "in_progress"}));
        assert_eq!(list(tasks.ended("f", true, &json!({}))), ["[ ] Test", "[~] #9"], "nothing is known about it");
    }
}

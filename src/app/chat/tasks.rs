//! The task list of a chat: open items of the agent's plan, background tasks and sub-agents, and its keys.

use std::sync::Arc;

use super::{Chat, ChatFocus};
use crate::app::ctx::Ctx;
use crate::app::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::app::quit;
use crate::app::runs::RunTable;
use crate::config::key::{Key, KeyCode};
use crate::domain::run::{BackgroundTask, RunInfo, SubagentProgress};
use crate::domain::tool::{PlanItem, PlanStatus};

/// Row of the list.
#[derive(Clone, Copy, Debug)]
pub enum TaskRow<'a> {
    /// Open item of the plan.
    Item(&'a PlanItem),
    /// Running sub-agent, with its index in the state of the run.
    Subagent(usize, &'a SubagentProgress),
    /// Background task.
    Background(&'a BackgroundTask),
}

impl Chat {
    /// Returns the plan: of the run, else the last one in the transcript, from before the run.
    pub fn plan<'a>(&'a self, info: &'a RunInfo) -> &'a [PlanItem] {
        if info.plan.is_empty() { self.reader.latest_plan() } else { &info.plan }
    }

    /// Returns the rows in the order of their importance: work in progress, then what follows.
    pub fn task_rows<'a>(&'a self, info: &'a RunInfo) -> Vec<TaskRow<'a>> {
        let plan = self.plan(info);
        let with = |status| plan.iter().filter(move |item| item.status == status).map(TaskRow::Item);
        let subagents = info.subagents.iter().enumerate().map(|(at, subagent)| TaskRow::Subagent(at, subagent));
        let open = with(PlanStatus::Active).chain(subagents).chain(info.tasks.iter().map(TaskRow::Background));
        open.chain(with(PlanStatus::Pending)).collect()
    }

    /// Returns the selected row. `None` while the list does not have the keys.
    pub fn selected_task(&self, rows: usize) -> Option<usize> {
        match self.focus {
            ChatFocus::Tasks(at) => rows.checked_sub(1).map(|last| at.min(last)),
            ChatFocus::Composer | ChatFocus::Transcript | ChatFocus::Queue(_) => None,
        }
    }

    /// Shows the list, gives it the keys, or hides it.
    pub(super) fn next_task_view(&mut self, runs: &RunTable) {
        let can_select = |row: &TaskRow<'_>| matches!(row, TaskRow::Subagent(..) | TaskRow::Background(_));
        let first = self.info(runs).and_then(|info| self.task_rows(info).iter().position(can_select));
        match (self.hides_tasks, self.focus, first) {
            (true, ..) => self.hides_tasks = false,
            (false, ChatFocus::Composer | ChatFocus::Transcript | ChatFocus::Queue(_), Some(first)) => {
                self.focus = ChatFocus::Tasks(first);
            }
            (false, ..) => {
                self.hides_tasks = true;
                if matches!(self.focus, ChatFocus::Tasks(_)) {
                    self.focus = ChatFocus::Composer;
                }
            }
        }
    }

    /// Handles a key in the list. `None` if the list does not take it.
    pub(super) fn key_in_tasks(&mut self, key: Key, ctx: &mut Ctx) -> Option<Flow> {
        let rows = self.task_rows(self.info(ctx.runs)?).len();
        let at = self.selected_task(rows)?;
        let is_plain = !(key.alt || key.ctrl || key.shift);
        match key.code {
            KeyCode::Up | KeyCode::Char('k') if is_plain => self.focus = ChatFocus::Tasks(at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') if is_plain => {
                self.focus = ChatFocus::Tasks((at + 1).min(rows.saturating_sub(1)));
            }
            KeyCode::Enter if is_plain => return Some(self.open_task(at, ctx)),
            KeyCode::Char('x') | KeyCode::Delete if is_plain => return Some(self.stop_task(at, ctx)),
            _ if key.typed().is_some() => {}
            _ => return None,
        }
        Some(Flow::Stay)
    }

    /// Opens the session of the sub-agent in a row.
    fn open_task(&self, row: usize, ctx: &mut Ctx) -> Flow {
        let rows = self.info(ctx.runs).map(|info| self.task_rows(info)).unwrap_or_default();
        let Some(TaskRow::Subagent(_, subagent)) = rows.get(row) else { return Flow::Stay };
        let session = self.session_of(subagent, ctx);
        if session.is_none() {
            ctx.notices.info("The sub-agent has written nothing yet");
        }
        session.map_or(Flow::Stay, Flow::Open)
    }

    /// Asks whether to stop the background task in a row.
    fn stop_task(&self, row: usize, ctx: &mut Ctx) -> Flow {
        let Some(info) = self.info(ctx.runs) else { return Flow::Stay };
        let rows = self.task_rows(info);
        let Some(TaskRow::Background(task)) = rows.get(row) else {
            ctx.notices.info("Only background tasks can be stopped separately");
            return Flow::Stay;
        };
        let outcome = DialogOutcome::StopTask(info.id.clone(), Arc::clone(&task.id));
        let choices = vec![
            DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel },
            DialogChoice { label: "Stop the task".to_owned(), outcome },
        ];
        let text = vec![quit::short_description(task)];
        Flow::Push(Layer::Dialog(Dialog { title: "Stop a background task".to_owned(), text, choices, selected: 0 }))
    }
}

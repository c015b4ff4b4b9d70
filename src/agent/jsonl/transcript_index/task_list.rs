//! The task list of a transcript whose calls each create or change one task: the last call that succeeded shows it.

use super::TranscriptIndex;
use crate::domain::run::SessionTask;
use crate::domain::transcript::plan_text;
use crate::domain::{Entry, EntryKind};

/// Lines with calls that change the task list, and the list after the last one.
#[derive(Debug, Default)]
pub(super) struct TaskLines {
    /// Indices of the lines, ascending.
    pub lines: Vec<u32>,
    list: TaskListState,
}

/// Task list of the shown branch.
#[derive(Clone, Debug, Default)]
enum TaskListState {
    /// Not needed so far.
    #[default]
    Unread,
    /// Read; `None` if no call shows a list.
    Read(Option<TaskListMark>),
}

/// Mark of the call that shows a task list, with the tasks.
pub(super) type TaskListMark = (u32, Vec<SessionTask>);

impl TaskLines {
    /// Forgets the list after lines were added, or another branch was chosen.
    pub(super) fn invalidate(&mut self) {
        self.list = TaskListState::Unread;
    }
}

impl TranscriptIndex {
    /// Returns the task list of the shown branch, with the mark of the call that shows it.
    pub(super) fn task_list(&mut self) -> Option<TaskListMark> {
        if self.tasks.lines.is_empty() {
            return None;
        }
        if let TaskListState::Read(list) = &self.tasks.list {
            return list.clone();
        }
        let list = self.read_task_list();
        self.tasks.list = TaskListState::Read(list.clone());
        list
    }

    fn read_task_list(&mut self) -> Option<TaskListMark> {
        let marks = self.tasks.lines.iter().flat_map(|&line| self.marks_of(line as usize));
        let is_shown = |mark: &u32| self.marks[*mark as usize].tool != 0 && self.shown.binary_search(mark).is_ok();
        let calls: Vec<u32> = marks.filter(is_shown).collect();
        // A line that cannot be read is reported when its entry is.
        let entries = self.decode(&calls).ok()?.into_entries();
        let (last, items) = self.dialect.task_list(&entries)?;
        let key = entries.get(last)?.key;
        let mark = calls.into_iter().rev().find(|&mark| self.marks[mark as usize].key == key)?;
        Some((mark, items))
    }
}

/// Shows the task list in the entry of a call.
pub(super) fn show(entry: &mut Entry, tasks: &[SessionTask]) {
    let items: Vec<_> = tasks.iter().map(|(_, item)| item.clone()).collect();
    entry.kind = EntryKind::Plan;
    entry.text = plan_text(&items);
    entry.plan = items;
}

//! The queue of approvals: the shown approval, draft answers, and the keys that answer.
//!
//! An approval can disappear at any time, and another can take its place on the screen. A key therefore answers only an
//! approval that was visible when it was pressed, for at least [`MIN_VISIBLE_MS`].

mod full_view;
mod keys;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Effect;
use super::line_editor::LineEditor;
use super::msg::ApprovalFeedback;
use super::runs::RunTable;
use super::scroll::Scroll;
pub use super::ticket::ApprovalId;
use super::ticket::Timer;
use crate::domain::approval::{Approval, ChoiceKind};
use crate::domain::run::{RunId, RunInfo};
use crate::domain::tool::ChangeContext;

/// Minimum time on the screen in ms before a key answers an approval, because the key may have been meant for something
/// else.
pub const MIN_VISIBLE_MS: u32 = 400;

/// Set of runs whose approvals are considered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalScope {
    /// All runs.
    All,
    /// One run.
    Run(RunId),
}

/// Approval that waits for the user.
#[derive(Clone, Copy, Debug)]
pub struct PendingApproval<'a> {
    /// The run.
    pub info: &'a Arc<RunInfo>,
    /// The approval.
    pub approval: &'a Approval,
}

impl PendingApproval<'_> {
    /// Returns the id.
    pub fn id(&self) -> ApprovalId {
        ApprovalId { run: self.info.id.clone(), id: self.approval.id.clone() }
    }
}

/// Row with a possible answer. The first nine have a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalRow {
    /// Option of the current question.
    Option(usize),
    /// Free text.
    Other,
    /// Index in [`Approval::choices`].
    Choice(usize),
    /// Allow all approvals that are shown together, each once.
    AllowTogether,
    /// Return to one approval after the other.
    Separately,
}

/// Text input beside an approval, which determines the keys that the approval takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputBeside {
    /// A composer with text, which takes plain keys.
    Text,
    /// An empty composer.
    Empty,
    /// None: the transcript or the queue has the focus.
    None,
}

/// Draft of an answer, and the view state of the approval.
#[derive(Clone, Debug, Default)]
pub struct AnswerDraft {
    /// Answers to earlier questions.
    pub answers: Vec<Vec<String>>,
    /// Picked options of the current question.
    pub picked: BTreeSet<usize>,
    /// Free text for the current question.
    pub other: Option<String>,
    /// Row selected with the arrow keys.
    pub at: Option<usize>,
    /// True if the request is shown on the whole screen.
    pub unfolded: bool,
    /// Similar approvals that are shown together with this one, to be allowed at once.
    pub together: Vec<ApprovalId>,
    /// Scroll position of the text.
    pub scroll: Scroll,
}

/// Text field of an approval.
#[derive(Clone, Debug)]
pub struct AnswerField {
    /// The approval. If it disappears, the field keeps the keys until it is closed, so that none of them answers
    /// another approval.
    pub approval: ApprovalId,
    /// Purpose of the text.
    pub purpose: FieldPurpose,
    /// The text.
    pub input: LineEditor,
}

/// Purpose of a text field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldPurpose {
    /// Reason for a denial, with its index in [`Approval::choices`].
    Reason(usize),
    /// Free-text answer.
    Other,
}

/// The approval on the screen.
#[derive(Debug)]
struct VisibleApproval {
    approval: ApprovalId,
    question: usize,
    answerable: bool,
    /// True if it replaced another approval.
    replaced: bool,
}

/// The queue of approvals.
#[derive(Debug, Default)]
pub struct ApprovalQueue {
    selected: Option<ApprovalId>,
    answered: BTreeSet<ApprovalId>,
    dismissed: BTreeSet<ApprovalId>,
    drafts: BTreeMap<ApprovalId, AnswerDraft>,
    field: Option<AnswerField>,
    visible: Option<VisibleApproval>,
    contexts: BTreeMap<ApprovalId, Vec<Vec<Option<ChangeContext>>>>,
}

impl ApprovalQueue {
    /// Returns the pending approvals, oldest first.
    pub fn pending<'r>(&self, runs: &'r RunTable, scope: &ApprovalScope) -> Vec<PendingApproval<'r>> {
        let in_scope = |info: &&Arc<RunInfo>| match scope {
            ApprovalScope::All => true,
            ApprovalScope::Run(run) => info.id == *run,
        };
        let all = runs
            .iter()
            .filter(in_scope)
            .flat_map(|info| info.approvals.iter().map(move |approval| PendingApproval { info, approval }));
        let mut pending: Vec<_> = all.filter(|pending| !self.answered.contains(&pending.id())).collect();
        pending.sort_by_key(|pending| (pending.approval.since.is_none(), pending.approval.since));
        pending
    }

    /// Returns the approval to show: the selected one, else the oldest. With its index and the number of pending
    /// approvals.
    pub fn current<'r>(
        &self,
        runs: &'r RunTable,
        scope: &ApprovalScope,
    ) -> Option<(PendingApproval<'r>, usize, usize)> {
        let pending = self.pending(runs, scope);
        let selected = pending.iter().position(|pending| Some(pending.id()) == self.selected);
        let at = selected.unwrap_or(0);
        pending.get(at).map(|found| (*found, at, pending.len()))
    }

    /// Returns the approval that the user selected.
    pub fn selected(&self) -> Option<&ApprovalId> {
        self.selected.as_ref()
    }

    /// Returns true if the approval was visible for long enough to be answered.
    pub fn is_answerable(&self, id: &ApprovalId) -> bool {
        self.visible.as_ref().is_some_and(|shown| shown.approval == *id && shown.answerable)
    }

    /// Hides an item that needs no answer.
    pub fn dismiss(&mut self, id: ApprovalId) {
        self.dismissed.insert(id);
    }

    /// Returns true if the item was hidden.
    pub fn is_dismissed(&self, id: &ApprovalId) -> bool {
        self.dismissed.contains(id)
    }

    /// Returns the draft of an answer.
    pub fn draft(&self, id: &ApprovalId) -> AnswerDraft {
        self.drafts.get(id).cloned().unwrap_or_default()
    }

    /// Returns the open text field, which receives all keys.
    pub fn field(&self) -> Option<&AnswerField> {
        self.field.as_ref()
    }

    /// Selects an approval. A selected approval is answerable at once.
    pub fn select(&mut self, id: ApprovalId) {
        let question = self.question_index(&id);
        self.visible = Some(VisibleApproval { approval: id.clone(), question, answerable: true, replaced: false });
        self.selected = Some(id);
    }

    /// Selects an approval before it is shown. It is answerable once it was visible for long enough.
    pub fn prefer(&mut self, id: ApprovalId) {
        self.selected = Some(id);
    }

    /// Applies the layout results of the last frame.
    pub fn apply_layout(&mut self, layout: Option<&ApprovalFeedback>) -> Vec<Effect> {
        let Some(layout) = layout else {
            self.visible = None;
            return Vec::new();
        };
        if let Some(draft) = self.drafts.get_mut(&layout.approval) {
            draft.scroll.fit(layout.rows, layout.len);
        }
        let ApprovalFeedback { approval: id, question, .. } = layout.clone();
        if self.visible.as_ref().is_some_and(|shown| shown.approval == id && shown.question == question) {
            return Vec::new();
        }
        let replaced = self.visible.is_some();
        self.visible = Some(VisibleApproval { approval: id.clone(), question, answerable: false, replaced });
        vec![Effect::StartTimer(Timer::ApprovalVisible(id, question), MIN_VISIBLE_MS)]
    }

    /// Handles an elapsed timer.
    pub fn timer_elapsed(&mut self, timer: &Timer) {
        match timer {
            Timer::ApprovalVisible(id, question) => {
                let shown = self.visible.as_mut();
                if let Some(shown) = shown.filter(|shown| shown.approval == *id && shown.question == *question) {
                    shown.answerable = true;
                }
            }
            Timer::AnswerTimeout(id) => drop(self.answered.remove(id)),
        }
    }

    /// Drops state of approvals that are gone. An open text field stays until it is closed.
    pub fn refresh(&mut self, runs: &RunTable) {
        let waits = |id: &ApprovalId| is_pending(runs, id);
        self.answered.retain(waits);
        self.dismissed.retain(|id| runs.get(&id.run).is_some());
        self.drafts.retain(|id, _| waits(id));
        self.contexts.retain(|id, _| waits(id));
        self.selected.take_if(|id| !waits(id));
    }

    /// Returns the possible answers, in the order of the digits.
    pub fn rows(approval: &Approval, draft: &AnswerDraft) -> Vec<ApprovalRow> {
        let options = approval.questions.get(draft.answers.len()).map_or(0, |question| question.options.len());
        if !draft.together.is_empty() {
            return vec![ApprovalRow::AllowTogether, ApprovalRow::Separately];
        }
        let mut rows: Vec<_> = (0..options).map(ApprovalRow::Option).collect();
        if approval.questions.is_empty() {
            rows.extend((0..approval.choices.len()).map(ApprovalRow::Choice));
            return rows;
        }
        rows.push(ApprovalRow::Other);
        // A question is answered by its options; of the choices only the denials apply.
        let denials = approval.choices.iter().enumerate().filter(|(_, choice)| is_denial(choice.kind));
        rows.extend(denials.map(|(at, _)| ApprovalRow::Choice(at)));
        rows
    }

    /// Returns the index of the question to answer next.
    fn question_index(&self, id: &ApprovalId) -> usize {
        self.drafts.get(id).map_or(0, |draft| draft.answers.len())
    }

    fn draft_mut(&mut self, pending: &PendingApproval) -> &mut AnswerDraft {
        self.drafts.entry(pending.id()).or_default()
    }
}

/// Returns true if an approval is still pending.
pub fn is_pending(runs: &RunTable, id: &ApprovalId) -> bool {
    runs.get(&id.run).is_some_and(|info| info.approvals.iter().any(|approval| approval.id == id.id))
}

/// Returns true if a choice denies.
pub fn is_denial(kind: ChoiceKind) -> bool {
    match kind {
        ChoiceKind::Deny | ChoiceKind::DenyAndStop => true,
        ChoiceKind::AllowOnce | ChoiceKind::AllowAlways => false,
    }
}

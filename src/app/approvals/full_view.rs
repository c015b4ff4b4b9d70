//! The full view of an approval, alone or together with similar ones that are allowed at once.

use super::{ApprovalId, ApprovalQueue, ApprovalScope, PendingApproval, VisibleApproval};
use crate::app::Effect;
use crate::app::msg::{ApprovalFeedback, Timer};
use crate::app::runs::RunTable;
use crate::domain::approval::{Approval, ApprovalAnswer, ApprovalChoice, ChoiceKind};
use crate::domain::tool::{ChangeContext, ToolAction};

/// Maximum size of requests that are allowed together, because all of them must be readable.
const MAX_TOGETHER_BYTES: usize = 64 << 10;
const MAX_TOGETHER_LINES: usize = 2_000;

impl ApprovalQueue {
    /// Returns true if the current approval is shown on the whole screen.
    pub fn is_unfolded(&self, runs: &RunTable, scope: &ApprovalScope) -> bool {
        let current = self.current(runs, scope);
        current.is_some_and(|(pending, ..)| self.drafts.get(&pending.id()).is_some_and(|draft| draft.unfolded))
    }

    /// Returns the label of what Enter does with the current approval, as it was drawn; `None` if it does nothing.
    pub fn enter_label(
        &self,
        runs: &RunTable,
        scope: &ApprovalScope,
        drawn: Option<&ApprovalFeedback>,
    ) -> Option<&'static str> {
        let (pending, ..) = self.current(runs, scope)?;
        let draft = self.draft(&pending.id());
        let question = pending.approval.questions.get(draft.answers.len());
        let picks = question.is_some_and(|question| question.multiple);
        match draft.at {
            _ if picks && !(draft.picked.is_empty() && draft.other.is_none()) => Some("confirm"),
            Some(_) => Some("choose"),
            None if question.is_some() => None,
            None if draft.unfolded => Some("fold"),
            // Edits get their places in the files.
            None => {
                let is_cut = drawn.is_some_and(|drawn| drawn.approval == pending.id() && drawn.is_cut);
                let has_more = is_cut || matches!(pending.approval.action, ToolAction::Edit(_));
                has_more.then_some("show all")
            }
        }
    }

    /// Scrolls the full view. Returns false if it is not shown.
    pub fn wheel(&mut self, lines: i32, runs: &RunTable, scope: &ApprovalScope) -> bool {
        let id = self.current(runs, scope).map(|(pending, ..)| pending.id());
        let draft = id.and_then(|id| self.drafts.get_mut(&id)).filter(|draft| draft.unfolded);
        draft.map(|draft| draft.scroll.by(isize::try_from(lines).unwrap_or_default())).is_some()
    }

    /// Returns the approvals that are shown: the current one, or those that are shown together.
    pub fn shown_together<'r>(&self, runs: &'r RunTable, pending: &PendingApproval<'r>) -> Vec<PendingApproval<'r>> {
        let together = self.drafts.get(&pending.id()).map_or(&[][..], |draft| &draft.together);
        if together.is_empty() {
            return vec![*pending];
        }
        let scope = ApprovalScope::Run(pending.info.id.clone());
        let mut shown = self.pending(runs, &scope);
        shown.retain(|other| together.contains(&other.id()));
        shown
    }

    /// Returns the number of approvals that can be allowed together with this one, itself included; 0 if it can only be
    /// answered alone.
    pub fn similar(&self, runs: &RunTable, pending: &PendingApproval) -> usize {
        let count = self.similar_to(runs, pending).len();
        if count > 1 { count } else { 0 }
    }

    /// Shows or leaves the full view.
    pub(super) fn toggle_full(&mut self, pending: &PendingApproval) -> Vec<Effect> {
        let id = pending.id();
        let draft = self.draft_mut(pending);
        (draft.unfolded, draft.scroll.top) = (!draft.unfolded, 0);
        if !draft.unfolded && !draft.together.is_empty() {
            draft.together.clear();
            draft.at = None;
            return self.replaced(&id);
        }
        let has_context = draft.unfolded && matches!(pending.approval.action, ToolAction::Edit(_));
        has_context.then_some(Effect::LoadChangeContext(id)).into_iter().collect()
    }

    /// Stores the places of an approval's changes in their files.
    pub fn set_contexts(&mut self, id: ApprovalId, contexts: Vec<Vec<Option<ChangeContext>>>) {
        self.contexts.insert(id, contexts);
    }

    /// Returns the places of an approval's changes in their files: per file, and per replaced text. Empty if unknown.
    pub fn contexts(&self, id: &ApprovalId) -> &[Vec<Option<ChangeContext>>] {
        self.contexts.get(id).map_or(&[], Vec::as_slice)
    }

    /// Shows similar approvals together. `None` if there are none.
    pub(super) fn show_together(&mut self, pending: &PendingApproval, runs: &RunTable) -> Option<Vec<Effect>> {
        let similar = self.similar_to(runs, pending);
        let texts: Vec<String> = similar.iter().map(|other| other.approval.text()).collect();
        let bytes: usize = texts.iter().map(String::len).sum();
        let lines: usize = texts.iter().map(|text| text.lines().count()).sum();
        if similar.len() < 2 || bytes > MAX_TOGETHER_BYTES || lines > MAX_TOGETHER_LINES {
            return None;
        }
        let together = similar.iter().map(PendingApproval::id).collect();
        let draft = self.draft_mut(pending);
        (draft.together, draft.unfolded, draft.at, draft.scroll.top) = (together, true, None, 0);
        Some(self.replaced(&pending.id()))
    }

    /// Allows the approvals that are shown together, each once.
    pub(super) fn allow_together(&mut self, pending: &PendingApproval, runs: &RunTable) -> Vec<Effect> {
        let shown = self.shown_together(runs, pending);
        let allow = |other: &PendingApproval| Some((other.id(), allow_once(other.approval)?.token.clone()));
        let allowed: Vec<_> = shown.iter().filter_map(allow).collect();
        let answers = allowed.into_iter().map(|(id, token)| (id, ApprovalAnswer::Choice { token, reason: None }));
        answers.flat_map(|(id, answer)| self.send(id, answer)).collect()
    }

    fn similar_to<'r>(&self, runs: &'r RunTable, pending: &PendingApproval<'r>) -> Vec<PendingApproval<'r>> {
        if !is_simple(pending.approval) {
            return Vec::new();
        }
        let mut similar = self.pending(runs, &ApprovalScope::Run(pending.info.id.clone()));
        similar.retain(|other| other.approval.tool == pending.approval.tool && is_simple(other.approval));
        similar
    }

    /// Records that the choices on the screen were replaced: a key that was meant for the previous ones is ignored.
    fn replaced(&mut self, id: &ApprovalId) -> Vec<Effect> {
        let question = self.question_index(id);
        self.visible = Some(VisibleApproval { approval: id.clone(), question, answerable: false, replaced: true });
        vec![Effect::StartTimer(Timer::ApprovalVisible(id.clone(), question), super::MIN_VISIBLE_MS)]
    }
}

/// Returns true for a permission that can be allowed once.
fn is_simple(approval: &Approval) -> bool {
    approval.questions.is_empty() && allow_once(approval).is_some()
}

fn allow_once(approval: &Approval) -> Option<&ApprovalChoice> {
    approval.choices.iter().find(|choice| choice.kind == ChoiceKind::AllowOnce)
}

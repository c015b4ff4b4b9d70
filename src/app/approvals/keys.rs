//! Keys of the shown approval.

use std::collections::BTreeSet;

use super::{
    AnswerField, ApprovalId, ApprovalQueue, ApprovalRow, ApprovalScope, FieldPurpose, InputBeside, PendingApproval,
    VisibleApproval, is_denial,
};
use crate::app::Effect;
use crate::app::line_editor::LineEditor;
use crate::app::msg::Timer;
use crate::app::runs::RunTable;
use crate::config::key::{Key, KeyCode};
use crate::domain::approval::ApprovalAnswer;
use crate::domain::run::RunId;
use crate::domain::run_request::RunRequest;

/// Maximum time in ms until a run confirms an answer, because an unconfirmed approval must be shown again.
const CONFIRM_TIMEOUT_MS: u32 = 5_000;

impl ApprovalQueue {
    /// Handles a key where no other text is edited. `None` if the key is not for an approval.
    pub fn key(&mut self, key: Key, runs: &RunTable, scope: &ApprovalScope) -> Option<Vec<Effect>> {
        if self.field.is_some() {
            return Some(self.key_in_field(key, runs));
        }
        let (pending, at, count) = self.current(runs, scope)?;
        if key.ctrl || key.alt {
            return None;
        }
        match key.code {
            KeyCode::Char(digit @ '1'..='9') => {
                let row = digit.to_digit(10).map_or(0, |digit| digit as usize) - 1;
                self.guarded(&pending, |queue| queue.choose_row(&pending, row, runs))
            }
            KeyCode::Char('n') if count > 1 => Some(self.go(runs, scope, (at + 1) % count)),
            KeyCode::Char('p') if count > 1 => Some(self.go(runs, scope, (at + count - 1) % count)),
            KeyCode::Char('e') => Some(self.toggle_full(&pending)),
            KeyCode::Char('a') => self.show_together(&pending, runs),
            KeyCode::Esc if self.draft(&pending.id()).unfolded => Some(self.toggle_full(&pending)),
            KeyCode::PageDown => self.scroll(&pending, 1),
            KeyCode::PageUp => self.scroll(&pending, -1),
            _ => self.key_in_rows(key, &pending, runs),
        }
    }

    /// Handles a key beside an input, which owns the letters: they need Alt. Digits, arrows and Enter are for the
    /// approval while a composer is empty.
    pub fn key_beside(&mut self, key: Key, runs: &RunTable, run: &RunId, input: InputBeside) -> Option<Vec<Effect>> {
        let scope = ApprovalScope::Run(run.clone());
        let plain = Key { alt: false, ..key };
        let is_taken = match key.code {
            _ if self.field.is_some() => true,
            KeyCode::Char('1'..='9' | 'n' | 'p' | 'e' | 'a') | KeyCode::PageDown | KeyCode::PageUp if key.alt => true,
            _ if key.alt || key.ctrl || key.shift => false,
            KeyCode::Char('1'..='9') => input != InputBeside::Text,
            // The full view hides the transcript.
            KeyCode::Esc | KeyCode::PageDown | KeyCode::PageUp => self.is_unfolded(runs, &scope),
            KeyCode::Up | KeyCode::Down | KeyCode::Enter => input == InputBeside::Empty,
            KeyCode::Char(' ') | KeyCode::Backspace => input == InputBeside::Empty && self.is_answering(runs, &scope),
            _ => false,
        };
        if is_taken { self.key(if self.field.is_some() { key } else { plain }, runs, &scope) } else { None }
    }

    /// Returns true if an answer to a question was begun.
    fn is_answering(&self, runs: &RunTable, scope: &ApprovalScope) -> bool {
        let draft = self.current(runs, scope).and_then(|(pending, ..)| self.drafts.get(&pending.id()));
        draft.is_some_and(|draft| !draft.picked.is_empty() || draft.at.is_some() || draft.other.is_some())
    }

    /// Pastes into the open text field. Returns false if there is none.
    pub fn paste(&mut self, text: &str) -> bool {
        let Some(field) = &mut self.field else { return false };
        field.input.insert(text);
        true
    }

    /// Shows the clicked request on the whole screen, or leaves the full view.
    pub fn click_request(&mut self, runs: &RunTable, scope: &ApprovalScope) -> Vec<Effect> {
        match self.current(runs, scope) {
            Some((pending, ..)) if self.field.is_none() => self.toggle_full(&pending),
            Some(_) | None => Vec::new(),
        }
    }

    /// Gives the answer in the clicked row.
    pub fn click(&mut self, row: usize, runs: &RunTable, scope: &ApprovalScope) -> Vec<Effect> {
        let Some((pending, ..)) = self.current(runs, scope) else { return Vec::new() };
        if self.field.is_some() {
            return Vec::new();
        }
        self.guarded(&pending, |queue| queue.choose_row(&pending, row, runs)).unwrap_or_default()
    }

    /// Runs `act` if the approval was visible for long enough to be answered.
    fn guarded(
        &mut self,
        pending: &PendingApproval,
        act: impl FnOnce(&mut Self) -> Vec<Effect>,
    ) -> Option<Vec<Effect>> {
        let id = pending.id();
        let question = self.question_index(&id);
        let same = |shown: &VisibleApproval| shown.approval == id && shown.question == question;
        match &self.visible {
            Some(shown) if same(shown) && shown.answerable => Some(act(self)),
            // The key was meant for the previous approval: it is ignored.
            Some(shown) if shown.replaced || !same(shown) => Some(Vec::new()),
            // The key was pressed before the approval appeared: it is for the screen below.
            Some(_) | None => None,
        }
    }

    fn go(&mut self, runs: &RunTable, scope: &ApprovalScope, at: usize) -> Vec<Effect> {
        if let Some(pending) = self.pending(runs, scope).get(at) {
            self.select(pending.id());
        }
        Vec::new()
    }

    fn scroll(&mut self, pending: &PendingApproval, pages: isize) -> Option<Vec<Effect>> {
        let draft = self.draft_mut(pending);
        if !draft.unfolded {
            return None;
        }
        let page = isize::try_from(draft.scroll.height()).unwrap_or(1).max(2) - 1;
        draft.scroll.by(pages * page);
        Some(Vec::new())
    }

    /// Handles the keys that select and choose an answer. Above the first answer none is selected.
    fn key_in_rows(&mut self, key: Key, pending: &PendingApproval, runs: &RunTable) -> Option<Vec<Effect>> {
        let approval = pending.approval;
        let draft = self.draft_mut(pending);
        let question = approval.questions.get(draft.answers.len());
        let multiple = question.is_some_and(|question| question.multiple);
        let last = Self::rows(approval, draft).len().saturating_sub(1);
        match key.code {
            KeyCode::Down => draft.at = Some(draft.at.map_or(0, |at| (at + 1).min(last))),
            KeyCode::Up if draft.at == Some(0) => {
                draft.at = None;
                return None;
            }
            KeyCode::Up => draft.at = Some(draft.at.map_or(last, |at| at.saturating_sub(1))),
            KeyCode::Backspace if question.is_some() && !draft.answers.is_empty() => {
                draft.answers.pop();
                (draft.picked, draft.other, draft.at) = (BTreeSet::new(), None, None);
            }
            KeyCode::Enter if multiple && !(draft.picked.is_empty() && draft.other.is_none()) => {
                return self.guarded(pending, |queue| queue.answer_question(pending));
            }
            KeyCode::Enter if question.is_none() && draft.at.is_none() => return Some(self.toggle_full(pending)),
            KeyCode::Enter => {
                let at = draft.at?;
                return self.guarded(pending, |queue| queue.choose_row(pending, at, runs));
            }
            KeyCode::Char(' ') if question.is_some() => {
                let at = draft.at?;
                return self.guarded(pending, |queue| queue.choose_row(pending, at, runs));
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Gives the answer in a row.
    fn choose_row(&mut self, pending: &PendingApproval, row: usize, runs: &RunTable) -> Vec<Effect> {
        let approval = pending.approval;
        let draft = self.draft_mut(pending);
        let multiple = approval.questions.get(draft.answers.len()).is_some_and(|question| question.multiple);
        match Self::rows(approval, draft).get(row) {
            Some(ApprovalRow::Option(option)) => {
                draft.at = Some(row);
                if multiple {
                    if !draft.picked.remove(option) {
                        draft.picked.insert(*option);
                    }
                    return Vec::new();
                }
                draft.picked = BTreeSet::from([*option]);
                draft.other = None;
                self.answer_question(pending)
            }
            Some(ApprovalRow::Other) => {
                draft.at = Some(row);
                let mut input = LineEditor::default();
                input.set(draft.other.as_deref().unwrap_or_default());
                self.field = Some(AnswerField { approval: pending.id(), purpose: FieldPurpose::Other, input });
                Vec::new()
            }
            Some(ApprovalRow::Choice(choice)) => match approval.choices.get(*choice) {
                Some(found) if is_denial(found.kind) => {
                    draft.at = Some(row);
                    let purpose = FieldPurpose::Reason(*choice);
                    self.field = Some(AnswerField { approval: pending.id(), purpose, input: LineEditor::default() });
                    Vec::new()
                }
                Some(found) => {
                    self.answer(pending, ApprovalAnswer::Choice { token: found.token.clone(), reason: None })
                }
                None => Vec::new(),
            },
            Some(ApprovalRow::AllowTogether) => self.allow_together(pending, runs),
            Some(ApprovalRow::Separately) => self.toggle_full(pending),
            None => Vec::new(),
        }
    }

    /// Completes the answer to the current question; after the last question, sends all answers.
    fn answer_question(&mut self, pending: &PendingApproval) -> Vec<Effect> {
        let questions = &pending.approval.questions;
        let draft = self.draft_mut(pending);
        let Some(question) = questions.get(draft.answers.len()) else { return Vec::new() };
        let picked = draft.picked.iter().filter_map(|at| question.options.get(*at)).map(|option| option.label.clone());
        let given = picked.chain(draft.other.take()).collect();
        draft.answers.push(given);
        (draft.picked, draft.at) = (BTreeSet::new(), None);
        if draft.answers.len() < questions.len() {
            return Vec::new();
        }
        let answers = draft.answers.clone();
        self.answer(pending, ApprovalAnswer::Answers(answers))
    }

    fn answer(&mut self, pending: &PendingApproval, answer: ApprovalAnswer) -> Vec<Effect> {
        self.send(pending.id(), answer)
    }

    /// Sends an answer and waits for its confirmation.
    pub(super) fn send(&mut self, approval: ApprovalId, answer: ApprovalAnswer) -> Vec<Effect> {
        self.answered.insert(approval.clone());
        self.drafts.remove(&approval);
        let ApprovalId { run, id } = approval.clone();
        vec![
            Effect::Run(RunRequest::Answer { run, id, answer }),
            Effect::StartTimer(Timer::AnswerTimeout(approval), CONFIRM_TIMEOUT_MS),
        ]
    }

    /// Handles a key in the text field: Enter accepts, Esc cancels.
    fn key_in_field(&mut self, key: Key, runs: &RunTable) -> Vec<Effect> {
        let Some(field) = &mut self.field else { return Vec::new() };
        match key.code {
            KeyCode::Esc => self.field = None,
            KeyCode::Char('c') if key.ctrl => self.field = None,
            KeyCode::Enter => return self.accept_field(runs),
            _ => {
                let _other_keys_do_nothing = field.input.key(key);
            }
        }
        Vec::new()
    }

    fn accept_field(&mut self, runs: &RunTable) -> Vec<Effect> {
        let Some(AnswerField { approval: id, purpose, input }) = self.field.take() else { return Vec::new() };
        let Some(info) = runs.get(&id.run) else { return Vec::new() };
        let Some(approval) = info.approvals.iter().find(|approval| approval.id == id.id) else { return Vec::new() };
        let pending = PendingApproval { info, approval };
        let typed = input.text().trim().to_owned();
        match purpose {
            FieldPurpose::Reason(choice) => {
                let Some(choice) = approval.choices.get(choice) else { return Vec::new() };
                let reason = (!typed.is_empty()).then_some(typed);
                self.answer(&pending, ApprovalAnswer::Choice { token: choice.token.clone(), reason })
            }
            FieldPurpose::Other => {
                let draft = self.draft_mut(&pending);
                let multiple = approval.questions.get(draft.answers.len()).is_some_and(|question| question.multiple);
                draft.other = (!typed.is_empty()).then_some(typed);
                if multiple || draft.other.is_none() {
                    return Vec::new();
                }
                draft.picked = BTreeSet::new();
                self.answer_question(&pending)
            }
        }
    }
}

//! What keys do to the question on the screen.

use std::collections::BTreeSet;

use super::{Among, Asked, Desk, Field, Purpose, Row, Shown, Waiting, is_denial};
use crate::app::Effect;
use crate::app::input::Input;
use crate::app::msg::Alarm;
use crate::app::runs::{RunEffect, Runs};
use crate::config::key::{Key, KeyCode};
use crate::domain::approval::Answer;
use crate::domain::run::RunId;

/// How long an answer may take to arrive before the question is shown again.
const OVERDUE_MS: u32 = 5_000;

impl Desk {
    /// Takes a key where nothing else is typed. `None`: it is not for a question.
    pub fn key(&mut self, key: Key, runs: &Runs, among: &Among) -> Option<Vec<Effect>> {
        if self.field.is_some() {
            return Some(self.key_in_field(key, runs));
        }
        let (waiting, at, count) = self.current(runs, among)?;
        if key.ctrl || key.alt {
            return None;
        }
        match key.code {
            KeyCode::Char(digit @ '1'..='9') => {
                let row = digit.to_digit(10).map_or(0, |digit| digit as usize) - 1;
                self.guarded(&waiting, |desk| desk.take(&waiting, row))
            }
            KeyCode::Char('n') if count > 1 => Some(self.go(runs, among, (at + 1) % count)),
            KeyCode::Char('p') if count > 1 => Some(self.go(runs, among, (at + count - 1) % count)),
            KeyCode::Char('e') => {
                let draft = self.edit(&waiting);
                (draft.unfolded, draft.scroll.top) = (!draft.unfolded, 0);
                Some(Vec::new())
            }
            KeyCode::PageDown => self.scroll(&waiting, 1),
            KeyCode::PageUp => self.scroll(&waiting, -1),
            _ => self.key_in_question(key, &waiting),
        }
    }

    /// The same beside a text that is being written, which the letters belong to: with Alt, and digits without it
    /// where nothing was written yet.
    pub fn key_beside(&mut self, key: Key, runs: &Runs, run: &RunId, nothing_written: bool) -> Option<Vec<Effect>> {
        let among = Among::Run(run.clone());
        let plain = Key { alt: false, ..key };
        let picks = |desk: &Self| {
            let (waiting, ..) = desk.current(runs, &among)?;
            let draft = desk.drafts.get(&waiting.asked())?;
            (!draft.picked.is_empty() || draft.at.is_some() || draft.other.is_some()).then_some(())
        };
        match key.code {
            _ if self.field.is_some() => self.key(key, runs, &among),
            KeyCode::Char('1'..='9' | 'n' | 'p' | 'e') | KeyCode::PageDown | KeyCode::PageUp if key.alt => {
                self.key(plain, runs, &among)
            }
            KeyCode::Char('1'..='9') if nothing_written => self.key(key, runs, &among),
            KeyCode::Char(' ') | KeyCode::Enter | KeyCode::Backspace if nothing_written && picks(self).is_some() => {
                self.key(key, runs, &among)
            }
            _ => None,
        }
    }

    /// Takes pasted text, where a line is being typed.
    pub fn paste(&mut self, text: &str) -> bool {
        let Some(field) = &mut self.field else { return false };
        field.input.insert(text);
        true
    }

    /// Takes the answer in a row, as a click does.
    pub fn click(&mut self, row: usize, runs: &Runs, among: &Among) -> Vec<Effect> {
        let Some((waiting, ..)) = self.current(runs, among) else { return Vec::new() };
        if self.field.is_some() {
            return Vec::new();
        }
        self.guarded(&waiting, |desk| desk.take(&waiting, row)).unwrap_or_default()
    }

    /// Lets a key through where what it answers was on the screen for long enough.
    fn guarded(&mut self, waiting: &Waiting, act: impl FnOnce(&mut Self) -> Vec<Effect>) -> Option<Vec<Effect>> {
        let asked = waiting.asked();
        let question = self.question(&asked);
        let same = |shown: &Shown| shown.asked == asked && shown.question == question;
        match &self.shown {
            Some(shown) if same(shown) && shown.settled => Some(act(self)),
            // It was meant for the one that stood there before: it is nobody's.
            Some(shown) if shown.slid || !same(shown) => Some(Vec::new()),
            // It was pressed before anything was asked: it is for what lies below.
            Some(_) | None => None,
        }
    }

    fn go(&mut self, runs: &Runs, among: &Among, at: usize) -> Vec<Effect> {
        if let Some(waiting) = self.waiting(runs, among).get(at) {
            self.choose(waiting.asked());
        }
        Vec::new()
    }

    fn scroll(&mut self, waiting: &Waiting, pages: isize) -> Option<Vec<Effect>> {
        let draft = self.edit(waiting);
        if !draft.unfolded {
            return None;
        }
        let page = isize::try_from(draft.scroll.height()).unwrap_or(1).max(2) - 1;
        draft.scroll.by(pages * page);
        Some(Vec::new())
    }

    /// Keys that only a question with options has.
    fn key_in_question(&mut self, key: Key, waiting: &Waiting) -> Option<Vec<Effect>> {
        let approval = waiting.approval;
        let draft = self.edit(waiting);
        let question = approval.questions.get(draft.given.len())?;
        let last = Self::rows(approval, draft).len().saturating_sub(1);
        match key.code {
            KeyCode::Down => draft.at = Some(draft.at.map_or(0, |at| (at + 1).min(last))),
            KeyCode::Up => draft.at = Some(draft.at.map_or(last, |at| at.saturating_sub(1))),
            KeyCode::Backspace if !draft.given.is_empty() => {
                draft.given.pop();
                (draft.picked, draft.other, draft.at) = (BTreeSet::new(), None, None);
            }
            KeyCode::Char(' ') => {
                let at = draft.at?;
                return self.guarded(waiting, |desk| desk.take(waiting, at));
            }
            KeyCode::Enter if question.multiple && !(draft.picked.is_empty() && draft.other.is_none()) => {
                return self.guarded(waiting, |desk| desk.answer_question(waiting));
            }
            KeyCode::Enter => {
                let at = draft.at?;
                return self.guarded(waiting, |desk| desk.take(waiting, at));
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Takes the answer in a row.
    fn take(&mut self, waiting: &Waiting, row: usize) -> Vec<Effect> {
        let approval = waiting.approval;
        let draft = self.edit(waiting);
        let multiple = approval.questions.get(draft.given.len()).is_some_and(|question| question.multiple);
        match Self::rows(approval, draft).get(row) {
            Some(Row::Option(option)) => {
                draft.at = Some(row);
                if multiple {
                    if !draft.picked.remove(option) {
                        draft.picked.insert(*option);
                    }
                    return Vec::new();
                }
                draft.picked = BTreeSet::from([*option]);
                draft.other = None;
                self.answer_question(waiting)
            }
            Some(Row::Other) => {
                draft.at = Some(row);
                let mut input = Input::default();
                input.set(draft.other.as_deref().unwrap_or_default());
                self.field = Some(Field { asked: waiting.asked(), purpose: Purpose::Other, input });
                Vec::new()
            }
            Some(Row::Choice(choice)) => match approval.choices.get(*choice) {
                Some(found) if is_denial(found.kind) => {
                    let purpose = Purpose::Reason(*choice);
                    self.field = Some(Field { asked: waiting.asked(), purpose, input: Input::default() });
                    Vec::new()
                }
                Some(found) => self.answer(waiting, Answer::Choice { token: found.token.clone(), reason: None }),
                None => Vec::new(),
            },
            None => Vec::new(),
        }
    }

    /// The present question is answered by what was picked: the next one, or all of it is told.
    fn answer_question(&mut self, waiting: &Waiting) -> Vec<Effect> {
        let questions = &waiting.approval.questions;
        let draft = self.edit(waiting);
        let Some(question) = questions.get(draft.given.len()) else { return Vec::new() };
        let picked = draft.picked.iter().filter_map(|at| question.options.get(*at).cloned());
        let given = picked.chain(draft.other.take()).collect();
        draft.given.push(given);
        (draft.picked, draft.at) = (BTreeSet::new(), None);
        if draft.given.len() < questions.len() {
            return Vec::new();
        }
        let answers = draft.given.clone();
        self.answer(waiting, Answer::Answers(answers))
    }

    fn answer(&mut self, waiting: &Waiting, answer: Answer) -> Vec<Effect> {
        let asked = waiting.asked();
        self.answered.insert(asked.clone());
        self.drafts.remove(&asked);
        let Asked { run, id } = asked.clone();
        vec![Effect::Run(RunEffect::Answer { run, id, answer }), Effect::Wake(Alarm::Overdue(asked), OVERDUE_MS)]
    }

    /// A line takes all keys: Enter takes it, Esc leaves it.
    fn key_in_field(&mut self, key: Key, runs: &Runs) -> Vec<Effect> {
        let Some(field) = &mut self.field else { return Vec::new() };
        match key.code {
            KeyCode::Esc => self.field = None,
            KeyCode::Char('c') if key.ctrl => self.field = None,
            KeyCode::Enter => return self.take_field(runs),
            _ => {
                let _other_keys_do_nothing = field.input.key(key);
            }
        }
        Vec::new()
    }

    fn take_field(&mut self, runs: &Runs) -> Vec<Effect> {
        let Some(Field { asked, purpose, input }) = self.field.take() else { return Vec::new() };
        let Some(info) = runs.get(&asked.run) else { return Vec::new() };
        let Some(approval) = info.approvals.iter().find(|approval| approval.id == asked.id) else { return Vec::new() };
        let waiting = Waiting { info, approval };
        let typed = input.text().trim().to_owned();
        match purpose {
            Purpose::Reason(choice) => {
                let Some(choice) = approval.choices.get(choice) else { return Vec::new() };
                let reason = (!typed.is_empty()).then_some(typed);
                self.answer(&waiting, Answer::Choice { token: choice.token.clone(), reason })
            }
            Purpose::Other => {
                let draft = self.edit(&waiting);
                let multiple = approval.questions.get(draft.given.len()).is_some_and(|question| question.multiple);
                draft.other = (!typed.is_empty()).then_some(typed);
                if multiple || draft.other.is_none() {
                    return Vec::new();
                }
                draft.picked = BTreeSet::new();
                self.answer_question(&waiting)
            }
        }
    }
}

//! The questions of agents: which one is shown, what was picked and typed so far, and which key answers it.
//!
//! A question can go at any moment, and another can take its place on the screen. A key therefore answers only the
//! question that was on the screen when it was pressed, and only once it has stood there for [`SETTLE_MS`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Effect;
use super::input::Input;
use super::msg::Alarm;
use super::runs::{RunEffect, Runs};
use super::scroll::Scroll;
use crate::config::key::{Key, KeyCode};
use crate::domain::approval::{Answer, Approval, ChoiceKind};
use crate::domain::run::{RunId, RunInfo};

/// How long a question must have been on the screen before a key answers it.
pub const SETTLE_MS: u32 = 400;

/// How long an answer may take to arrive before the question is shown again.
const OVERDUE_MS: u32 = 5_000;

/// Names a question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked {
    /// The run that asks.
    pub run: RunId,
    /// The agent's id of the question.
    pub id: Arc<str>,
}

/// Whose questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Among {
    /// Those of all runs.
    All,
    /// Those of one run.
    Run(RunId),
}

/// A question that waits.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// Whose.
    pub info: &'a Arc<RunInfo>,
    /// The question.
    pub approval: &'a Approval,
}

impl Waiting<'_> {
    /// Its name.
    pub fn asked(&self) -> Asked {
        Asked { run: self.info.id.clone(), id: self.approval.id.clone() }
    }
}

/// What drawing found out about the question that it drew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalDrawn {
    /// Which one.
    pub asked: Asked,
    /// Which of its questions, from 0.
    pub question: usize,
    /// Lines of its text that fit.
    pub rows: usize,
    /// Lines of its text.
    pub len: usize,
}

/// What may be answered: one line, with a digit where there is one left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// An option of the present question.
    Option(usize),
    /// Words of one's own.
    Other,
    /// One of [`Approval::choices`].
    Choice(usize),
}

/// What was picked and folded of one question so far.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Answers to the questions before the present one.
    pub given: Vec<Vec<String>>,
    /// Options of the present question that are picked.
    pub picked: BTreeSet<usize>,
    /// Words of one's own for the present question.
    pub other: Option<String>,
    /// The row that the arrows chose.
    pub at: Option<usize>,
    /// All of its text is shown.
    pub unfolded: bool,
    /// How far its text is scrolled.
    pub scroll: Scroll,
}

/// A line that is being typed.
#[derive(Clone, Debug)]
pub struct Field {
    /// For which question. It may be gone by now; then the line takes keys until it is left, so that none of them
    /// answers what took its place.
    pub asked: Asked,
    /// What for.
    pub purpose: Purpose,
    /// The text.
    pub input: Input,
}

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The reason of a denial, by its place in [`Approval::choices`].
    Reason(usize),
    /// An answer in words of one's own.
    Other,
}

/// The question on the screen.
#[derive(Debug)]
struct Shown {
    asked: Asked,
    question: usize,
    settled: bool,
    /// It took the place of another one.
    slid: bool,
}

/// The state of all questions.
#[derive(Debug, Default)]
pub struct Desk {
    chosen: Option<Asked>,
    answered: BTreeSet<Asked>,
    drafts: BTreeMap<Asked, Draft>,
    field: Option<Field>,
    shown: Option<Shown>,
}

impl Desk {
    /// The questions that wait, oldest first.
    pub fn waiting<'r>(&self, runs: &'r Runs, among: &Among) -> Vec<Waiting<'r>> {
        let of = |info: &&Arc<RunInfo>| match among {
            Among::All => true,
            Among::Run(run) => info.id == *run,
        };
        let asked = runs
            .iter()
            .filter(of)
            .flat_map(|info| info.approvals.iter().map(move |approval| Waiting { info, approval }));
        let mut waiting: Vec<_> = asked.filter(|waiting| !self.answered.contains(&waiting.asked())).collect();
        waiting.sort_by_key(|waiting| (waiting.approval.since.is_none(), waiting.approval.since));
        waiting
    }

    /// The one to show: the chosen one, else the oldest. With its place among all, from 0, and their count.
    pub fn current<'r>(&self, runs: &'r Runs, among: &Among) -> Option<(Waiting<'r>, usize, usize)> {
        let waiting = self.waiting(runs, among);
        let chosen = waiting.iter().position(|waiting| Some(waiting.asked()) == self.chosen);
        let at = chosen.unwrap_or(0);
        waiting.get(at).map(|found| (*found, at, waiting.len()))
    }

    /// What was picked of a question so far.
    pub fn draft(&self, asked: &Asked) -> Draft {
        self.drafts.get(asked).cloned().unwrap_or_default()
    }

    /// The line that is being typed. While there is one, all keys belong to it.
    pub fn field(&self) -> Option<&Field> {
        self.field.as_ref()
    }

    /// Chooses a question to be shown. What the user went to is answerable at once.
    pub fn choose(&mut self, asked: Asked) {
        let question = self.question(&asked);
        self.shown = Some(Shown { asked: asked.clone(), question, settled: true, slid: false });
        self.chosen = Some(asked);
    }

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

    /// Takes in what the last frame showed.
    pub fn drawn(&mut self, drawn: Option<&ApprovalDrawn>) -> Vec<Effect> {
        let Some(drawn) = drawn else {
            self.shown = None;
            return Vec::new();
        };
        if let Some(draft) = self.drafts.get_mut(&drawn.asked) {
            draft.scroll.fit(drawn.rows, drawn.len);
        }
        let ApprovalDrawn { asked, question, .. } = drawn.clone();
        if self.shown.as_ref().is_some_and(|shown| shown.asked == asked && shown.question == question) {
            return Vec::new();
        }
        let slid = self.shown.is_some();
        self.shown = Some(Shown { asked: asked.clone(), question, settled: false, slid });
        vec![Effect::Wake(Alarm::Settled(asked, question), SETTLE_MS)]
    }

    /// A wait is over.
    pub fn woke(&mut self, alarm: &Alarm) {
        match alarm {
            Alarm::Settled(asked, question) => {
                let shown = self.shown.as_mut();
                if let Some(shown) = shown.filter(|shown| shown.asked == *asked && shown.question == *question) {
                    shown.settled = true;
                }
            }
            Alarm::Overdue(asked) => drop(self.answered.remove(asked)),
        }
    }

    /// The runs changed: what is gone is forgotten. A line that is being typed stays until it is left.
    pub fn refresh(&mut self, runs: &Runs) {
        let waits = |asked: &Asked| is_waiting(runs, asked);
        self.answered.retain(waits);
        self.drafts.retain(|asked, _| waits(asked));
        self.chosen.take_if(|asked| !waits(asked));
    }

    /// What may be answered now, in the order of the digits.
    pub fn rows(approval: &Approval, draft: &Draft) -> Vec<Row> {
        let options = approval.questions.get(draft.given.len()).map_or(0, |question| question.options.len());
        let mut rows: Vec<_> = (0..options).map(Row::Option).collect();
        if approval.questions.is_empty() {
            rows.extend((0..approval.choices.len()).map(Row::Choice));
            return rows;
        }
        rows.push(Row::Other);
        // A question is answered by its options; of the choices only those mean something that refuse to answer.
        let denials = approval.choices.iter().enumerate().filter(|(_, choice)| is_denial(choice.kind));
        rows.extend(denials.map(|(at, _)| Row::Choice(at)));
        rows
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

    /// Which of its questions is to be answered next.
    fn question(&self, asked: &Asked) -> usize {
        self.drafts.get(asked).map_or(0, |draft| draft.given.len())
    }

    fn edit(&mut self, waiting: &Waiting) -> &mut Draft {
        self.drafts.entry(waiting.asked()).or_default()
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

/// Whether a question waits still.
pub fn is_waiting(runs: &Runs, asked: &Asked) -> bool {
    runs.get(&asked.run).is_some_and(|info| info.approvals.iter().any(|approval| approval.id == asked.id))
}

/// Whether a choice says no.
pub fn is_denial(kind: ChoiceKind) -> bool {
    match kind {
        ChoiceKind::Deny | ChoiceKind::DenyAndStop => true,
        ChoiceKind::AllowOnce | ChoiceKind::AllowAlways => false,
    }
}

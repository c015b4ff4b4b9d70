//! The questions of agents: which one is shown, what was picked and typed so far, and which key answers it.
//!
//! A question can go at any moment, and another can take its place on the screen. A key therefore answers only the
//! question that was on the screen when it was pressed, and only once it has stood there for [`SETTLE_MS`].

mod keys;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Effect;
use super::input::Input;
use super::msg::Alarm;
use super::runs::Runs;
use super::scroll::Scroll;
use crate::domain::approval::{Approval, ChoiceKind};
use crate::domain::run::{RunId, RunInfo};

/// How long a question must have been on the screen before a key answers it.
pub const SETTLE_MS: u32 = 400;

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
    forgotten: BTreeSet<Asked>,
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

    /// The one that the user went to.
    pub fn chosen(&self) -> Option<&Asked> {
        self.chosen.as_ref()
    }

    /// It has been on the screen for long enough to be answered.
    pub fn is_settled(&self, asked: &Asked) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.asked == *asked && shown.settled)
    }

    /// Hides what needs no answer.
    pub fn forget(&mut self, asked: Asked) {
        self.forgotten.insert(asked);
    }

    /// It was hidden.
    pub fn is_forgotten(&self, asked: &Asked) -> bool {
        self.forgotten.contains(asked)
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
        self.forgotten.retain(|asked| runs.get(&asked.run).is_some());
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

    /// Which of its questions is to be answered next.
    fn question(&self, asked: &Asked) -> usize {
        self.drafts.get(asked).map_or(0, |draft| draft.given.len())
    }

    fn edit(&mut self, waiting: &Waiting) -> &mut Draft {
        self.drafts.entry(waiting.asked()).or_default()
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

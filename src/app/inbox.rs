//! What waits for the user, of all runs: questions first, then prompts that were kept back and runs that failed, each
//! oldest first. Everything is answered here, without leaving the place where one is.

use std::sync::Arc;

use super::approvals::{Among, Asked};
use super::layer::Layer;
use super::runs::RunEffect;
use super::{App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{Phase, RunId, RunInfo, Stopped};

/// The overlay's state; what waits is the runs'.
#[derive(Debug, Default)]
pub struct Inbox {
    selected: Option<Asked>,
}

/// Something that waits.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name; what is no question has one of ours.
    pub asked: Asked,
    /// Whose.
    pub info: Arc<RunInfo>,
    /// What it is.
    pub what: Waits,
    /// Since when.
    pub since: Option<Time>,
}

/// What waits.
#[derive(Clone, Debug)]
pub enum Waits {
    /// A question.
    Question,
    /// A prompt that is held or failed.
    Prompt(Prompt),
    /// A run that failed.
    Failure,
}

impl Waits {
    /// What can be done about it, in the order of the digits; for a question its own answers count.
    pub fn choices(&self) -> &'static [(&'static str, Does)] {
        match self {
            Self::Question => &[],
            Self::Prompt(_) => {
                &[("send it", Does::Release), ("take it back", Does::Cancel), ("go to its chat", Does::Open)]
            }
            Self::Failure => &[("go to its chat", Does::Open), ("forget it", Does::Forget)],
        }
    }
}

/// What can be done about something that waits and is no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Send a prompt after all.
    Release,
    /// Take a prompt back.
    Cancel,
    /// Go to the conversation.
    Open,
    /// It has been read.
    Forget,
}

impl App {
    /// What waits for the user.
    pub fn inbox(&self) -> Vec<Item> {
        let questions = self.desk.waiting(&self.runs, &Among::All).into_iter().map(|waiting| Item {
            asked: waiting.asked(),
            info: waiting.info.clone(),
            what: Waits::Question,
            since: waiting.approval.since,
        });
        let mut others: Vec<_> = self.runs.iter().flat_map(|info| self.troubles(info)).collect();
        others.sort_by_key(|item| (item.since.is_none(), item.since));
        questions.chain(others).collect()
    }

    /// The item that has the keys, and its place.
    pub fn inbox_at(&self, inbox: &Inbox, items: &[Item]) -> Option<usize> {
        let place = |asked: &Asked| items.iter().position(|item| item.asked == *asked);
        let selected = inbox.selected.as_ref().and_then(place);
        selected.or_else(|| self.desk.chosen().and_then(place)).or((!items.is_empty()).then_some(0))
    }

    /// What of a run waits besides its questions.
    fn troubles(&self, info: &Arc<RunInfo>) -> Vec<Item> {
        let item = |name: String, what, since| {
            let asked = Asked { run: info.id.clone(), id: name.into() };
            Item { asked, info: info.clone(), what, since }
        };
        let kept_back = |prompt: &&Prompt| matches!(prompt.state, PromptState::Held | PromptState::Failed);
        let prompts = self.runs.queue(&info.id).iter().filter(kept_back);
        let mut items: Vec<_> = prompts
            .map(|prompt| {
                let name = format!("salon prompt {}", prompt.id.0);
                item(name, Waits::Prompt(prompt.clone()), Some(prompt.submitted))
            })
            .collect();
        if matches!(info.phase, Phase::Stopped(Stopped::Failed(_))) {
            let name = format!("salon failure {}", info.turn.0);
            items.push(item(name, Waits::Failure, info.active));
        }
        items.retain(|item| !self.desk.is_forgotten(&item.asked));
        items
    }

    /// Opens the inbox, or closes it.
    pub(super) fn toggle_inbox(&mut self) -> Vec<Effect> {
        if matches!(self.layers.last(), Some(Layer::Inbox(_))) {
            self.layers.pop();
            return Vec::new();
        }
        self.push(Layer::Inbox(Inbox::default()))
    }

    pub(super) fn key_in_inbox(&mut self, key: Key) -> Vec<Effect> {
        let Some(Layer::Inbox(inbox)) = self.layers.last() else { return Vec::new() };
        if self.desk.field().is_some() {
            return self.desk.key(key, &self.runs, &Among::All).unwrap_or_default();
        }
        let items = self.inbox();
        let at = self.inbox_at(inbox, &items);
        let step = match key.code {
            KeyCode::Char('n' | 'j') | KeyCode::Tab => Some(1),
            KeyCode::Char('p' | 'k') => Some(-1),
            _ => None,
        };
        if let (Some(step), false) = (step, key.ctrl || key.alt) {
            return self.inbox_step(&items, at, step);
        }
        if let Some(effects) = at.and_then(|at| items.get(at)).and_then(|item| self.key_for_item(key, item)) {
            return effects;
        }
        match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'i') => {
                self.layers.pop();
                Vec::new()
            }
            KeyCode::Char('c') if key.ctrl => {
                self.layers.pop();
                Vec::new()
            }
            KeyCode::Down => self.inbox_step(&items, at, 1),
            KeyCode::Up => self.inbox_step(&items, at, -1),
            KeyCode::Enter => {
                let run = at.and_then(|at| items.get(at)).map(|item| item.info.id.clone());
                run.map_or_else(Vec::new, |run| self.leave_inbox_for(&run))
            }
            _ => Vec::new(),
        }
    }

    /// A click on an item selects it, one on an answer gives it.
    pub(super) fn click_in_inbox(&mut self, target: &super::msg::Target) -> Vec<Effect> {
        use super::msg::Target;
        let items = self.inbox();
        match *target {
            Target::Choice(at) => self.inbox_step(&items, Some(at), 0),
            Target::Answer(row) => {
                let Some(Layer::Inbox(inbox)) = self.layers.last() else { return Vec::new() };
                let at = self.inbox_at(inbox, &items);
                match at.and_then(|at| items.get(at)) {
                    Some(item) if matches!(item.what, Waits::Question) => self.desk.click(row, &self.runs, &Among::All),
                    Some(item) => self.choose_for_item(item, row).unwrap_or_default(),
                    None => Vec::new(),
                }
            }
            Target::Workspace(_)
            | Target::Row(_)
            | Target::Preview
            | Target::Entry(_)
            | Target::Beside
            | Target::Composer
            | Target::Nothing => Vec::new(),
        }
    }

    fn inbox_step(&mut self, items: &[Item], at: Option<usize>, by: isize) -> Vec<Effect> {
        let last = items.len().saturating_sub(1);
        let next = at.map(|at| at.saturating_add_signed(by).min(last));
        if let (Some(item), Some(Layer::Inbox(inbox))) = (next.and_then(|at| items.get(at)), self.layers.last_mut()) {
            inbox.selected = Some(item.asked.clone());
            self.desk.choose(item.asked.clone());
        }
        Vec::new()
    }

    fn key_for_item(&mut self, key: Key, item: &Item) -> Option<Vec<Effect>> {
        if matches!(item.what, Waits::Question) {
            return self.desk.key(key, &self.runs, &Among::All);
        }
        let digit = key.typed()?.to_digit(10)? as usize;
        self.choose_for_item(item, digit.checked_sub(1)?)
    }

    fn choose_for_item(&mut self, item: &Item, row: usize) -> Option<Vec<Effect>> {
        let (_, does) = item.what.choices().get(row)?;
        if !self.desk.is_settled(&item.asked) {
            return Some(Vec::new());
        }
        let run = item.info.id.clone();
        let about = |effect: fn(RunId, PromptId) -> RunEffect| match &item.what {
            Waits::Prompt(prompt) => vec![Effect::Run(effect(run.clone(), prompt.id))],
            Waits::Question | Waits::Failure => Vec::new(),
        };
        Some(match does {
            Does::Release => about(RunEffect::ReleasePrompt),
            Does::Cancel => about(RunEffect::CancelPrompt),
            Does::Open => self.leave_inbox_for(&run),
            Does::Forget => {
                self.desk.forget(item.asked.clone());
                Vec::new()
            }
        })
    }

    fn leave_inbox_for(&mut self, run: &RunId) -> Vec<Effect> {
        self.layers.pop();
        self.go_to_run(run)
    }
}

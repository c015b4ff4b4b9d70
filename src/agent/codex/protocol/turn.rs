//! The open turn, by all the names that it is given: the answer to its start tells one, its beginning sometimes another.

use std::sync::Arc;

use crate::domain::run::Outcome;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Closed,
    Open,
    /// Open, and its start was told.
    Told,
}

/// The open turn, if one is.
#[derive(Debug, Default)]
pub struct Turn {
    stage: Stage,
    /// It was asked for, and the answer is not there.
    asked: bool,
    names: Vec<Arc<str>>,
    /// An end that came before the answer which would have told whose end it is.
    early: Option<(Arc<str>, Outcome)>,
    /// The user wants it to stop, and its name was not known then.
    pub interrupt: bool,
    /// The last one that ended.
    ended: Option<Arc<str>>,
}

impl Turn {
    /// It was asked for. What is asked for while one is open becomes a part of it.
    pub fn ask(&mut self) {
        self.asked = true;
        self.open();
    }

    /// The agent's answer: its name. An end that was told before is given back.
    pub fn answered(&mut self, name: Option<&str>) -> Option<Outcome> {
        self.asked = false;
        let name = name?;
        self.add(name);
        self.early.take_if(|(early, _)| **early == *name).map(|(_, outcome)| outcome)
    }

    /// It began. `false`: that is old news.
    pub fn began(&mut self, name: &str) -> bool {
        if self.ended.as_deref() == Some(name) {
            return false;
        }
        self.open();
        self.add(name);
        true
    }

    /// Whether its start is still to be told; after this it is.
    pub fn tell(&mut self) -> bool {
        let news = self.stage == Stage::Open;
        if news {
            self.stage = Stage::Told;
        }
        news
    }

    /// An end was told. Whether it is that of the open turn.
    pub fn ends(&mut self, name: &str, outcome: &Outcome) -> bool {
        if !self.is_open() {
            return false;
        }
        let ours = self.names.iter().any(|known| **known == *name);
        if !ours && self.asked && self.ended.as_deref() != Some(name) {
            self.early = Some((name.into(), outcome.clone()));
        }
        ours
    }

    /// It is over.
    pub fn close(&mut self) {
        let ended = self.names.first().cloned().or(self.ended.take());
        *self = Self { ended, ..Self::default() };
    }

    /// Whether one is open.
    pub fn is_open(&self) -> bool {
        self.stage != Stage::Closed
    }

    /// The name by which the agent ends it.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.names.first()
    }

    fn open(&mut self) {
        if self.stage == Stage::Closed {
            self.stage = Stage::Open;
        }
    }

    fn add(&mut self, name: &str) {
        if self.is_open() && !self.names.iter().any(|known| **known == *name) {
            self.names.push(name.into());
        }
    }
}

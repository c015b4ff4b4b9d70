//! Pairs the results of calls with their calls. A result is a later message than its call, or a block of the same one.
//!
//! A result belongs to the last call with its id before it. One without a call, and a further one of a call that has a
//! result, make entries of their own.

use std::collections::HashMap;

use super::content::{self, GooseMessage};

/// Calls of the messages so far, each with whether it has a result.
#[derive(Debug, Default)]
pub(super) struct AnsweredCalls(HashMap<String, bool>);

impl AnsweredCalls {
    /// Adds a message. Returns the ids of its results that belong to no call.
    pub(super) fn add(&mut self, message: &GooseMessage) -> Vec<String> {
        self.0.extend(message.calls().into_iter().map(|call| (call, false)));
        let mut lost = Vec::new();
        for id in content::results(&message.content) {
            match self.0.get_mut(&id) {
                Some(is_answered) if !*is_answered => *is_answered = true,
                Some(_) | None => lost.push(id),
            }
        }
        lost
    }
}

/// Results of a message while their calls are looked for in the messages before it, the nearest first.
#[derive(Debug)]
pub(super) struct UnpairedResults {
    open: Vec<String>,
    lost: Vec<String>,
}

impl UnpairedResults {
    /// Creates the results of a message whose calls are not in the same one.
    pub(super) fn of(message: &GooseMessage) -> Self {
        let mut open = content::results(&message.content);
        let own_calls = if open.is_empty() { Vec::new() } else { message.calls() };
        open.retain(|id| !own_calls.contains(id));
        Self { open, lost: Vec::new() }
    }

    /// Results whose calls were in none of the messages so far.
    pub(super) fn open(&self) -> &[String] {
        &self.open
    }

    /// Looks at the next earlier message.
    pub(super) fn look_at(&mut self, earlier: &GooseMessage) {
        let (results, calls) = (content::results(&earlier.content), earlier.calls());
        let lost = &mut self.lost;
        self.open.retain(|id| {
            let has_another = results.contains(id);
            if has_another {
                lost.push(id.clone());
            }
            !has_another && !calls.contains(id)
        });
    }

    /// Ids of the results that belong to no call.
    pub(super) fn lost(self) -> Vec<String> {
        self.lost.into_iter().chain(self.open).collect()
    }
}

/// Calls of a message while their results are looked for in the messages after it.
#[derive(Debug)]
pub(super) struct OpenCalls(Vec<String>);

impl OpenCalls {
    /// Creates the calls of a message, and adds the results that it contains itself.
    pub(super) fn of(message: &mut GooseMessage) -> Self {
        let calls = message.calls();
        let mut open = Self(calls);
        let own = message.content.clone();
        open.take_results(message, &own);
        open
    }

    /// Calls without a result so far.
    pub(super) fn ids(&self) -> &[String] {
        &self.0
    }

    /// True if all calls have results.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at the next later message, and adds its content to the results if it has some.
    pub(super) fn look_at(&mut self, message: &mut GooseMessage, later: &GooseMessage) {
        // Calls of different turns may have the same id.
        let calls = later.calls();
        self.0.retain(|call| !calls.contains(call));
        self.take_results(message, &later.content);
    }

    fn take_results(&mut self, message: &mut GooseMessage, content: &str) {
        let results = if self.0.is_empty() { Vec::new() } else { content::results(content) };
        let before = self.0.len();
        self.0.retain(|call| !results.contains(call));
        if self.0.len() < before {
            message.results.push(content.to_owned());
        }
    }
}

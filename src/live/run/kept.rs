//! Texts that agents do not store are kept by salon: answers that ended early, and notices about the run.

use super::Run;
use crate::domain::EntryKey;
use crate::domain::event::{Event, EventBody, NoticeLevel};
use crate::domain::run::TurnNumber;
use crate::domain::run_event::{RingCursor, RunEventKind};
use crate::domain::transcript::{EntryKind, KeptPlace, KeptText, ToolAction, Transcript};
use crate::live::history::RunHistory;

/// Maximum bytes of one kept text, because the database is not an archive.
const MAX_TEXT_BYTES: usize = 256 << 10;

/// Maximum notices that wait for a session and a prompt.
const MAX_NOTICES: usize = 32;

/// Notices that are not saved yet, and the place of the next one.
#[derive(Debug, Default)]
pub(super) struct KeptNotices {
    /// Prompt of the latest turn.
    prompt: Option<EntryKey>,
    /// Latest entry since that prompt.
    latest: Option<EntryKey>,
    /// Notices, each without its prompt if none was sent before it.
    unsaved: Vec<(Option<EntryKey>, KeptText)>,
}

impl KeptNotices {
    /// Records the place of an event, and a notice that its agent may not store.
    pub(super) fn observe(&mut self, event: &Event) {
        match &event.body {
            EventBody::Prompt(_) => {
                self.prompt = Some(event.key);
                self.latest = Some(event.key);
            }
            EventBody::Notice { level: level @ (NoticeLevel::Warning | NoticeLevel::Error), text } => {
                self.add(event, *level, text);
            }
            EventBody::Text(_)
            | EventBody::Thinking(_)
            | EventBody::ToolCall { .. }
            | EventBody::Plan(_)
            | EventBody::Image(_)
            | EventBody::Notice { .. } => self.latest = Some(event.key),
            // The agent may store such a record nowhere, or it is part of another entry.
            EventBody::ToolUpdate { .. }
            | EventBody::Usage(_)
            | EventBody::Sender(_)
            | EventBody::TurnEnd { .. }
            | EventBody::Other(_) => {}
        }
    }

    fn add(&mut self, event: &Event, level: NoticeLevel, text: &str) {
        if self.unsaved.len() >= MAX_NOTICES {
            return;
        }
        let place = self.latest.map_or(KeptPlace::BeforePrompt, KeptPlace::After);
        let (text, time) = (cut(text.to_owned()), event.time);
        let kept = KeptText { entry: event.key, prompt: event.key, text, time, level: Some(level), place };
        self.unsaved.push((self.prompt, kept));
    }

    /// Takes the notices whose prompt is known.
    fn take(&mut self) -> Vec<KeptText> {
        let Some(latest) = self.prompt else { return Vec::new() };
        let unsaved = std::mem::take(&mut self.unsaved).into_iter();
        unsaved.map(|(prompt, kept)| KeptText { prompt: prompt.unwrap_or(latest), ..kept }).collect()
    }
}

impl Run {
    /// Adds an event to the history.
    pub(super) fn push_event(&mut self, event: Event) {
        match &mut self.recorder {
            Some(recorder) => recorder.observe(&event),
            None => self.notices_to_keep.observe(&event),
        }
        if let EventBody::Plan(plan) | EventBody::ToolCall { action: ToolAction::Plan(plan), .. } = &event.body
            && !plan.is_empty()
        {
            self.info.plan.clone_from(plan);
        }
        self.history.push(self.info.turn, RunEventKind::Event(event));
    }

    /// Saves new notices, so that they stay where they were shown.
    pub(super) async fn keep_notices(&mut self) {
        if self.info.session.is_some() {
            let notices = self.notices_to_keep.take();
            self.keep(notices).await;
        }
    }

    /// Saves the texts of the open turn, which ends early. Those that the agent stored are shown from its record.
    pub(super) async fn keep_texts(&mut self) {
        let texts = texts_of(&self.history, self.info.turn);
        self.keep(texts).await;
    }

    async fn keep(&mut self, texts: Vec<KeptText>) {
        // A session that salon records contains its texts.
        let is_kept = self.recorder.is_none() && !texts.is_empty();
        let Some(session) = self.info.session.clone().filter(|_| is_kept) else { return };
        if let Err(failure) = self.store.keep_texts(session, texts).await {
            tracing::warn!(run = %self.info.id, "texts that the agent does not store were not kept: {failure}");
        }
    }

    /// Returns true if the history of the current turn contains an error.
    pub(super) fn has_error_entry(&self) -> bool {
        let is_error = |kind: &RunEventKind| match kind {
            RunEventKind::Event(event) => {
                matches!(event.body, EventBody::Notice { level: NoticeLevel::Error, .. })
            }
            RunEventKind::Approval(_) | RunEventKind::ApprovalGone(_) | RunEventKind::TurnEnded { .. } => false,
        };
        let replay = self.history.since(RingCursor { next: 0, ..self.history.cursor() });
        replay.events.iter().any(|item| item.value.turn == self.info.turn && is_error(&item.value.kind))
    }
}

/// Returns the texts of a turn, as far as its history contains its prompt.
fn texts_of(history: &RunHistory, turn: TurnNumber) -> Vec<KeptText> {
    let mut transcript = Transcript::default();
    let mut prompt = None;
    for item in history.since(RingCursor { next: 0, ..history.cursor() }).events {
        if let (true, RunEventKind::Event(event)) = (item.value.turn == turn, item.value.kind) {
            if matches!(event.body, EventBody::Prompt(_)) {
                prompt.get_or_insert(event.key);
            }
            transcript.apply(event);
        }
    }
    let Some(prompt) = prompt else { return Vec::new() };
    let texts = transcript.into_entries().into_iter().filter(|entry| entry.kind == EntryKind::Text);
    texts
        .filter(|entry| !entry.text.trim().is_empty())
        .map(|entry| KeptText {
            entry: entry.key,
            prompt,
            text: cut(entry.text),
            time: entry.time,
            level: None,
            place: KeptPlace::TurnEnd,
        })
        .collect()
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        let end = (0..=MAX_TEXT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

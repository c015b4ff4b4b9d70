//! Texts of a turn that ended early are kept by salon, because agents do not store them.

use super::Run;
use crate::domain::event::EventBody;
use crate::domain::run::{RingCursor, RunEventKind, TurnNumber};
use crate::domain::transcript::{EntryKind, KeptText, Transcript};
use crate::live::history::RunHistory;

/// Maximum bytes of one kept text, because the database is not an archive.
const MAX_TEXT_BYTES: usize = 256 << 10;

impl Run {
    /// Saves the texts of the open turn, which ends early. Those that the agent stored are shown from its record.
    pub(super) async fn keep_texts(&mut self) {
        let Some(session) = self.info.session.clone() else { return };
        let texts = texts_of(&self.history, self.info.turn);
        if texts.is_empty() {
            return;
        }
        if let Err(failure) = self.store.keep_texts(session, texts).await {
            tracing::warn!(run = %self.info.id, "texts of an interrupted turn were not kept: {failure}");
        }
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
        .map(|entry| KeptText { entry: entry.key, prompt, text: cut(entry.text), time: entry.time })
        .collect()
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        let end = (0..=MAX_TEXT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

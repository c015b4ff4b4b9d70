//! Texts of transcripts that are lines, by the same dialect by which they are summed up and read.

use super::{Decode, Record, Text, Wanted, body_texts};
use crate::agent::jsonl::{self, Dialect, Mark};
use crate::domain::query::Part;
use crate::domain::{EntryKind, Key};

/// Understands lines by their dialect.
pub struct Lines<D>(pub D);

impl<D: Dialect> Decode for Lines<D> {
    fn texts(&self, record: &Record<'_>, wanted: Wanted, sink: &mut dyn FnMut(&Text<'_>)) {
        let Ok(skim) = self.0.skim(record.bytes, record.offset) else { return };
        if let Some(rare) = &skim.rare {
            let titles = [rare.user_title, rare.agent_title, rare.title_of.map(|(_, title)| title)];
            titles.into_iter().flatten().for_each(|title| tell_title(record, title, sink));
        }
        let marks = || skim.marks.iter().filter(|mark| wanted == Wanted::All || mark.kind != EntryKind::Thinking);
        if marks().next().is_some() {
            let marks: Vec<Mark> = marks().copied().collect();
            self.0.decode(record.bytes, &marks, &mut |event| {
                if marks.iter().any(|mark| mark.key == event.key) {
                    body_texts(event.key, &event.body, sink);
                }
            });
        }
        // Of results the talk only holds how they ended, where that is worth telling.
        let told = |result: &jsonl::ResultMark| wanted == Wanted::All || result.error;
        if skim.results.iter().any(told) {
            self.0.decode_results(record.bytes, &mut |event| body_texts(event.key, &event.body, sink));
        }
    }
}

fn tell_title(record: &Record<'_>, title: jsonl::Text<'_>, sink: &mut dyn FnMut(&Text<'_>)) {
    let key = Key::new(record.session, u32::MAX);
    sink(&Text { key, call: "", tool: "", part: Part::Title, text: &title.decode() });
}

//! What search reads of Claude Code's transcripts: the lines that are shown, side chains of early versions, prompts
//! that were queued and perhaps never sent, and titles that were given up.

use std::io;

use super::lines;
use super::{Claude, places};
use crate::agent::Unit;
use crate::agent::jsonl::{Pull, Text as Raw};
use crate::agent::texts::{Decode, Decoder, Layout, Lines, Record, Text, Texts, Wanted};
use crate::domain::Key;
use crate::domain::query::Part;

impl Texts for Claude {
    fn layout(&self, _unit: &Unit) -> Layout {
        Layout::Lines
    }

    fn decoder(&self, unit: &Unit) -> io::Result<Decoder> {
        let session = places::identity(&unit.path, unit.kind).key.id;
        // Side chains count wherever they lie: what was said in them was said.
        let lines = Lines(lines::Lines { subagent: true, ..lines::Lines::default() });
        Ok(Decoder { session, decode: Box::new(Transcript(lines)) })
    }
}

struct Transcript(Lines<lines::Lines>);

impl Decode for Transcript {
    fn texts(&self, record: &Record<'_>, wanted: Wanted, sink: &mut dyn FnMut(&Text<'_>)) {
        if record.bytes.starts_with(br#"{"type":"queue-operation""#) {
            queued(record, sink);
        } else {
            self.0.texts(record, wanted, sink);
        }
    }
}

fn queued(record: &Record<'_>, sink: &mut dyn FnMut(&Text<'_>)) {
    let mut content: Option<Raw<'_>> = None;
    let read = Pull::new(record.bytes).object(|key, value| {
        if key == b"content" {
            content = value.text()?;
        }
        Ok(())
    });
    if let (Ok(()), Some(content)) = (read, content) {
        let key = Key::new(record.session, u32::MAX);
        sink(&Text { key, call: "", tool: "", part: Part::Notice, text: &content.decode() });
    }
}

//! Results of calls that are not in the file, and records whose parents are not: a part of the file is lost. What is left
//! is shown.

use std::collections::{HashMap, HashSet};

use super::{ISSUES, LinePosition, TranscriptIndex, count};
use crate::agent::json::cursor::hash;
use crate::agent::jsonl::branch::{self, ChainRecord};
use crate::agent::jsonl::lost_call_key;
use crate::agent::jsonl::repaired::Repair;
use crate::agent::jsonl::{EntryMark, RecordLink};
use crate::agent::unknown_record::LOST_CALL;
use crate::domain::event::EventBody;
use crate::domain::transcript::{ToolAction, Transcript};
use crate::domain::{EntryKind, Event, Issue};

/// Block of a mark for a result without its call; no record has as many.
const RESULT: u32 = u32::MAX;

/// Name of the tool of a lost call.
const UNKNOWN_TOOL: &str = "tool";

/// True for the entry of a result without its call.
pub(super) fn is_result(mark: &EntryMark) -> bool {
    mark.block == RESULT && mark.kind == EntryKind::Tool
}

impl TranscriptIndex {
    /// Reports records whose parents are lost, if the file may contain any.
    pub(super) fn note_missing_parents(&mut self) {
        let may_miss = self.left_branch || branch::begins_with_child(&self.records);
        if self.is_tail || !may_miss || !self.dialect.has_whole_conversation() {
            return;
        }
        let missing = branch::missing_parents(&self.records).len();
        let issue = Issue::new(&self.path, Repair::MissingParent.reason());
        for _ in 0..missing.min(ISSUES.saturating_sub(self.issues.len())) {
            self.issues.push(issue.clone());
        }
    }

    /// Adds the results without a call as entries, each at the place of its record.
    pub(super) fn add_results_without_call(&mut self) {
        if self.is_tail {
            return;
        }
        let known: HashSet<u64> = self.marks.iter().map(|mark| mark.tool).collect();
        let mut lost: HashMap<u32, Vec<EntryMark>> = HashMap::new();
        for (tool, line, error) in self.results.firsts().filter(|(tool, ..)| !known.contains(tool)) {
            let key = lost_call_key(tool);
            lost.entry(line).or_default().push(EntryMark { key, kind: EntryKind::Tool, block: RESULT, tool, error });
        }
        if lost.is_empty() {
            return;
        }
        self.lost_calls.extend(lost.values().flatten().map(|mark| mark.tool));
        self.insert_marks(&lost);
    }

    /// Inserts marks after those of their lines.
    fn insert_marks(&mut self, added: &HashMap<u32, Vec<EntryMark>>) {
        let old = std::mem::take(&mut self.marks);
        let mut moved = Vec::with_capacity(old.len());
        for line in 0..self.lines.len() {
            let end = self.lines.get(line + 1).map_or(old.len(), |next| next.first as usize);
            let first = count(self.marks.len());
            for mark in &old[self.lines[line].first as usize..end] {
                moved.push(count(self.marks.len()));
                self.marks.push(*mark);
            }
            self.lines[line] = LinePosition { first, ..self.lines[line] };
            let Some(marks) = added.get(&count(line)) else { continue };
            self.marks.extend(marks);
            let record = &mut self.records[line];
            record.entries += count(marks.len());
            if record.link == RecordLink::Aside {
                *record = ChainRecord { link: RecordLink::Linear, ..*record };
            }
        }
        let to = |mark: u32| moved.get(mark as usize).copied().unwrap_or(mark);
        self.usage = self.usage.drain().map(|(mark, tokens)| (to(mark), tokens)).collect();
        self.replies.values_mut().for_each(|mark| *mark = to(*mark));
        self.undone.move_to(to);
        self.repeated_keys.move_to(to);
        self.wide_line = None;
        if self.branches.is_empty() && !self.left_branch {
            self.shown = (0..count(self.marks.len())).collect();
        } else {
            self.left_branch = true;
        }
    }

    /// Begins the entry of a result without its call: with the call that the record describes, else an unknown one.
    pub(super) fn begin_lost_call(&self, bytes: &[u8], mark: &EntryMark, transcript: &mut Transcript) {
        let (mut begin, mut described) = (None, false);
        self.dialect.decode_results(bytes, &mut |event| match &event.body {
            EventBody::ToolCall { id, .. } if hash(id.as_bytes()) == mark.tool => {
                described = true;
                begin = Some(Event { key: mark.key, ..event });
            }
            EventBody::ToolUpdate { id, .. } if hash(id.as_bytes()) == mark.tool && !described => {
                let action = ToolAction::Other(LOST_CALL.to_owned());
                let (id, name, input) = (id.clone(), UNKNOWN_TOOL.into(), serde_json::Value::Null);
                let body = EventBody::ToolCall { id, name, input, action };
                begin = Some(Event { key: mark.key, time: event.time, body });
            }
            _ => {}
        });
        if let Some(event) = begin {
            transcript.apply(event);
        }
    }
}

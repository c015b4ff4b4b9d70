//! Counts the values of a filter in the indexed texts, for completion: tools, files, exit codes and kinds of entries.
//! Texts that are not indexed yet are not counted; nothing is cached.

use std::collections::{HashMap, HashSet};

use super::Cancel;
use super::corpus::Corpus;
use super::index_state::{IndexState, LiveSegment};
use super::store::{BlockBuffer, IndexReader, TextBlock, TextEntry};
use crate::domain::query::TextKind;
use crate::domain::query::complete::rank_values;
use crate::domain::query::filter::{FilterKey, HasValue, IsValue, KINDS, ROLES};
use crate::domain::query::fold::{Case, fold};
use crate::domain::query::text_filter::has;
use crate::domain::tool_name::tool_label;

/// Maximum values of an answer, because users choose from fewer.
const MAX_VALUES: usize = 200;

/// Counts the values of a filter that match the typed part, the best first, each with its number of sessions. Empty for
/// filters over session properties.
pub(super) fn count(
    reader: &IndexReader,
    state: &IndexState,
    corpus: &Corpus,
    (field, typed): (FilterKey, &str),
    cancel: &Cancel,
) -> Vec<(String, usize)> {
    let mut counts = Counts::default();
    let mut buffer = BlockBuffer::default();
    for live in &state.segments {
        if cancel.is_cancelled() {
            return Vec::new();
        }
        // A damaged or replaced segment is counted after its next update.
        if let Ok(block) = reader.read(&live.segment, &mut buffer) {
            counts.add(field, live, block, corpus);
        }
    }
    let mut values = rank_values(field, typed, counts.sessions(field));
    values.truncate(MAX_VALUES);
    values
}

/// Sessions by value.
#[derive(Default)]
struct Counts {
    /// Index of each value by its normal form.
    numbers: HashMap<String, usize>,
    /// Original form of each value.
    written: Vec<String>,
    pairs: HashSet<(usize, usize)>,
}

impl Counts {
    fn add(&mut self, field: FilterKey, live: &LiveSegment, block: TextBlock<'_>, corpus: &Corpus) {
        let tools = block.tools();
        for entry in (0..block.count()).map(|at| block.entry(at)) {
            let Some(session) = live.sessions.get(entry.session).copied().flatten() else { continue };
            let text = || String::from_utf8_lossy(block.text_of(&entry));
            // The current title belongs to the session, not to an entry.
            if entry.kind == TextKind::Title && *corpus.sessions()[session].title.text == *text() {
                continue;
            }
            match field {
                FilterKey::Tool if belongs_to_call(&entry) => {
                    let tool = tools.get(entry.tool).copied().unwrap_or_default();
                    let label = tool_label(tool);
                    // A filter compares both names, and users choose from the agent-neutral ones.
                    let compared = if tool.is_empty() { String::new() } else { format!("{tool}\n{label}") };
                    self.add_value(session, &fold(&compared, Case::Ignored), &label);
                }
                FilterKey::File if matches!(entry.kind, TextKind::File | TextKind::EditedFile) => {
                    self.add_value(session, &text(), &text());
                }
                FilterKey::Exit if entry.kind == TextKind::Outcome && text().parse::<u64>().is_ok() => {
                    self.add_value(session, &text(), &text());
                }
                _ => fixed_values(field, entry.kind, &text(), |name| self.add_value(session, name, name)),
            }
        }
    }

    fn add_value(&mut self, session: usize, compared: &str, written: &str) {
        if compared.is_empty() {
            return;
        }
        let number = self.numbers.get(compared).copied().unwrap_or_else(|| {
            self.numbers.insert(compared.to_owned(), self.written.len());
            self.written.push(written.to_owned());
            self.written.len() - 1
        });
        self.pairs.insert((number, session));
    }

    /// Returns each value with its number of sessions.
    fn sessions(self, field: FilterKey) -> Vec<(String, usize)> {
        let mut of: Vec<HashSet<usize>> = vec![HashSet::new(); self.written.len()];
        for (number, session) in self.pairs {
            of[number].insert(session);
        }
        let mut counts: Vec<usize> = of.iter().map(HashSet::len).collect();
        if field == FilterKey::Tool {
            // A filter matches any part of a tool name: `edit` also matches MultiEdit.
            for (label, count) in self.written.iter().zip(&mut counts) {
                let label = fold(label, Case::Ignored);
                let matching = self.numbers.iter().filter(|(names, _)| names.contains(&*label));
                *count = matching.flat_map(|(_, number)| &of[*number]).collect::<HashSet<_>>().len();
            }
        }
        // Several names of tools may have one label.
        let mut known = HashSet::new();
        self.written.into_iter().zip(counts).filter(|(value, _)| known.insert(value.clone())).collect()
    }
}

fn belongs_to_call(entry: &TextEntry) -> bool {
    matches!(entry.kind, TextKind::Input | TextKind::File | TextKind::EditedFile)
}

/// Passes the values of a filter with fixed values that a text has to `sink`.
fn fixed_values(field: FilterKey, kind: TextKind, text: &str, mut sink: impl FnMut(&str)) {
    match field {
        FilterKey::Role => ROLES.iter().filter(|(role, _)| *role == kind.role()).for_each(|(_, name)| sink(name)),
        FilterKey::Kind => {
            KINDS.iter().filter(|(entry_kind, _)| *entry_kind == kind.kind()).for_each(|(_, name)| sink(name));
        }
        FilterKey::Has => {
            HasValue::ALL.iter().filter(|(value, _)| has(*value, kind, text)).for_each(|(_, name)| sink(name));
        }
        FilterKey::Is if has(HasValue::Error, kind, text) => {
            IsValue::ALL.iter().filter(|(is, _)| *is == IsValue::Error).for_each(|(_, name)| sink(name));
        }
        _ => {}
    }
}

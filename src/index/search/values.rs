//! The values that a filter has in the stored talk, counted when somebody completes one: tools, files, exit codes, and
//! which sorts of entries there are. What is not stored yet is not counted; nothing is kept for the next time.

use std::collections::{HashMap, HashSet};

use super::Cancel;
use super::corpus::Corpus;
use super::standing::{Placed, Standing};
use super::store::{Block, Buffer, Entry, View};
use crate::domain::query::Part;
use crate::domain::query::complete::best;
use crate::domain::query::filter::{Field, Has, Is, KINDS, ROLES};
use crate::domain::query::fold::{Case, fold};

/// Values that are told of at most; nobody chooses from more.
const MOST: usize = 200;

/// Values of a filter that hold what is typed of one, the best first, with how many sessions each would leave. None for
/// a filter that a session answers by itself.
pub fn count(
    view: &View,
    standing: &Standing,
    corpus: &Corpus,
    (field, typed): (Field, &str),
    cancel: &Cancel,
) -> Vec<(String, usize)> {
    let mut counts = Counts::default();
    let mut buffer = Buffer::default();
    for placed in &standing.batches {
        if cancel.is_cancelled() {
            return Vec::new();
        }
        // What is damaged or gone by now is counted when it is stored again.
        if let Ok(block) = view.read(&placed.batch, &mut buffer) {
            counts.add(field, placed, block, corpus);
        }
    }
    let mut values = best(field, typed, counts.sessions(field));
    values.truncate(MOST);
    values
}

/// Which sessions have which value.
#[derive(Default)]
struct Counts {
    /// The number of each value, by the form in which the filter compares it.
    numbers: HashMap<String, usize>,
    /// Each value as it was written first.
    written: Vec<String>,
    held: HashSet<(usize, usize)>,
}

impl Counts {
    fn add(&mut self, field: Field, placed: &Placed, block: Block<'_>, corpus: &Corpus) {
        let tools = block.tools();
        for entry in (0..block.count()).map(|at| block.entry(at)) {
            let Some(session) = placed.sessions.get(entry.session).copied().flatten() else { continue };
            let text = || String::from_utf8_lossy(block.text_of(&entry));
            // The present title is the session's, not an entry.
            if entry.part == Part::Title && *corpus.sessions()[session].title.text == *text() {
                continue;
            }
            match field {
                Field::Tool if is_of_a_call(&entry) => {
                    let tool = tools.get(entry.tool).copied().unwrap_or_default();
                    self.note(session, &fold(tool, Case::Ignored), tool);
                }
                Field::File if matches!(entry.part, Part::File | Part::EditedFile) => {
                    self.note(session, &text(), &text());
                }
                Field::Exit if entry.part == Part::Outcome && text().parse::<u64>().is_ok() => {
                    self.note(session, &text(), &text());
                }
                _ => sorts(field, entry.part, &text(), |name| self.note(session, name, name)),
            }
        }
    }

    fn note(&mut self, session: usize, compared: &str, written: &str) {
        if compared.is_empty() {
            return;
        }
        let number = self.numbers.get(compared).copied().unwrap_or_else(|| {
            self.numbers.insert(compared.to_owned(), self.written.len());
            self.written.push(written.to_owned());
            self.written.len() - 1
        });
        self.held.insert((number, session));
    }

    /// Each value with the number of its sessions.
    fn sessions(self, field: Field) -> Vec<(String, usize)> {
        let mut of: Vec<HashSet<usize>> = vec![HashSet::new(); self.written.len()];
        for (number, session) in self.held {
            of[number].insert(session);
        }
        let mut counts: Vec<usize> = of.iter().map(HashSet::len).collect();
        if field == Field::Tool {
            // A tool is meant by any part of its name: `edit` is also MultiEdit.
            for (name, number) in &self.numbers {
                let meant =
                    self.numbers.iter().filter(|(other, _)| other.contains(name)).map(|(_, number)| &of[*number]);
                counts[*number] = meant.flatten().collect::<HashSet<_>>().len();
            }
        }
        self.written.into_iter().zip(counts).collect()
    }
}

fn is_of_a_call(entry: &Entry) -> bool {
    matches!(entry.part, Part::Input | Part::File | Part::EditedFile)
}

/// The values of a filter with fixed values that an entry with such a text has.
fn sorts(field: Field, part: Part, text: &str, mut tell: impl FnMut(&str)) {
    let failed = part == Part::Error || (part == Part::Outcome && text != "0");
    let shows = |has: Has| match has {
        Has::Error => failed,
        Has::Diff => part == Part::EditedFile,
        Has::Image => part == Part::Image,
        Has::Plan => part == Part::Plan,
    };
    match field {
        Field::Role => ROLES.iter().filter(|(role, _)| *role == part.role()).for_each(|(_, name)| tell(name)),
        Field::Kind => KINDS.iter().filter(|(kind, _)| *kind == part.kind()).for_each(|(_, name)| tell(name)),
        Field::Has => Has::ALL.iter().filter(|(has, _)| shows(*has)).for_each(|(_, name)| tell(name)),
        Field::Is if failed => Is::ALL.iter().filter(|(is, _)| *is == Is::Error).for_each(|(_, name)| tell(name)),
        _ => {}
    }
}

//! Overrides from other sources: titles and usage of sessions.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::SourceId;
use crate::agent::SummaryNote;
use crate::domain::{Agent, Session, SessionKey, Title, TitleSource, Tokens};

/// Source of a note and its change time in ns; the newer of two notes wins.
type NoteOrigin = (SourceId, i64);

/// Notes by their subject.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    titles: HashMap<SessionKey, Vec<(NoteOrigin, Title)>>,
    tips: HashMap<(Agent, Arc<str>), Vec<(NoteOrigin, Title)>>,
    usage: HashMap<SessionKey, Vec<(NoteOrigin, Tokens)>>,
    bytes: HashMap<SessionKey, Vec<(NoteOrigin, u64)>>,
}

impl Overrides {
    /// Replaces the notes of a source. Adds the affected sessions to `dirty`, and the affected last records to `tips`.
    pub(super) fn replace(
        &mut self,
        origin: NoteOrigin,
        agent: Agent,
        previous: &[SummaryNote],
        current: &[SummaryNote],
        dirty: &mut HashSet<SessionKey>,
        tips: &mut HashSet<(Agent, Arc<str>)>,
    ) {
        for note in previous.iter().chain(current) {
            match note {
                SummaryNote::Title { id, .. } | SummaryNote::Usage { id, .. } | SummaryNote::Bytes { id, .. } => {
                    dirty.insert(SessionKey::new(agent, id.clone()));
                }
                SummaryNote::TitleOfTip { tip, .. } => {
                    tips.insert((agent, tip.clone()));
                }
            }
        }
        for note in previous {
            self.remove(origin.0, agent, note);
        }
        for note in current {
            self.add(origin, agent, note);
        }
    }

    /// Returns the title that overrides the session's own, if any.
    pub(super) fn title(&self, session: &Session) -> Option<Title> {
        let named = self.titles.get(&session.key).into_iter().flatten();
        let tip = session.tip.as_ref().and_then(|tip| self.tips.get(&(session.key.agent, tip.clone())));
        let candidates = named.chain(tip.into_iter().flatten());
        // Of two titles with equal rank the newer source's wins, and within one source the later note.
        let (_, best) = candidates.max_by_key(|((_, changed), title)| (title.source, *changed))?;
        (best.source >= session.title.source && *best != session.title).then(|| best.clone())
    }

    /// Returns the usage to add to the session's own.
    pub(super) fn usage(&self, key: &SessionKey) -> Option<Tokens> {
        let all = self.usage.get(key)?;
        let mut sum = Tokens::default();
        for (_, tokens) in all {
            sum += *tokens;
        }
        Some(sum)
    }

    /// Returns the size of the session's texts in other files.
    pub(super) fn bytes(&self, key: &SessionKey) -> Option<u64> {
        Some(self.bytes.get(key)?.iter().map(|(_, bytes)| bytes).sum())
    }

    fn add(&mut self, origin: NoteOrigin, agent: Agent, note: &SummaryNote) {
        match note {
            SummaryNote::Title { id, title, source } => {
                let entry = (origin, Title::new(title, *source));
                self.titles.entry(SessionKey::new(agent, id.clone())).or_default().push(entry);
            }
            SummaryNote::TitleOfTip { tip, title } => {
                let entry = (origin, Title::new(title, TitleSource::Agent));
                self.tips.entry((agent, tip.clone())).or_default().push(entry);
            }
            SummaryNote::Usage { id, tokens } => {
                self.usage.entry(SessionKey::new(agent, id.clone())).or_default().push((origin, *tokens));
            }
            SummaryNote::Bytes { id, bytes } => {
                self.bytes.entry(SessionKey::new(agent, id.clone())).or_default().push((origin, *bytes));
            }
        }
    }

    fn remove(&mut self, source: SourceId, agent: Agent, note: &SummaryNote) {
        match note {
            SummaryNote::Title { id, .. } => {
                remove_from(&mut self.titles, &SessionKey::new(agent, id.clone()), source);
            }
            SummaryNote::TitleOfTip { tip, .. } => remove_from(&mut self.tips, &(agent, tip.clone()), source),
            SummaryNote::Usage { id, .. } => {
                remove_from(&mut self.usage, &SessionKey::new(agent, id.clone()), source);
            }
            SummaryNote::Bytes { id, .. } => {
                remove_from(&mut self.bytes, &SessionKey::new(agent, id.clone()), source);
            }
        }
    }
}

/// Removes the notes of a source about one subject.
fn remove_from<K: Eq + Hash, V>(notes: &mut HashMap<K, Vec<(NoteOrigin, V)>>, subject: &K, source: SourceId) {
    if let Some(entries) = notes.get_mut(subject) {
        entries.retain(|((origin, _), _)| *origin != source);
        if entries.is_empty() {
            notes.remove(subject);
        }
    }
}

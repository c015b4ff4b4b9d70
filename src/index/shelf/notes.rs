//! What units tell about sessions that lie in other units: titles and usage.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::UnitId;
use crate::agent::Note;
use crate::domain::{Agent, Session, SessionKey, Title, TitleSource, Tokens};

/// Who tells it: the unit, and its change time, by which the newer of two wins.
type Teller = (UnitId, i64);

/// All notes, by what they are about.
#[derive(Debug, Default)]
pub(super) struct Notes {
    titles: HashMap<SessionKey, Vec<(Teller, Title)>>,
    tips: HashMap<(Agent, Arc<str>), Vec<(Teller, Title)>>,
    usage: HashMap<SessionKey, Vec<(Teller, Tokens)>>,
}

impl Notes {
    /// Withdraws what a unit told before and takes in what it tells now. Adds the sessions concerned to `touched`, and
    /// the records whose sessions are concerned to `tips`.
    pub fn exchange(
        &mut self,
        teller: Teller,
        agent: Agent,
        before: &[Note],
        now: &[Note],
        touched: &mut HashSet<SessionKey>,
        tips: &mut HashSet<(Agent, Arc<str>)>,
    ) {
        for note in before.iter().chain(now) {
            match note {
                Note::Title { id, .. } | Note::Usage { id, .. } => {
                    touched.insert(SessionKey { agent, id: id.clone() });
                }
                Note::TitleOfTip { tip, .. } => {
                    tips.insert((agent, tip.clone()));
                }
            }
        }
        for note in before {
            self.withdraw(teller.0, agent, note);
        }
        for note in now {
            self.tell(teller, agent, note);
        }
    }

    /// A title that wins over the one that the session itself has.
    pub fn title(&self, session: &Session) -> Option<Title> {
        let named = self.titles.get(&session.key).into_iter().flatten();
        let tip = session.tip.as_ref().and_then(|tip| self.tips.get(&(session.key.agent, tip.clone())));
        let told = named.chain(tip.into_iter().flatten());
        // Of two with the same standing the newer unit's wins, and within it the later note.
        let (_, best) = told.max_by_key(|((_, changed), title)| (title.source, *changed))?;
        (best.source >= session.title.source && *best != session.title).then(|| best.clone())
    }

    /// Usage to be added to a session's own.
    pub fn usage(&self, key: &SessionKey) -> Option<Tokens> {
        let all = self.usage.get(key)?;
        let mut sum = Tokens::default();
        for (_, tokens) in all {
            sum += *tokens;
        }
        Some(sum)
    }

    fn tell(&mut self, teller: Teller, agent: Agent, note: &Note) {
        match note {
            Note::Title { id, title, source } => {
                let told = (teller, Title::new(title, *source));
                self.titles.entry(SessionKey { agent, id: id.clone() }).or_default().push(told);
            }
            Note::TitleOfTip { tip, title } => {
                let told = (teller, Title::new(title, TitleSource::Agent));
                self.tips.entry((agent, tip.clone())).or_default().push(told);
            }
            Note::Usage { id, tokens } => {
                self.usage.entry(SessionKey { agent, id: id.clone() }).or_default().push((teller, *tokens));
            }
        }
    }

    fn withdraw(&mut self, unit: UnitId, agent: Agent, note: &Note) {
        match note {
            Note::Title { id, .. } => forget(&mut self.titles, &SessionKey { agent, id: id.clone() }, unit),
            Note::TitleOfTip { tip, .. } => forget(&mut self.tips, &(agent, tip.clone()), unit),
            Note::Usage { id, .. } => forget(&mut self.usage, &SessionKey { agent, id: id.clone() }, unit),
        }
    }
}

/// Drops all that a unit told about one thing.
fn forget<K: Eq + Hash, V>(notes: &mut HashMap<K, Vec<(Teller, V)>>, about: &K, unit: UnitId) {
    if let Some(told) = notes.get_mut(about) {
        told.retain(|((teller, _), _)| *teller != unit);
        if told.is_empty() {
            notes.remove(about);
        }
    }
}

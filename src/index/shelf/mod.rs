//! What is known: units with what they hold, and one row for each session made of it. No IO.
//!
//! A session may lie in several units (a resume that left a stub, a database beside the files it was made from). The
//! row comes from the best of them: one that was read completely before a glance, one with something to show before an
//! empty one, then the newest activity, the most messages, the lowest [`Unit::kind`], the first path. When the
//! best one goes, the next takes over. Titles and usage that other units tell ([`Note`]) are laid over the row, whichever of both
//! comes first.

mod intern;
mod notes;
mod twins;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use self::intern::Strings;
use self::notes::Notes;
use self::twins::Twins;
use crate::agent::{Note, Sessions, Stamp, Unit};
use crate::domain::catalog::Change;
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Issue, Session, SessionKey, State};

/// Names a unit on the shelf.
type UnitId = u32;

/// Where an issue comes from that belongs to no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The walk over a root, by its number.
    Root(usize),
    /// The index itself: its cache, its watch.
    Index(&'static str),
}

/// What a unit holds, as it is put on the shelf.
#[derive(Debug)]
pub struct Summary {
    /// Its sessions.
    pub sessions: Sessions,
    /// What it tells about others.
    pub notes: Vec<Note>,
    /// What could not be read in it.
    pub issues: Vec<Issue>,
}

/// All units and sessions that are known, and what changed since it was last asked.
#[derive(Debug, Default)]
pub struct Shelf {
    units: HashMap<UnitId, Shelved>,
    by_path: HashMap<Arc<Path>, UnitId>,
    next: UnitId,
    rows: HashMap<SessionKey, Row>,
    notes: Notes,
    live: HashMap<SessionKey, State>,
    strings: Strings,
    twins: Twins,
    /// Sessions whose row may have to be made anew.
    touched: HashSet<SessionKey>,
    /// Records of which a title was told or withdrawn: the sessions that end there may have another title now.
    tips: HashSet<(Agent, Arc<str>)>,
    issues_changed: bool,
    /// Issues that belong to no unit.
    other_issues: HashMap<Origin, Vec<Issue>>,
}

/// A unit.
#[derive(Debug)]
struct Shelved {
    agent: Agent,
    kind: u8,
    stamp: Stamp,
    complete: bool,
    ids: Vec<Arc<str>>,
    notes: Vec<Note>,
    issues: Vec<Issue>,
}

/// A session: what each unit says of it, and the row that was last told.
#[derive(Debug, Default)]
struct Row {
    found: Vec<(UnitId, Arc<Session>)>,
    told: Option<Arc<Session>>,
}

impl Shelf {
    /// The state of a unit when it was last summarised; `None` where it never was.
    pub fn stamp(&self, path: &Path) -> Option<Stamp> {
        self.unit(path).filter(|unit| unit.complete).map(|unit| unit.stamp)
    }

    /// A unit as it was last summarised, or glanced at.
    pub fn known(&self, path: &Path) -> Option<Unit> {
        let held = self.unit(path)?;
        Some(Unit { agent: held.agent, path: path.to_owned(), stamp: held.stamp, kind: held.kind })
    }

    /// Whether anything at all is known of a unit.
    pub fn holds(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// How many units there are.
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// The paths of all units.
    pub fn paths(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.by_path.keys()
    }

    /// All units, in no order.
    pub fn all_units(&self) -> impl Iterator<Item = Unit> {
        self.by_path.iter().filter_map(|(path, id)| {
            let held = self.units.get(id)?;
            Some(Unit { agent: held.agent, path: path.to_path_buf(), stamp: held.stamp, kind: held.kind })
        })
    }

    /// The row of a session, as it was last told.
    pub fn session(&self, key: &SessionKey) -> Option<&Arc<Session>> {
        self.rows.get(key)?.told.as_ref()
    }

    /// All rows, as they were last told, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.rows.values().filter_map(|row| row.told.as_ref())
    }

    /// The sessions that a unit holds, as the unit itself tells them.
    pub fn sessions_of(&self, path: &Path) -> Vec<Arc<Session>> {
        let Some((id, unit)) = self.by_path.get(path).and_then(|id| Some((*id, self.units.get(id)?))) else {
            return Vec::new();
        };
        let found = unit.ids.iter().filter_map(|session| {
            let row = self.rows.get(&SessionKey { agent: unit.agent, id: session.clone() })?;
            row.found.iter().find(|(of, _)| *of == id).map(|(_, session)| session.clone())
        });
        found.collect()
    }

    /// Puts first rows of a unit there, unless more is known of it already.
    pub fn glance(&mut self, unit: &Unit, sessions: Vec<Session>) {
        if self.unit(&unit.path).is_some_and(|held| held.complete) {
            return;
        }
        let summary = Summary { sessions: Sessions::All(sessions), notes: Vec::new(), issues: Vec::new() };
        self.put(unit, summary, false);
    }

    /// Puts what a summary found there.
    pub fn summarised(&mut self, unit: &Unit, summary: Summary) {
        self.put(unit, summary, true);
    }

    /// Puts there what is known of a unit that could not be read: it counts as unread.
    pub fn failed(&mut self, unit: &Unit, summary: Summary) {
        self.put(unit, summary, false);
    }

    fn put(&mut self, unit: &Unit, summary: Summary, complete: bool) {
        let id = self.id_of(unit);
        match summary.sessions {
            Sessions::All(sessions) => {
                let gone = self.absent(id, &sessions);
                for session in sessions {
                    self.claim(id, session);
                }
                for session in gone {
                    self.disclaim(id, unit.agent, session);
                }
            }
            Sessions::Changed { sessions, removed } => {
                for session in sessions {
                    self.claim(id, session);
                }
                for session in removed {
                    self.disclaim(id, unit.agent, session);
                }
            }
        }
        let Some(held) = self.units.get_mut(&id) else { return };
        (held.kind, held.stamp, held.complete) = (unit.kind, unit.stamp, complete);
        if held.issues != summary.issues {
            held.issues = summary.issues;
            self.issues_changed = true;
        }
        let before = std::mem::replace(&mut held.notes, summary.notes);
        self.renote(id, unit.agent, &before);
    }

    /// Takes a unit away with all that it told.
    pub fn remove(&mut self, path: &Path) {
        let Some(id) = self.by_path.remove(path) else { return };
        let Some(mut unit) = self.units.remove(&id) else { return };
        for session in std::mem::take(&mut unit.ids) {
            self.unclaim(id, SessionKey { agent: unit.agent, id: session });
        }
        self.issues_changed |= !unit.issues.is_empty();
        self.renote(id, unit.agent, &unit.notes);
    }

    /// Which sessions are open in living processes: all of them.
    pub fn set_live(&mut self, signs: &[LiveSign]) {
        let mut live: HashMap<SessionKey, State> = HashMap::new();
        for sign in signs {
            // Open in two processes: the more urgent one counts.
            live.entry(sign.key.clone()).and_modify(|state| *state = sign.state.min(*state)).or_insert(sign.state);
        }
        let before = std::mem::replace(&mut self.live, live);
        let differs = |key: &&SessionKey| before.get(*key) != self.live.get(*key);
        let changed: Vec<_> = before.keys().chain(self.live.keys()).filter(differs).cloned().collect();
        self.touched.extend(changed);
    }

    /// Groups of units whose sessions begin alike, so that all but one must be copies; told when they change.
    pub fn take_twins(&mut self) -> Vec<Vec<Unit>> {
        let groups = self.twins.take(|unit| self.units.contains_key(&unit));
        let known = |id: &UnitId| {
            let path = self.by_path.iter().find(|(_, of)| *of == id)?.0;
            self.known(path)
        };
        groups.iter().map(|group| group.iter().filter_map(known).collect()).collect()
    }

    /// All directories in which sessions began.
    pub fn directories(&self) -> HashSet<Arc<str>> {
        let sessions = self.rows.values().flat_map(|row| &row.found);
        sessions.map(|(_, session)| session.cwd.clone()).collect()
    }

    /// Moves sessions to the workspaces of their directories.
    pub fn place(&mut self, workspaces: &HashMap<Arc<str>, Arc<str>>) {
        for (key, row) in &mut self.rows {
            for (_, session) in &mut row.found {
                let workspace = workspaces.get(&session.cwd).filter(|workspace| **workspace != session.workspace);
                if let Some(workspace) = workspace {
                    Arc::make_mut(session).workspace = workspace.clone();
                    self.touched.insert(key.clone());
                }
            }
        }
    }

    /// Issues that belong to no unit, in place of those of the same origin.
    pub fn set_issues(&mut self, origin: Origin, issues: Vec<Issue>) {
        if self.other_issues.get(&origin).map_or(&[][..], Vec::as_slice) != issues {
            self.other_issues.insert(origin, issues);
            self.issues_changed = true;
        }
    }

    /// All issues, by path.
    pub fn issues(&self) -> Vec<Issue> {
        let others = self.other_issues.values().flatten();
        let mut all: Vec<_> = self.units.values().flat_map(|unit| &unit.issues).chain(others).cloned().collect();
        all.sort_by(|a, b| (&a.path, a.line, &a.reason).cmp(&(&b.path, b.line, &b.reason)));
        all.dedup();
        all
    }

    /// Whether there is something to tell.
    pub fn changed(&self) -> bool {
        self.issues_changed || !self.touched.is_empty() || !self.tips.is_empty()
    }

    /// What changed since the last call. The progress is left to the caller.
    pub fn take_change(&mut self) -> Change {
        self.touch_tips();
        let mut change = Change::default();
        for key in std::mem::take(&mut self.touched) {
            let Some(row) = self.rows.get(&key) else { continue };
            let now = self.best(row).map(|best| self.dress(best));
            let Some(row) = self.rows.get_mut(&key) else { continue };
            match (&row.told, now) {
                (Some(_), None) => change.removed.push(key.clone()),
                (Some(told), Some(now)) if *told == now => {}
                (_, Some(now)) => {
                    change.sessions.push(now.clone());
                    row.told = Some(now);
                }
                (None, None) => {}
            }
            if row.found.is_empty() {
                self.rows.remove(&key);
            }
        }
        if std::mem::take(&mut self.issues_changed) {
            change.issues = Some(self.issues());
        }
        change
    }

    fn unit(&self, path: &Path) -> Option<&Shelved> {
        self.units.get(self.by_path.get(path)?)
    }

    fn id_of(&mut self, unit: &Unit) -> UnitId {
        if let Some(id) = self.by_path.get(&*unit.path) {
            return *id;
        }
        let id = self.next;
        self.next += 1;
        self.by_path.insert(unit.path.as_path().into(), id);
        let (ids, notes, issues) = (Vec::new(), Vec::new(), Vec::new());
        let (agent, kind, stamp) = (unit.agent, unit.kind, unit.stamp);
        self.units.insert(id, Shelved { agent, kind, stamp, complete: false, ids, notes, issues });
        id
    }

    /// The sessions that a unit held and that are not among those it holds now.
    fn absent(&self, id: UnitId, sessions: &[Session]) -> Vec<Arc<str>> {
        let Some(unit) = self.units.get(&id) else { return Vec::new() };
        let now: HashSet<&str> = sessions.iter().map(|session| &*session.key.id).collect();
        unit.ids.iter().filter(|held| !now.contains(&***held)).cloned().collect()
    }

    /// A unit says that it holds a session.
    fn claim(&mut self, id: UnitId, mut session: Session) {
        self.strings.share(&mut session);
        self.twins.meet(id, &session);
        let key = session.key.clone();
        let row = self.rows.entry(key.clone()).or_default();
        match row.found.iter_mut().find(|(of, _)| *of == id) {
            Some((_, held)) if **held == session => return,
            Some((_, held)) => *held = Arc::new(session),
            None => {
                if let Some(unit) = self.units.get_mut(&id) {
                    unit.ids.push(key.id.clone());
                }
                row.found.push((id, Arc::new(session)));
                row.found.shrink_to_fit();
            }
        }
        self.touched.insert(key);
    }

    /// A unit says that it holds a session no longer.
    fn disclaim(&mut self, id: UnitId, agent: Agent, session: Arc<str>) {
        if let Some(unit) = self.units.get_mut(&id) {
            unit.ids.retain(|held| *held != session);
        }
        self.unclaim(id, SessionKey { agent, id: session });
    }

    fn unclaim(&mut self, id: UnitId, key: SessionKey) {
        if let Some(row) = self.rows.get_mut(&key) {
            row.found.retain(|(of, _)| *of != id);
            self.touched.insert(key);
        }
    }

    /// Exchanges the notes of a unit for those that it has now.
    fn renote(&mut self, id: UnitId, agent: Agent, before: &[Note]) {
        let (now, mtime) = self.units.get(&id).map_or((&[][..], 0), |unit| (&unit.notes[..], unit.stamp.mtime_ns));
        if before == now {
            return;
        }
        self.notes.exchange((id, mtime), agent, before, now, &mut self.touched, &mut self.tips);
    }

    /// Sessions that end in a record that was told of. All of them are gone through once for all records together.
    fn touch_tips(&mut self) {
        let tips = std::mem::take(&mut self.tips);
        if tips.is_empty() {
            return;
        }
        let ends_there = |session: &Session| {
            let tip = session.tip.as_ref();
            tip.is_some_and(|tip| tips.contains(&(session.key.agent, tip.clone())))
        };
        let rows = self.rows.iter().filter(|(_, row)| row.found.iter().any(|(_, session)| ends_there(session)));
        self.touched.extend(rows.map(|(key, _)| key.clone()));
    }

    /// The best that any unit says of a session.
    fn best<'a>(&self, row: &'a Row) -> Option<&'a Arc<Session>> {
        let rank = |(id, session): &&'a (UnitId, Arc<Session>)| {
            let kind = self.units.get(id).map_or(u8::MAX, |unit| unit.kind);
            let worth = (session.complete, !session.flags.empty, session.last_activity, session.messages);
            (worth, std::cmp::Reverse((kind, &session.path)))
        };
        row.found.iter().max_by(|a, b| rank(a).cmp(&rank(b))).map(|(_, session)| session)
    }

    /// Lays over a session what others tell of it. Without any of that it is shared, not copied.
    fn dress(&self, session: &Arc<Session>) -> Arc<Session> {
        let state = self.live.get(&session.key).copied().unwrap_or_default();
        let title = self.notes.title(session);
        let usage = self.notes.usage(&session.key);
        if title.is_none() && usage.is_none() && state == session.state {
            return session.clone();
        }
        let mut dressed = Session::clone(session);
        dressed.state = state;
        if let Some(title) = title {
            dressed.title = title;
        }
        if let Some(usage) = usage {
            dressed.tokens += usage;
        }
        Arc::new(dressed)
    }
}

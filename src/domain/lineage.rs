//! Lineage of sessions: which ones descend from each other, and which one contains all of another.
//!
//! Some agents fork or resume into a new file that begins with a copy of the old one. If nothing was added to one of the
//! two files since then, the other one contains all of it.

use std::collections::HashMap;
use std::sync::Arc;

use super::annotation::{Annotation, LabelSource, Labels};
use super::catalog::Catalog;
use super::session::Annotations;
use super::{Session, SessionKey};

/// Maximum steps from a session to its ancestors or containers, because damaged files may name each other.
const MAX_STEPS: usize = 64;

/// Returns the annotation of a session: its own, with the labels of its nearest ancestor that has any, unless it has labels
/// itself. `label_origin` returns that of an ancestor.
pub fn annotation(
    session: &Session,
    annotations: &Annotations,
    label_origin: impl Fn(&SessionKey) -> Option<Arc<str>>,
) -> Option<Arc<Annotation>> {
    let own = annotations.get(&session.key);
    if session.label_origin().is_none() || own.is_some_and(|own| own.has_own_labels()) {
        return own.cloned();
    }
    let key = |id: Arc<str>| SessionKey { id, ..session.key.clone() };
    let first = session.label_origin().cloned().map(key);
    let ancestors = std::iter::successors(first, |ancestor| label_origin(ancestor).map(key)).take(MAX_STEPS);
    let found = ancestors.filter_map(|ancestor| annotations.get(&ancestor)).find(|other| other.has_own_labels());
    let Some(found) = found else { return own.cloned() };
    let labels = found.labels();
    if labels == Labels::default() {
        return own.cloned();
    }
    let own = own.map(|own| (**own).clone()).unwrap_or_default();
    Some(Arc::new(Annotation { source: LabelSource::Origin, ..own.with_labels(&labels) }))
}

/// Finds the past sessions that another session of the workspace contains, with that session. Only sessions for which
/// `is_shown` returns true count as containers. Sessions with annotations that the other one does not have are left out.
pub fn contained(catalog: &Catalog, is_shown: impl Fn(&Session) -> bool) -> HashMap<SessionKey, SessionKey> {
    let mut containers: HashMap<SessionKey, SessionKey> = HashMap::new();
    for fork in catalog.iter().filter(|session| !session.flags.subagent) {
        let Some(copied) = &fork.copied else { continue };
        let Some(origin) = origin(catalog, fork).filter(|origin| origin.workspace == fork.workspace) else { continue };
        let (inner, outer) = match (copied.is_extended, origin.tip.as_ref() == Some(&copied.record)) {
            (false, _) => (fork, origin),
            (true, true) => (origin, fork),
            (true, false) => continue,
        };
        if !says_more(inner, outer) && is_shown(outer) {
            // Of several containers, the newest one is first.
            containers.entry(inner.key.clone()).or_insert_with(|| outer.key.clone());
        }
    }
    let outermost = |key: &SessionKey| {
        let next = |key: &SessionKey| containers.get(key).cloned();
        std::iter::successors(next(key), next).take(MAX_STEPS).last()
    };
    containers.keys().filter_map(|key| Some((key.clone(), outermost(key)?))).collect()
}

/// Returns true if a session has an annotation of the user that the session that contains it has not.
fn says_more(inner: &Session, outer: &Session) -> bool {
    let Some(own) = inner.annotation() else { return false };
    let other = outer.annotation().map(Annotation::labels).unwrap_or_default();
    let is_shared = own.source == LabelSource::Origin || other.has_all(&own.labels());
    !is_shared || own.kept || own.continues.is_some() || own.directory.is_some()
}

/// Returns the session that another one was forked from.
pub fn origin<'a>(catalog: &'a Catalog, session: &Session) -> Option<&'a Arc<Session>> {
    let origin = SessionKey { id: session.forked_from.clone()?, ..session.key.clone() };
    catalog.get(&origin).filter(|origin| origin.key != session.key)
}

/// Relation of another session to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    /// The session was forked from it, or from a fork of it.
    Origin,
    /// Fork of the session.
    Fork,
    /// The session is its sub-agent.
    Parent,
    /// Sub-agent of the session.
    Subagent,
    /// The session continues it, in another agent.
    Continued,
    /// Continuation of the session in another agent.
    Continuation,
}

/// Returns the sessions that are related to a session: its ancestors, the nearest first, then the others by activity.
pub fn relatives(catalog: &Catalog, session: &Session) -> Vec<(Kinship, Arc<Session>)> {
    let first = origin(catalog, session);
    let origins = std::iter::successors(first, |session| origin(catalog, session)).take(MAX_STEPS);
    let mut found: Vec<_> = origins.map(|origin| (Kinship::Origin, origin.clone())).collect();
    let is_own = |id: &Option<Arc<str>>| id.as_ref() == Some(&session.key.id);
    let continued = session.continues();
    for other in catalog.iter().filter(|other| other.key != session.key) {
        let same_agent = other.key.agent == session.key.agent && other.key.host == session.key.host;
        let kinship = if same_agent && is_own(&other.forked_from) {
            Kinship::Fork
        } else if same_agent && is_own(&other.parent) {
            Kinship::Subagent
        } else if same_agent && session.parent.as_ref() == Some(&other.key.id) {
            Kinship::Parent
        } else if continued.as_ref() == Some(&other.key) {
            Kinship::Continued
        } else if other.continues().as_ref() == Some(&session.key) {
            Kinship::Continuation
        } else {
            continue;
        };
        found.push((kinship, other.clone()));
    }
    found
}

//! Catalog: applied changes and views.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use salon::domain::catalog::{Catalog, CatalogChange, CatalogFilter, HiddenReason, Sort};
use salon::domain::{Agent, Flags, Session, SessionKey, SessionState, Time, Title, TitleSource};

fn session(id: u8, time: Option<i64>, traits: u8) -> Session {
    let agent = if traits.is_multiple_of(3) { Agent::Codex } else { Agent::Claude };
    let mut session = Session::new(SessionKey::new(agent, format!("s{id}")), "/f".into());
    session.last_activity = time.map(Time::from_millis);
    session.started_at = Some(Time::from_millis(i64::from(traits % 5)));
    session.turns = u32::from(traits % 4);
    session.bytes = u64::from(traits % 3);
    session.title = Title::new(["Beta", "alpha", "", "ÄRGER"][usize::from(traits % 4)], TitleSource::Prompt);
    session.workspace = ["/w/one", "/w/two"][usize::from(traits % 2)].into();
    session.cwd = session.workspace.clone();
    session.flags = Flags {
        subagent: traits & 16 != 0,
        empty: traits & 32 != 0,
        headless: traits & 64 != 0,
        archived: traits & 128 != 0,
        ..Flags::default()
    };
    session.state = if traits & 8 == 0 { SessionState::Past } else { SessionState::Working };
    session
}

/// Rounds of changes: new or changed sessions, and ids of removed ones.
fn changes() -> impl Strategy<Value = Vec<CatalogChange>> {
    let coming =
        (0..12u8, prop::option::of(0..4i64), any::<u8>()).prop_map(|(id, time, traits)| session(id, time, traits));
    let going = (0..12u8, any::<bool>());
    let change = (prop::collection::vec(coming, 0..6), prop::collection::vec(going, 0..3)).prop_map(|(new, gone)| {
        CatalogChange {
            sessions: new.into_iter().map(Arc::new).collect(),
            removed: gone
                .into_iter()
                .map(|(id, codex)| SessionKey::new(if codex { Agent::Codex } else { Agent::Claude }, format!("s{id}")))
                .collect(),
            ..CatalogChange::default()
        }
    });
    prop::collection::vec(change, 0..8)
}

proptest! {
    #[test]
    fn changes_apply_in_any_order_and_views_are_sorted(changes in changes()) {
        let mut model: BTreeMap<SessionKey, Arc<Session>> = BTreeMap::new();
        let mut catalog = Catalog::default();
        for change in changes {
            change.removed.iter().for_each(|key| drop(model.remove(key)));
            model.extend(change.sessions.iter().map(|session| (session.key.clone(), session.clone())));
            catalog.apply(change);
            prop_assert_eq!(catalog.len(), model.len());
            prop_assert!(model.values().all(|session| catalog.get(&session.key) == Some(session)));
        }
        for sort in Sort::ALL {
            let view = catalog.view(&CatalogFilter { show_hidden: true, ..CatalogFilter::default() }, sort);
            let mut expected: Vec<_> = model.values().cloned().collect();
            expected.sort_by(|a, b| sort.compare(a, b));
            prop_assert_eq!(view.sessions, expected, "{:?}", sort);
        }
    }

    #[test]
    fn every_session_is_shown_or_counted_once(changes in changes(), workspace in any::<bool>(), hidden in any::<bool>()) {
        let mut catalog = Catalog::default();
        for change in changes {
            catalog.apply(change);
        }
        let filter = CatalogFilter {
            workspace: workspace.then(|| "/w/one".into()),
            show_hidden: hidden,
            agents: vec![Agent::Claude],
            ..CatalogFilter::default()
        };
        let view = catalog.view(&filter, Sort::default());
        let asked_for = catalog.iter().filter(|session| session.key.agent == Agent::Claude).count();
        prop_assert_eq!(view.sessions.len() + view.hidden.total(), asked_for);
        prop_assert!(view.sessions.iter().all(|session| filter.admits(session) && filter.hides(session).is_none()));
    }
}

#[test]
fn a26_empty_sessions_are_hidden_and_can_be_shown() {
    let mut catalog = Catalog::default();
    let empty = session(1, Some(1), 32);
    assert_eq!(CatalogFilter::default().hides(&empty), Some(HiddenReason::Empty));
    let sessions = vec![Arc::new(empty), Arc::new(session(2, Some(1), 0))];
    catalog.apply(CatalogChange { sessions, ..CatalogChange::default() });
    let shown = |show_hidden| {
        let view = catalog.view(&CatalogFilter { show_hidden, ..CatalogFilter::default() }, Sort::default());
        (view.sessions.len(), view.hidden.empty)
    };
    assert_eq!((shown(false), shown(true)), ((1, 1), (2, 0)));
}

#[test]
fn h43_the_order_is_independent_of_arrival() {
    let all: Vec<_> = (0..9).map(|id| Arc::new(session(id, Some(i64::from(id % 2)), 0))).collect();
    let view = |sessions: Vec<Arc<Session>>| {
        let mut catalog = Catalog::default();
        for one in sessions {
            catalog.apply(CatalogChange { sessions: vec![one], ..CatalogChange::default() });
        }
        catalog.view(&CatalogFilter::default(), Sort::Turns).sessions
    };
    assert_eq!(view(all.clone()), view(all.into_iter().rev().collect()));
}

#[test]
fn sessions_elsewhere_are_as_many_as_the_list_of_all_shows() {
    let mut catalog = Catalog::default();
    let here = |id, empty: bool, workspace: &str| {
        let mut session = session(id, Some(1), 0);
        (session.flags.empty, session.workspace) = (empty, workspace.into());
        Arc::new(session)
    };
    let sessions = vec![here(1, false, "/w/a"), here(2, false, "/w/b"), here(3, true, "/w/b"), here(4, true, "/w/a")];
    catalog.apply(CatalogChange { sessions, ..CatalogChange::default() });
    let filter = CatalogFilter { workspace: Some("/w/a".into()), ..CatalogFilter::default() };
    let hidden = catalog.view(&filter, Sort::default()).hidden;
    assert_eq!((hidden.elsewhere, hidden.elsewhere(), hidden.empty, hidden.total()), (1, 2, 1, 3));
    assert_eq!(catalog.view(&CatalogFilter::default(), Sort::default()).sessions.len(), 2);
}

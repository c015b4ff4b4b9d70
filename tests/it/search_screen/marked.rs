//! Marked results: one action on the sessions of a search.

use salon::app::layer::Layer;
use salon::app::search::SearchFocus;
use salon::app::{Effect, Msg};
use salon::domain::SessionKey;
use salon::domain::annotation::AnnotationEdit;
use salon::domain::trash_result::TrashResult;

use super::{GOING, found, search, typed, webhook, webhook_hits};
use crate::screens::stage::{Stage, change};

/// Ends of the ids of marked sessions.
fn marked(stage: &Stage) -> Vec<String> {
    let keys = search(stage).marked_sessions();
    keys.iter().map(|key| key.id[key.id.len() - 4..].to_owned()).collect()
}

fn trashed(stage: &mut Stage) -> Option<Vec<SessionKey>> {
    stage.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Trash { keys, .. } => Some(keys),
        _ => None,
    })
}

#[test]
fn marked_results_are_tagged_exported_and_moved_to_the_trash_together() {
    let mut stage = webhook(120, 40);
    stage.keys("tab space space");
    assert_eq!(marked(&stage), ["0001", "0004"], "in the order of the results");
    let screen = stage.screen();
    assert!(screen.contains(" 2 marked · ") && screen.contains(" esc unmark  * star  # tag  x export"), "{screen}");
    assert_eq!(stage.screen().matches('◆').count(), 2, "{}", stage.screen());
    stage.take_effects();
    stage.keys("*");
    let starred = stage.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Annotate { keys, edit: AnnotationEdit::Star(true) } => Some(keys.len()),
        _ => None,
    });
    assert_eq!(starred, Some(2));
    stage.keys("x");
    assert!(stage.screen().contains("Export 2 sessions"), "{}", stage.screen());
    stage.keys("esc # f o o esc");
    stage.keys("ctrl-a");
    assert_eq!(marked(&stage).len(), 5, "all");
    stage.take_effects();
    stage.keys("d");
    let keys = trashed(&mut stage).expect("moved");
    assert_eq!(keys.len(), 5);
    let done = keys.iter().map(|key| (key.clone(), "a title".to_owned())).collect();
    stage.send(Msg::Trashed(TrashResult { done, ..TrashResult::default() }));
    assert!(stage.screen().contains("Moved 5 sessions to the trash"), "{}", stage.screen());
    let removed = salon::domain::catalog::CatalogChange { removed: keys.clone(), ..change(Vec::new()) };
    stage.send(Msg::Catalog(removed));
    assert_eq!(search(&stage).results.sessions(), 0);
    stage.take_effects();
    stage.keys("u");
    assert!(stage.take_effects().contains(&Effect::Restore(keys)));
}

#[test]
fn marks_end_with_the_query_and_with_escape() {
    let mut stage = webhook(100, 30);
    stage.keys("tab space esc");
    assert!(marked(&stage).is_empty());
    assert_eq!(search(&stage).focus, SearchFocus::Results, "the first escape only removes the marks");
    stage.keys("ctrl-a ctrl-a");
    assert!(marked(&stage).is_empty(), "the second key removes all marks");
    stage.keys("space /");
    typed(&mut stage, "s");
    stage.send(found("webhooks", webhook_hits(), GOING));
    assert!(marked(&stage).is_empty(), "another query has no marks");
    stage.keys("tab ctrl-a");
    assert!(stage.screen().contains("Marked the 5 sessions found so far"), "{}", stage.screen());
    assert!(matches!(stage.app.stack.layers.last(), Some(Layer::Search(_))));
}

#[test]
fn tab_leads_on_from_a_complete_filter_to_the_results() {
    let mut stage = Stage::full(100, 30);
    stage.keys("/");
    typed(&mut stage, "agent:claude");
    stage.send(found("agent:claude", webhook_hits(), super::DONE));
    stage.keys("tab");
    assert_eq!(search(&stage).focus, SearchFocus::Results);
    assert_eq!(search(&stage).input.text(), "agent:claude");
}

//! The values that filters have in the texts of sessions: each is counted as many times as sessions are found by it.

use salon::domain::query::Field;
use salon::index::Options;
use salon::index::search::Cancel;

use crate::index::live::Running;
use crate::search_plants::{ask, corpus, index, open, plant_claude, plant_codex};
use crate::support::Home;

const FIELDS: [Field; 7] = [Field::Tool, Field::File, Field::Exit, Field::Has, Field::Kind, Field::Role, Field::Is];

fn home() -> Home {
    let home = Home::of(&["claude/2.1.329", "codex/0.169.0", "opencode/1.18.33"]);
    plant_claude(&home);
    plant_codex(&home);
    home
}

#[test]
fn each_value_is_counted_as_its_filter_finds_sessions() {
    let home = home();
    let (search, corpus) = (open(&home), corpus(&home));
    index(&search, &corpus);
    for field in FIELDS {
        let values = search.values(&corpus, (field, ""), &Cancel::default());
        assert!(!values.is_empty(), "{field:?}");
        for (value, count) in values {
            let query = format!("{}:\"{value}\"", field.name());
            let found = ask(&search, &corpus, &query).hits.len();
            // Thinking is stored by nobody, and a path may be a part of another.
            let counted = if field == Field::File { found >= count } else { found == count };
            assert!(counted, "{query}: {count} were counted, {found} found");
        }
    }
}

#[test]
fn what_is_typed_of_a_value_narrows_it_and_best_come_those_that_begin_so() {
    let home = home();
    let (search, corpus) = (open(&home), corpus(&home));
    index(&search, &corpus);
    let all = search.values(&corpus, (Field::Tool, ""), &Cancel::default());
    assert!(all.is_sorted_by_key(|(_, count)| std::cmp::Reverse(*count)), "{all:?}");
    let some = search.values(&corpus, (Field::Tool, "SH"), &Cancel::default());
    assert!(!some.is_empty() && some.len() < all.len(), "{some:?} of {all:?}");
    let begins = |value: &str| value.to_lowercase().starts_with("sh");
    assert!(some.iter().all(|(value, _)| value.to_lowercase().contains("sh")), "{some:?}");
    assert!(some.iter().map(|(value, _)| !begins(value)).is_sorted(), "{some:?}");
    assert!(search.values(&corpus, (Field::Dir, ""), &Cancel::default()).is_empty(), "a session tells that itself");
}

#[test]
fn a_running_index_counts_when_it_is_asked_and_a_newer_question_counts() {
    let home = home();
    let mut running = Running::settled(Options { cache_dir: Some(home.path().join("cache")), ..options(&home) });
    running.until("all is stored", |running| running.indexed.is_some_and(|now| now.done == now.total && now.total > 0));
    running.index.count_values(Field::Tool, "nowhere".into());
    running.index.count_values(Field::Tool, String::new());
    let answer = |running: &Running| running.values.iter().find(|(asked, _)| asked == "tool:").cloned();
    running.until("the newer answer", |running| answer(running).is_some());
    let (_, values) = answer(&running).expect("it came");
    let expected = open(&Home::empty()).values(&corpus(&home), (Field::Tool, ""), &Cancel::default());
    assert!(expected.is_empty() && !values.is_empty(), "only what is stored is counted");
}

fn options(home: &Home) -> Options {
    Options::new(home.environment(), std::time::Instant::now)
}

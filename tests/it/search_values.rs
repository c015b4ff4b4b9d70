//! Values of filters in the texts of sessions: each count equals the number of sessions that the filter finds.

use salon::domain::query::FilterKey;
use salon::index::IndexOptions;
use salon::index::search::Cancel;

use crate::index::live::Running;
use crate::search_needles::{ask, corpus, index, open, write_claude_needles, write_codex_needles};
use crate::support::Home;

const FIELDS: [FilterKey; 7] = [
    FilterKey::Tool,
    FilterKey::File,
    FilterKey::Exit,
    FilterKey::Has,
    FilterKey::Kind,
    FilterKey::Role,
    FilterKey::Is,
];

fn home() -> Home {
    let home = Home::of(&["claude/2.1.329", "codex/0.169.0", "opencode/1.18.33"]);
    write_claude_needles(&home);
    write_codex_needles(&home);
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
            // Thinking is not indexed, and a path may be part of another one.
            let counted = if field == FilterKey::File { found >= count } else { found == count };
            assert!(counted, "{query}: {count} were counted, {found} found");
        }
    }
}

#[test]
fn typed_text_narrows_values_and_prefix_matches_come_first() {
    let home = home();
    let (search, corpus) = (open(&home), corpus(&home));
    index(&search, &corpus);
    let all = search.values(&corpus, (FilterKey::Tool, ""), &Cancel::default());
    assert!(all.is_sorted_by_key(|(_, count)| std::cmp::Reverse(*count)), "{all:?}");
    let some = search.values(&corpus, (FilterKey::Tool, "SH"), &Cancel::default());
    assert!(!some.is_empty() && some.len() < all.len(), "{some:?} of {all:?}");
    let begins = |value: &str| value.to_lowercase().starts_with("sh");
    assert!(some.iter().all(|(value, _)| value.to_lowercase().contains("sh")), "{some:?}");
    assert!(some.iter().map(|(value, _)| !begins(value)).is_sorted(), "{some:?}");
    assert!(search.values(&corpus, (FilterKey::Dir, ""), &Cancel::default()).is_empty(), "a session tells that itself");
}

#[test]
fn a_running_index_counts_and_a_newer_count_cancels_the_older() {
    let home = home();
    let mut running =
        Running::complete_and_watched(IndexOptions { cache_dir: Some(home.path().join("cache")), ..options(&home) });
    running.until("everything is indexed", |running| {
        running.indexed.is_some_and(|now| now.done == now.total && now.total > 0)
    });
    running.index.count_values(FilterKey::Tool, "nowhere".into());
    running.index.count_values(FilterKey::Tool, String::new());
    let answer = |running: &Running| running.values.iter().find(|(asked, _)| asked == "tool:").cloned();
    running.until("the newer answer", |running| answer(running).is_some());
    let (_, values) = answer(&running).expect("it came");
    let expected = open(&Home::empty()).values(&corpus(&home), (FilterKey::Tool, ""), &Cancel::default());
    assert!(expected.is_empty() && !values.is_empty(), "only what is stored is counted");
}

fn options(home: &Home) -> IndexOptions {
    IndexOptions::new(home.environment(), std::time::Instant::now)
}

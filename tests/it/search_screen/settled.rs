//! The rows that one looks at keep their place once the text index was searched, while files are searched.

use salon::app::{Effect, Msg};
use salon::domain::query::Query;
use salon::domain::search::SearchUpdate;
use salon::index::search::{Cancel, Corpus, QueryRequest, SearchIndex};
use serde_json::json;

use crate::screens::stage::{Stage, change};
use crate::search_needles::{claude_line, corpus, index, now, open, write};
use crate::support::Home;

/// Number of sessions; more than the screen shows.
const SESSIONS: u32 = 40;

/// Writes sessions with "ibis" in outputs, the more the older they are, and in every third prompt.
fn write_sessions(home: &Home) {
    for number in 1..=SESSIONS {
        let id = format!("aaaaaaaa-0000-4000-8000-0000000000{number:02}");
        let output = |count: u32| {
            let text = "an ibis ".repeat(usize::try_from(count).expect("small"));
            json!([{"type": "tool_result", "tool_use_id": format!("t{count}"), "content": text}])
        };
        let prompt = if number % 3 == 0 { "where is the ibis of" } else { "begin" };
        let mut lines = vec![claude_line(1, "user", &json!(format!("{prompt} session-{number:02}")))];
        lines.extend((2..50 - number).filter(|_| number % 5 != 0).map(|at| claude_line(at, "user", &output(at))));
        for line in &mut lines {
            line["timestamp"] = json!(format!("2026-10-{:02}T{:02}:00:00.000Z", 1 + number / 2, 9 + number % 2));
            line["sessionId"] = json!(id);
            // Records with the same id would be a copy of another session.
            for field in ["uuid", "parentUuid"] {
                if let Some(record) = line[field].as_str().map(|record| format!("{record}-{number}")) {
                    line[field] = json!(record);
                }
            }
        }
        write(&home.path().join(format!(".claude/projects/-srv-app/{id}.jsonl")), &lines);
    }
}

/// Names of the sessions on the screen, from top to bottom.
fn rows(stage: &mut Stage) -> Vec<String> {
    let named = |line: &str| line.find("session-").map(|at| line[at..].chars().take(10).collect());
    stage.screen().lines().filter_map(named).collect()
}

/// Answers the requested searches. Returns the rows on the screen after each update from the first settled one on.
fn answer(stage: &mut Stage, corpus: &Corpus, search: &SearchIndex) -> Vec<Vec<String>> {
    let mut shown = Vec::new();
    for effect in stage.take_effects() {
        let Effect::Search(asked) = effect else { continue };
        let query = Query::parse(&asked.query);
        let mut request = QueryRequest::new(&query, corpus, now());
        (request.order, request.pin) = (asked.order, true);
        let mut updates: Vec<SearchUpdate> = Vec::new();
        search.search(&request, &Cancel::default(), &mut |update| updates.push(update));
        for update in updates {
            let is_settled = update.coverage.indexed;
            stage.send(Msg::SearchUpdate { query: asked.query.clone(), update });
            if is_settled {
                shown.push(rows(stage));
            }
        }
    }
    shown
}

#[test]
fn rows_on_the_screen_keep_their_order_after_the_first_settled_frame() {
    let home = Home::empty();
    write_sessions(&home);
    let (corpus, search) = (corpus(&home), open(&home));
    index(&search, &corpus);
    for (width, height) in [(120, 40), (80, 24)] {
        let mut stage = Stage::new(width, height);
        stage.send(Msg::Catalog(change(corpus.sessions().iter().map(|session| (**session).clone()).collect())));
        stage.keys("/");
        for letter in "ibis".chars() {
            stage.send(Msg::Key(salon::config::key::Key::char(letter)));
            let shown = answer(&mut stage, &corpus, &search);
            let (first, rest) = shown.split_first().expect("a settled frame");
            for later in rest {
                assert_eq!(later[..first.len()], first[..], "{width}×{height}, {letter}: a row moved");
            }
        }
        let outputs = rows(&mut stage).len();
        assert!(outputs > usize::from(height) / 4, "{outputs} rows at {width}×{height}");
    }
}

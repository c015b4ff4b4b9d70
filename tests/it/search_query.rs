//! Query language: its meaning, the spans of errors, and robustness against any input.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use salon::domain::annotation::{Annotation, AnnotationEdit};
use salon::domain::query::complete::{QueryCandidate, complete, rank_values};
use salon::domain::query::fold::{Case, fold};
use salon::domain::query::jump::Jump;
use salon::domain::query::matcher::NeedleMatcher;
use salon::domain::query::{
    Filter, FilterContext, FilterKey, Needle, NeedleForm, NumberRange, Query, QueryErrorKind, TermKind, TimeSpec,
};
use salon::domain::{Agent, Session, SessionKey, SessionState, Time};
use salon::index::search::prefilter::JsonPrefilter;

fn whats(query: &Query) -> Vec<Vec<(bool, &TermKind)>> {
    query.branches.iter().map(|branch| branch.terms.iter().map(|term| (term.negated, &term.kind)).collect()).collect()
}

/// Terms of a query; a word that begins with a slash may be shown as a phrase.
fn shown_terms(query: &Query) -> Vec<Vec<(bool, TermKind)>> {
    let form = |kind: &TermKind| match kind {
        TermKind::Text(Needle { text: slashed, form: NeedleForm::Word }) if slashed.starts_with('/') => {
            text(slashed, NeedleForm::Phrase)
        }
        kind => kind.clone(),
    };
    let terms = whats(query).into_iter();
    terms.map(|branch| branch.into_iter().map(|(negated, kind)| (negated, form(kind))).collect()).collect()
}

fn needle(text: &str, form: NeedleForm) -> Needle {
    Needle { text: text.into(), form }
}

fn text(text: &str, form: NeedleForm) -> TermKind {
    TermKind::Text(needle(text, form))
}

fn found(needle_text: &str, form: NeedleForm, haystack: &str) -> Option<String> {
    let matcher = NeedleMatcher::new(&needle(needle_text, form)).expect("a needle");
    matcher.find_at(haystack, 0).map(|range| haystack[range].to_owned())
}

#[test]
fn words_phrases_negation_or_and_regex() {
    let query = Query::parse(r#"foo "two  words" -bar OR /a.*b c/ --flag - x-y"#);
    let expected = [
        vec![
            (false, text("foo", NeedleForm::Word)),
            (false, text("two  words", NeedleForm::Phrase)),
            (true, text("bar", NeedleForm::Word)),
        ],
        vec![
            (false, text("a.*b c", NeedleForm::Regex)),
            (false, text("--flag", NeedleForm::Word)),
            (false, text("-", NeedleForm::Word)),
            (false, text("x-y", NeedleForm::Word)),
        ],
    ];
    let expected: Vec<Vec<(bool, &TermKind)>> =
        expected.iter().map(|branch| branch.iter().map(|(not, what)| (*not, what)).collect()).collect();
    assert_eq!(whats(&query), expected);
    assert!(query.errors.is_empty(), "{:?}", query.errors);
}

#[test]
fn code_and_paths_are_words() {
    for word in
        ["std::vec", "foo::bar(", "/home/dev/x.rs", "/usr/bin/", "http://x/y", "12:30", "a\"b", "#!", "#4711", "&&"]
    {
        let query = Query::parse(word);
        assert_eq!(whats(&query), [[(false, &text(word, NeedleForm::Word))]], "{word}");
        assert!(query.errors.is_empty(), "{word}: {:?}", query.errors);
    }
}

#[test]
fn filters_take_lists_and_negation() {
    let query = Query::parse(r#"agent:claude,codex -dir:"My Café app",api turns:>5 tokens:<100k exit:1..3 #infra"#);
    assert!(query.errors.is_empty(), "{:?}", query.errors);
    let filters: Vec<_> = query.branches[0].filters().collect();
    assert_eq!(filters[0], (&Filter::Agent(vec![Agent::Claude, Agent::Codex]), false));
    assert_eq!(filters[1], (&Filter::Dir(vec!["My Café app".into(), "api".into()]), true));
    assert_eq!(filters[2], (&Filter::Turns(vec![NumberRange { from: 6, to: u64::MAX }]), false));
    assert_eq!(filters[3], (&Filter::Tokens(vec![NumberRange { from: 0, to: 99_999 }]), false));
    assert_eq!(filters[4], (&Filter::Exit(vec![NumberRange { from: 1, to: 3 }]), false));
    assert_eq!(filters[5], (&Filter::Tag(vec!["infra".into()]), false));
}

#[test]
fn a_tag_is_a_filter_and_an_issue_number_is_a_word() {
    let tag = Filter::Tag(vec!["infra".into()]);
    for source in ["#infra", "tag:infra"] {
        let query = Query::parse(source);
        assert_eq!(query.branches[0].filters().collect::<Vec<_>>(), [(&tag, false)], "{source}");
        assert_eq!(query.to_string(), "#infra");
    }
    assert_eq!(Query::parse("tag:a,b").to_string(), "tag:a,b");
    assert_eq!(Query::parse("#4711").branches[0].filters().count(), 0);
}

#[test]
fn a_mistake_is_marked_and_the_rest_runs() {
    for (source, marked, kept) in [
        ("agnet:claude fix", "agnet:claude", "fix"),
        ("agent:claude,nobody fix", "nobody", "agent:claude fix"),
        ("turns:many fix", "many", "fix"),
        ("since:someday fix", "someday", "fix"),
        ("is:dead fix", "dead", "fix"),
        ("agent: fix", "agent:", "fix"),
        ("/a(/ fix", "/a(/", "fix"),
        ("fix \"open", "\"open", "fix \"open\""),
        ("fix dir:x,\"my app", "\"my app", "fix dir:x,\"my app\""),
        ("fix \"\"", "\"\"", "fix"),
        ("OR fix", "OR", "fix"),
        ("fix OR ", "OR", "fix"),
        ("fix dir:x,\"my app", "\"my app", "fix dir:x,\"my app\""),
        ("fix \"\"", "\"\"", "fix"),
        ("OR fix", "OR", "fix"),
        ("fix OR ", "OR", "fix"),
        ("/a{999}{999}{999}/ fix", "/a{999}{999}{999}/", "fix"),
    ] {
        let query = Query::parse(source);
        let spans: Vec<_> = query.errors.iter().map(|mistake| &source[mistake.span.clone()]).collect();
        assert_eq!(spans, [marked], "{source}: {:?}", query.errors);
        assert_eq!(query.to_string(), kept, "{source}");
    }
    assert_eq!(Query::parse(&"OR ".repeat(3_000)).errors.len(), 16, "more than anybody mends at once");
}

#[test]
fn a_star_within_a_word_matches_any_text_without_white_space() {
    let query = Query::parse("retry*off -*.lock src/**/*.rs /* ** \"a*b\"");
    let kinds: Vec<_> = query.branches[0].terms.iter().map(|term| (term.negated, &term.kind)).collect();
    assert_eq!(
        kinds,
        [
            (false, &text("retry*off", NeedleForm::Wildcard)),
            (true, &text("*.lock", NeedleForm::Wildcard)),
            (false, &text("src/**/*.rs", NeedleForm::Wildcard)),
            (false, &text("/*", NeedleForm::Word)),
            (false, &text("**", NeedleForm::Word)),
            (false, &text("a*b", NeedleForm::Phrase)),
        ]
    );
    for (wanted, haystack, hit) in [
        ("retry*off", "a retry_with_back-off here", Some("retry_with_back-off")),
        ("retry*off", "retry with a back-off", None),
        ("retry*off", "RETRYoff", Some("RETRYoff")),
        ("Retry*", "the retry", None),
        ("src/**/*.rs", "in src/app/search/mod.rs now", Some("src/app/search/mod.rs")),
        ("caf*fe", "un CAFÉ-cafe\u{301}", Some("CAFÉ-cafe\u{301}")),
        ("字*字", "文字と文字", Some("字と文字")),
    ] {
        assert_eq!(found(wanted, NeedleForm::Wildcard, haystack).as_deref(), hit, "{wanted} in {haystack}");
    }
    let raw = JsonPrefilter::new(&needle("re*back-off", NeedleForm::Wildcard)).expect("a part to go by");
    assert!(raw.may_match(br#"{"text":"retry_back-off"}"#) && !raw.may_match(br#"{"text":"retry"}"#));
}

#[test]
fn an_unknown_filter_is_marked_and_searched_as_text() {
    for (source, marked) in [("cost:>1 fix", "cost:>1"), ("fix repo:shop", "repo:shop"), ("-lang:rust", "-lang:rust")] {
        let query = Query::parse(source);
        let [error] = &query.errors[..] else { panic!("{source}: {:?}", query.errors) };
        assert_eq!((&source[error.span.clone()], error.kind), (marked, QueryErrorKind::SearchedAsText));
        assert_eq!(query.to_string(), source);
    }
}

#[test]
fn what_may_still_become_valid_is_unfinished() {
    for (source, unfinished) in [
        ("agent:", true),
        ("agent:cla", true),
        ("agent:nobody", false),
        ("agent:codex,", false),
        ("turns:>", true),
        ("turns:x", false),
        ("since:2026-1", true),
        ("since:yes", true),
        ("since:someday", false),
        ("\"two wor", true),
        ("dir:\"my", true),
        ("fix OR", true),
        ("cost:>1", false),
        ("is:sub", true),
    ] {
        let errors = Query::parse(source).errors;
        assert_eq!(
            errors.iter().any(|error| error.kind == QueryErrorKind::Unfinished),
            unfinished,
            "{source}: {errors:?}"
        );
    }
}

#[test]
fn days_and_ages_are_resolved_in_the_users_zone() {
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let facts = FilterContext {
        now: Time::parse("2026-11-21T12:00:00Z").expect("a time"),
        zone: Some(&zone),
        ..FilterContext::default()
    };
    let at = |text: &str| TimeSpec::parse(text).map(|when| when.range(&facts).0.rfc3339());
    assert_eq!(at("2d").as_deref(), Some("2026-11-19T12:00:00.000Z"));
    assert_eq!(at("yesterday").as_deref(), Some("2026-11-19T23:00:00.000Z"));
    assert_eq!(at("2026-11-01").as_deref(), Some("2026-10-31T23:00:00.000Z"));
    assert_eq!(at("2026-10").as_deref(), Some("2026-09-30T23:00:00.000Z"));
    assert_eq!(at("1m").as_deref(), Some("2026-10-21T12:00:00.000Z"));
    assert_eq!(at("2026-13-01"), None);
    assert!(at("4294967295y").is_some(), "beyond the calendar is its beginning");
}

#[test]
fn sessions_answer_the_filters_about_them() {
    let mut session = Session::new(SessionKey::new(Agent::Claude, "143b81a6"), "/x.jsonl".into());
    session.cwd = "/home/dev/src/shop-api".into();
    session.branch = Some("feature/Cart".into());
    session.turns = 7;
    session.state = SessionState::Idle;
    session.last_activity = Time::parse("2026-11-20T09:00:00Z");
    let mut annotation = Annotation { starred: true, tags: vec!["infra".into()], ..Annotation::default() };
    annotation.apply(&AnnotationEdit::Note(Some("Ask Mara".into())));
    session.annotate(annotation.into());
    let now = Time::parse("2026-11-21T12:00:00Z").expect("a time");
    let facts = FilterContext { now, home: "/home/dev", ..FilterContext::default() };
    let admits = |source: &str| {
        let query = Query::parse(source);
        assert!(query.errors.is_empty(), "{source}: {:?}", query.errors);
        query.branches[0].filters().all(|(filter, negated)| filter.admits(&session, &facts) != negated)
    };
    for yes in [
        "agent:codex,claude",
        "dir:shop",
        "dir:~/src",
        "dir:/home/dev/src",
        "branch:cart",
        "turns:>5",
        "is:live",
        "is:star",
        "#infra",
        "note:mara",
        "id:143b",
        "since:2d",
        "on:yesterday",
        "before:today",
        "-is:subagent",
        "-agent:codex",
    ] {
        assert!(admits(yes), "{yes}");
    }
    for no in ["agent:codex", "dir:/home/dev/s", "turns:<7", "is:fork", "#other", "since:1h", "on:today", "-is:live"] {
        assert!(!admits(no), "{no}");
    }
}

#[test]
fn texts_match_whatever_their_case_accents_and_composition() {
    for (wanted, text, hit) in [
        ("funfgroßenahre", "Die Abkürzung fünfgrößenähre gilt", Some("fünfgrößenähre")),
        ("crêmebrûlée", "la cremebrulee ici", Some("cremebrulee")),
        ("cafézq", "the cafe\u{301}zq spelling", Some("cafe\u{301}zq")),
        ("жужелица", "Название ЖУЖЕЛИЦА пишем", Some("ЖУЖЕЛИЦА")),
        ("ёлка", "новая елка", Some("елка")),
        ("елка", "новая ёлка", Some("ёлка")),
        ("鲸落检索", "我们决定把鲸落检索模块", Some("鲸落检索")),
        ("두루미", "이번 두루미색인기를", Some("두루미")),
        (
            "두루미",
            "이번 \u{1103}\u{116e}\u{1105}\u{116e}\u{1106}\u{1175}",
            Some("\u{1103}\u{116e}\u{1105}\u{116e}\u{1106}\u{1175}"),
        ),
        ("🦥🧲", "the 🦥🧲🪤 marker", Some("🦥🧲")),
        ("abc", "ＡＢＣ full width", Some("ＡＢＣ")),
        ("Error", "an error", None),
        ("Error", "an Error", Some("Error")),
        ("quokka", "fetchQuokkaPayload", Some("Quokka")),
        ("ΣΟΦΟΣ", "σοφος", None),
        ("σοφος", "ΣΟΦΟΣ", Some("ΣΟΦΟΣ")),
    ] {
        assert_eq!(found(wanted, NeedleForm::Word, text).as_deref(), hit, "{wanted} in {text}");
    }
    assert_eq!(
        found("memory allocation", NeedleForm::Phrase, "a memory\n  allocation b").as_deref(),
        Some("memory\n  allocation")
    );
    assert_eq!(found("api_key", NeedleForm::Phrase, "the api key"), None);
    assert_eq!(found(r"err\w+ \d+", NeedleForm::Regex, "Error 42").as_deref(), Some("Error 42"));
}

#[test]
fn filters_complete_with_counts() {
    let values = |field| match field {
        FilterKey::Branch => vec![("main".into(), 3), ("my work".into(), 9)],
        _ => Vec::new(),
    };
    let texts = |source: &str| {
        let completion = complete(source, source.len(), values);
        completion.candidates.iter().map(|c: &QueryCandidate| c.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts("fix -ag"), ["agent:"]);
    assert_eq!(texts("agent:claude,co"), ["codex", "opencode"]);
    assert_eq!(texts("branch:m"), ["\"my work\"", "main"]);
    assert_eq!(complete("branch:ma", 9, values).span, 7..9);
    assert_eq!(texts("-branch:\"my w"), ["\"my work\""], "a value in quotes goes on behind a blank");
    assert_eq!(complete("x branch:\"my w", 15, values).span, 9..14);
    assert_eq!(texts("branch:main,"), ["\"my work\""], "what stands there already is not offered again");
    assert_eq!(texts("since:"), ["today", "yesterday", "2d", "1w", "1m"]);
    assert!(texts("\"an ag").is_empty() && texts("fix ").is_empty() && texts("/ag").is_empty());
    let files = rank_values(FilterKey::File, "re", vec![("/src/are.rs".into(), 9), ("/src/retry.rs".into(), 1)]);
    assert_eq!(files.first().map(|(path, _)| path.as_str()), Some("/src/retry.rs"), "its name begins so");
}

#[test]
fn pasted_ids_commands_and_paths_are_recognised() {
    let uuid = "143b81a6-7d8c-4196-a91b-8320eafa2b09";
    let id = |agent| Some(Jump::Id(agent, uuid.to_owned()));
    assert_eq!(Jump::parse(uuid), id(None));
    assert_eq!(Jump::parse(&format!("claude:{uuid}")), id(Some(Agent::Claude)));
    assert_eq!(Jump::parse(&format!(" claude --resume {uuid}\n")), id(Some(Agent::Claude)));
    assert_eq!(Jump::parse(&format!("claude --resume={uuid}")), id(Some(Agent::Claude)));
    assert_eq!(Jump::parse(&format!("cd '/home/x y' && qwen --resume {uuid}")), id(Some(Agent::Qwen)));
    assert_eq!(Jump::parse(&format!("codex resume {uuid}")), id(Some(Agent::Codex)));
    assert_eq!(Jump::parse(&format!("Resume this session with: claude --resume={uuid}")), id(Some(Agent::Claude)));
    assert_eq!(Jump::parse("goose session -r --session-id 20261121_1").map(|_| ()), Some(()));
    assert_eq!(Jump::parse("~/a b/x.jsonl"), Some(Jump::Path("~/a b/x.jsonl".into())));
    for none in ["claude", "fix claude resume", "/home/dev", "143b81a6", "ses_x", "why does codex not resume"] {
        assert_eq!(Jump::parse(none), None, "{none}");
    }
}

#[test]
fn a_very_long_query_is_cheap_and_says_what_is_left_out() {
    let query = Query::parse(&"word ".repeat(2_000));
    assert_eq!(query.branches[0].terms.len(), 64);
    assert_eq!(query.errors.len(), 1);
    for hostile in ["(".repeat(10_000), "\"".repeat(9_999), format!("/{}/", "(".repeat(9_998)), "a".repeat(10_000)] {
        let query = Query::parse(&hostile);
        assert!(query.needles().all(|needle| NeedleMatcher::new(needle).is_ok()));
    }
}

/// Queries made of meaningful pieces.
fn sources() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" "),
        Just("\""),
        Just("/"),
        Just("-"),
        Just("OR"),
        Just(":"),
        Just(","),
        Just("\\"),
        Just("#"),
        Just("agent:"),
        Just("claude"),
        Just("turns:"),
        Just(">5"),
        Just("since:"),
        Just("2d"),
        Just("dir:"),
        Just("é"),
        Just("e\u{301}"),
        Just("ß"),
        Just("字"),
        Just("is:"),
        Just("live"),
        Just("("),
        Just("["),
        Just("*"),
        Just("\0"),
        Just("x"),
        Just("\n"),
        Just("\u{1b}["),
        Just("#tag"),
        Just("on:"),
        Just("2026-11-01"),
    ];
    prop_oneof![proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()), any::<String>(),]
}

#[test]
fn words_with_slashes_are_shown_so_that_they_stay_words() {
    for (source, shown) in [
        ("/\non:// /", "\"/\" /"),
        ("-/a on:// x/", "-\"/a\" x/"),
        ("/a on:// x OR b/", "\"/a\" x OR b/"),
        ("/home/dev on:// /", "/home/dev /"),
        ("/a b/ OR c", "/a b/ OR c"),
    ] {
        let query = Query::parse(source);
        assert_eq!(query.to_string(), shown, "{source:?}");
        assert_eq!(shown_terms(&Query::parse(shown)), shown_terms(&query), "{source:?}");
    }
}

proptest! {
    #[test]
    fn a_query_never_panics_and_shows_as_itself(source in sources()) {
        let query = Query::parse(&source);
        for mistake in &query.errors {
            prop_assert!(source.get(mistake.span.clone()).is_some());
        }
        for term in query.branches.iter().flat_map(|branch| &branch.terms) {
            prop_assert!(source.get(term.span.clone()).is_some());
        }
        let shown = query.to_string();
        let again = Query::parse(&shown);
        prop_assert_eq!(shown_terms(&again), shown_terms(&query), "{:?} shown as {:?}", source, shown);
        for at in 0..=source.len() {
            complete(&source, at, |_| Vec::new());
        }
        Jump::parse(&source);
    }

    #[test]
    fn what_plain_comparison_finds_the_matcher_finds(
        text in "[a-cA-C \u{301}éßüйЖ字\u{1100}-\u{1103}ﬁ]{0,40}",
        wanted in "[a-cA-C éßüйж字f]{1,4}",
    ) {
        let needle = needle(&wanted, NeedleForm::Phrase);
        let case = Case::smart(&wanted);
        let folded = fold(wanted.trim(), case);
        prop_assume!(!folded.trim().is_empty());
        let plain = fold(&text, case).contains(&folded);
        let matcher = NeedleMatcher::new(&needle).expect("a needle");
        let hit = matcher.find_at(&text, 0);
        prop_assert!(!plain || hit.is_some(), "{:?} in {:?}", wanted, text);
        if let Some(range) = hit {
            prop_assert!(text.get(range).is_some());
            if let Some(raw) = JsonPrefilter::new(&needle) {
                let json = serde_json::to_string(&text).expect("JSON");
                prop_assert!(raw.may_match(json.as_bytes()), "{:?} in {}", wanted, json);
            }
        }
    }
}

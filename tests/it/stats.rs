//! Usage: each token counts once, costs are known, estimated or absent, and the page shows them at every size.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use salon::app::Msg;
use salon::config::settings::Settings;
use salon::domain::usage::{UsageSlot, add_usage};
use salon::domain::usage_report::{ReportOptions, UsageReport, day_of};
use salon::domain::{Agent, Session, Time, Tokens};
use serde_json::{Value, json};

use super::cli::{json as output_json, run};
use super::screens::stage::{NOW, Stage, change, session};
use crate::support::Home;

/// Returns a line of a prompt.
fn prompt(session: &str, uuid: &str, time: &str) -> Value {
    json!({"parentUuid": null, "isSidechain": false, "type": "user", "message": {"role": "user", "content": "go"},
        "uuid": uuid, "timestamp": time, "cwd": "/work/shop", "sessionId": session, "version": "2.1.329"})
}

/// Returns a line of a reply: the id of its message, its model, and its input and output tokens.
fn reply(session: &str, (parent, uuid): (&str, &str), time: &str, usage: (&str, &str, u64, u64)) -> Value {
    let (message, model, input, output) = usage;
    json!({"parentUuid": parent, "isSidechain": false, "type": "assistant", "uuid": uuid, "timestamp": time,
        "requestId": format!("req_{message}"), "cwd": "/work/shop", "sessionId": session, "version": "2.1.329",
        "message": {"id": message, "role": "assistant", "model": model, "content": [{"type": "text", "text": "done"}],
            "usage": {"input_tokens": input, "output_tokens": output}}})
}

fn printed(home: &Home, args: &[&str]) -> String {
    String::from_utf8(run(home, args).stdout).expect("text")
}

fn write(home: &Path, name: &str, lines: &[Value]) {
    let path = home.join(".claude/projects/-work-shop").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(path, text.join("\n") + "\n").expect("written");
}

const FIRST: &str = "11111111-0000-4000-8000-000000000000";
const FORK: &str = "22222222-0000-4000-8000-000000000000";

/// Creates a home with a session, its fork and its sub-agent.
fn family() -> Home {
    let home = Home::empty();
    let own = |session: &str| {
        vec![
            prompt(session, "u1", "2026-11-19T10:00:00.000Z"),
            // One reply in two records, whose usage grows.
            reply(session, ("u1", "u2"), "2026-11-19T10:00:05.000Z", ("m1", "claude-sonnet-4-5-20250929", 1_000, 5)),
            reply(session, ("u2", "u3"), "2026-11-19T10:00:06.000Z", ("m1", "claude-sonnet-4-5-20250929", 1_000, 600)),
            reply(session, ("u3", "u4"), "2026-11-20T10:00:00.000Z", ("m2", "nobody-knows-1", 400, 100)),
        ]
    };
    let mut first = own(FIRST);
    let later = ("m5", "claude-sonnet-4-5-20250929", 100, 10);
    first.push(reply(FIRST, ("u4", "u6"), "2026-11-20T10:30:00.000Z", later));
    write(home.path(), &format!("{FIRST}.jsonl"), &first);
    let mut fork = own(FORK);
    fork.push(reply(
        FORK,
        ("u4", "u5"),
        "2026-11-20T11:00:00.000Z",
        ("m3", "claude-sonnet-4-5-20250929", 2_000, 1_000),
    ));
    write(home.path(), &format!("{FORK}.jsonl"), &fork);
    let subagent = reply(FIRST, ("s1", "s2"), "2026-11-19T10:01:00.000Z", ("m4", "claude-haiku-4-5", 3_000, 1_000));
    let mut records = vec![prompt(FIRST, "s1", "2026-11-19T10:00:30.000Z"), subagent];
    for record in &mut records {
        record["isSidechain"] = true.into();
        record["agentId"] = "a1".into();
    }
    write(home.path(), &format!("{FIRST}/subagents/agent-a1.jsonl"), &records);
    home
}

#[test]
fn h2_h5_each_usage_counts_once() {
    let home = family();
    let stats = output_json(&run(&home, &["stats", "--json"]));
    let total = &stats["total"];
    // Copied replies belong to the origin, and a sub-agent's to the session that started it.
    assert_eq!(total["tokens"]["input"], 1_000 + 400 + 100 + 2_000 + 3_000, "{stats}");
    assert_eq!(total["tokens"]["output"], 600 + 100 + 10 + 1_000 + 1_000);
    assert_eq!((&total["sessions"], &total["unpriced_tokens"]), (&json!(2), &json!(500)));
    // Sonnet: 3,100 in at $3 and 1,610 out at $15; Haiku: 3,000 in at $1 and 1,000 out at $5.
    assert_eq!(total["cost_usd"], json!({"known": 0.0, "estimated": 0.0415}));
    let days: Vec<_> = stats["days"].as_array().expect("days").iter().map(|day| day["day"].as_str()).collect();
    assert_eq!(days, [Some("2026-11-19"), Some("2026-11-20")]);
    let models: Vec<_> = stats["models"].as_array().expect("models").iter().map(|model| &model["name"]).collect();
    assert_eq!(models, ["claude-sonnet-4-5-20250929", "claude-haiku-4-5", "nobody-knows-1"]);
    assert_eq!(stats["workspaces"][0]["name"], "/work/shop");
    assert_eq!(stats["sessions"].as_array().map(Vec::len), Some(2));
    // From the cache the numbers are the same.
    assert_eq!(output_json(&run(&home, &["stats", "--json"])), stats);
}

#[test]
fn stats_are_limited_to_days_agents_and_queries() {
    let home = family();
    let tokens = |args: &[&str]| {
        let stats = output_json(&run(&home, &[&["stats", "--json"], args].concat()));
        stats["total"]["tokens"]["input"].as_u64().expect("a count")
    };
    assert_eq!(tokens(&["--since", "2026-11-20"]), 2_500);
    assert_eq!(tokens(&["--until", "2026-11-20"]), 4_000);
    assert_eq!(tokens(&["--agent", "codex"]), 0);
    assert_eq!(tokens(&["model:haiku"]), 3_000);
    assert_eq!(tokens(&["is:fork"]), 2_000);
}

#[test]
fn a_reported_cost_is_known_and_covers_sub_agents() {
    let home = family();
    let path = home.path().join(format!(".claude/projects/-work-shop/{FIRST}.jsonl"));
    let mut text = fs::read_to_string(&path).expect("readable");
    text.push_str(&json!({"type": "cost-state", "totalCostUSD": 2.5, "sessionId": FIRST}).to_string());
    fs::write(&path, text + "\n").expect("written");
    let stats = output_json(&run(&home, &["stats", "--json"]));
    assert_eq!(stats["total"]["cost_usd"], json!({"known": 2.5, "estimated": 0.021}), "{stats}");
    assert_eq!(stats["total"]["unpriced_tokens"], 0);
    let known: f64 = stats["days"]
        .as_array()
        .expect("days")
        .iter()
        .map(|day| day["cost_usd"]["known"].as_f64().expect("a cost"))
        .sum();
    assert!((known - 2.5).abs() < 0.001, "the days share the cost: {known}");
}

#[test]
fn prices_of_the_user_take_precedence() {
    let (settings, problems) = Settings::read(
        r#"prices = [{ model = "nobody-*", input = 1.0, output = 2 }, { model = "claude-sonnet-4-5", input = 7.0 }]"#,
    );
    assert_eq!(problems, []);
    let price = |model: &str| settings.prices.of(model).map(|price| (price.input, price.output));
    assert_eq!(price("nobody-knows-1"), Some((1.0, 2.0)));
    assert_eq!(price("anthropic/claude-sonnet-4-5-20250929"), Some((7.0, 0.0)));
    assert_eq!(price("us.anthropic.claude-opus-4-1-20250805-v1:0"), Some((15.0, 75.0)));
    assert_eq!(price("claude-opus-4-5"), Some((5.0, 25.0)));
    assert_eq!(price("gpt-5-mini-2025-08-07"), Some((0.25, 2.0)));
    assert_eq!((price("gpt-9"), price("llama3.2:3b"), price("")), (None, None, None));
    assert_eq!(settings.prices.date.len(), 10);
    for wrong in [
        "prices = 3",
        "prices = [{ input = 1 }]",
        "prices = [{ model = \"a\", input = -1 }]",
        "prices = [{ model = \"a\", price = 1 }]",
    ] {
        assert_eq!(Settings::read(wrong).1.len(), 1, "{wrong}");
    }
}

#[test]
fn tables_have_names_numbers_and_bars() {
    let home = family();
    let text = printed(&home, &["stats"]);
    for part in
        ["Usage from 2026-11-19", "Workspace", "claude-haiku-4-5", "~$0.04 + ?", "500 tokens without a price", "█"]
    {
        assert!(text.contains(part), "no {part}:\n{text}");
    }
    let models = printed(&home, &["stats", "--by", "model", "-n", "1"]);
    assert!(models.contains("claude-sonnet-4-5") && models.contains("2 more") && !models.contains("Workspace"));
}

#[test]
fn without_usage_a_sentence_stands_in_place_of_the_tables() {
    let text = printed(&Home::empty(), &["stats"]);
    assert!(text.contains("No usage in this time.") && !text.contains("Workspace"), "{text}");
}

/// Returns sessions with usage over half a year.
fn busy_sessions(count: i64) -> Vec<Session> {
    let models = ["claude-opus-4-5-20251101", "gpt-5-codex", "nobody-knows-1"];
    let agents = [Agent::Claude, Agent::Codex, Agent::OpenCode];
    let workspaces = ["/home/ann/shop-api", "/home/ann/pricing", "/home/ann/在庫", "/home/ann/menu"];
    let one = |number: i64| {
        let at = usize::try_from(number).expect("a number");
        let mut session = session(agents[at % 3], &format!("s{number:05}"), &format!("Task {number}"), number * 613);
        session.workspace = workspaces[at / 3 % 4].into();
        let mut usage = Vec::new();
        for reply in 0..4 {
            let time = Time::from_millis(NOW.millis() - number * 613 * 60_000 - reply * 1_900_000);
            let size = (number * 37 % 11 + 1).cast_unsigned();
            let tokens = Tokens { input: 900 * size, output: 400 * size, cache_read: 21_000 * size, cache_write: 0 };
            add_usage(&mut usage, UsageSlot::of(Some(time)), Some(models[at % 3]), tokens);
        }
        session.usage = usage.into();
        session
    };
    (0..count).map(one).collect()
}

#[test]
fn the_page_of_usage_fits_every_screen() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = Stage::new(width, height);
        stage.send(Msg::Catalog(change(busy_sessions(300))));
        stage.keys("$");
        insta::assert_snapshot!(format!("usage_{width}x{height}"), stage.screen());
    }
}

#[test]
fn workspaces_of_the_usage_have_their_names_in_the_list_and_sums_their_tenths() {
    let mut sessions = busy_sessions(40);
    for (at, session) in sessions.iter_mut().enumerate() {
        session.workspace = ["/src/atlas/core", "/src/jetty/core"][at % 2].into();
        let mut usage = Vec::new();
        let tokens = Tokens { cache_read: 35_000_000, ..Tokens::default() };
        add_usage(&mut usage, UsageSlot::of(Some(NOW)), Some("gpt-5-codex"), tokens);
        session.usage = usage.into();
    }
    let mut stage = Stage::new(120, 40);
    stage.send(Msg::Catalog(change(sessions)));
    stage.keys("$");
    let screen = stage.screen();
    assert!(screen.contains("▌atlas/core") && screen.contains(" jetty/core"), "{screen}");
    assert!(screen.contains("40 sessions · 1.4G tokens"), "{screen}");
}

#[test]
fn the_page_changes_period_group_and_scope() {
    let mut stage = Stage::new(80, 24);
    stage.send(Msg::Catalog(change(busy_sessions(300))));
    let sessions = |stage: &mut Stage| stage.screen().lines().nth(1).unwrap_or_default().trim().to_owned();
    stage.keys("$");
    let month = sessions(&mut stage);
    stage.keys("1");
    let week = sessions(&mut stage);
    stage.keys("5");
    let all = sessions(&mut stage);
    assert!(month != week && all.starts_with("300 sessions"), "{week} / {month} / {all}");
    stage.keys("right right");
    assert!(stage.screen().contains("nobody-knows-1"));
    stage.keys("left left enter");
    let screen = stage.screen();
    assert!(
        screen.starts_with(" Usage  在庫 · ") && screen.contains("Task "),
        "the sessions of a workspace:\n{screen}"
    );
    stage.keys("tab");
    assert!(stage.screen().contains("all workspaces"));
    stage.keys("enter");
    assert!(stage.app.stack.screen().is_some_and(|layer| layer.reader().is_some()), "the session is open");
    stage.keys("q");
    assert!(stage.screen().contains("Usage"));
    stage.keys("$");
    assert!(stage.app.stack.layers.is_empty());
}

#[test]
fn a_report_on_ten_thousand_sessions_is_the_sum_of_its_parts() {
    let sessions: Vec<Arc<Session>> = busy_sessions(10_000).into_iter().map(Arc::new).collect();
    let (settings, _) = Settings::read("");
    let zone = TimeZone::UTC;
    let options = ReportOptions { prices: &settings.prices, zone: &zone, from: None, until: None };
    let report = UsageReport::new(sessions.iter(), |_| true, &options);
    let total = report.total.tokens.total();
    assert_eq!(report.total.sessions, 10_000);
    let sum = |shares: &[(Arc<str>, _)]| -> u64 {
        shares
            .iter()
            .map(|(_, figures): &(Arc<str>, salon::domain::usage_report::UsageFigures)| figures.tokens.total())
            .sum()
    };
    for part in [&report.workspaces, &report.agents, &report.models] {
        assert_eq!(sum(part), total);
    }
    assert_eq!(report.calendar.values().map(|figures| figures.tokens.total()).sum::<u64>(), total);
    assert_eq!(report.sessions.iter().map(|(_, figures)| figures.tokens.total()).sum::<u64>(), total);
    assert!(report.calendar.contains_key(&day_of(NOW, &zone)));
}

#[test]
fn the_sources_of_costs_are_whole_on_a_narrow_screen() {
    let mut sessions = busy_sessions(300);
    for session in sessions.iter_mut().filter(|session| session.key.agent == Agent::OpenCode) {
        session.cost_usd = Some(612.5);
    }
    let mut stage = Stage::new(80, 24);
    stage.send(Msg::Catalog(change(sessions)));
    stage.keys("$");
    let screen = stage.screen();
    let line = screen.lines().find(|line| line.contains("reported")).expect("the sources");
    assert!(line.contains("reported, ~$") && !line.contains('…'), "{line}");
}

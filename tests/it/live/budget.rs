//! Budgets: a session or a day that cost too much waits for the user before its next prompt.

use salon::domain::budget::{Budget, BudgetPeriod};
use salon::domain::price::{ModelPrice, PriceTable};
use salon::domain::prompt::PromptState;
use salon::domain::run_event::RunEventKind;
use salon::domain::{Agent, EventBody};
use salon::live::run::BudgetOptions;

use super::harness::Harness;

/// Runs with budgets. The scripted Claude costs 0.25 dollars per turn.
fn harness(budget: Budget) -> Harness {
    Harness::with(|options| options.budgets = BudgetOptions { budget, ..BudgetOptions::default() })
}

#[tokio::test]
async fn a_session_over_its_budget_keeps_its_prompt_until_the_user_resumes_the_queue() {
    let harness = harness(Budget { session_usd: Some(0.3), day_usd: None });
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    harness.submit(&run, "say two").await;
    harness.done(&run, 2).await;
    harness.submit(&run, "say three").await;
    let info = harness.until(&run, |info| info.over_budget.is_some()).await;
    let stop = info.over_budget.expect("a stop");
    assert_eq!((stop.period, stop.spent_usd), (BudgetPeriod::Session, 0.5));
    assert!(info.paused && info.queued == 1, "{info:?}");
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two"]);
    let notices = harness.history(&run).await.into_iter().filter_map(|kind| match kind {
        RunEventKind::Event(event) => match event.body {
            EventBody::Notice { text, .. } => Some(text),
            _ => None,
        },
        _ => None,
    });
    let expected = "Not sent: the budget for this session is used ($0.50 of $0.30). Resume the queue to continue.";
    assert_eq!(notices.collect::<Vec<_>>(), [expected]);

    harness.live.resume_queue(&run).await.expect("allowed");
    let info = harness.done(&run, 3).await;
    assert_eq!(info.over_budget, None);
    // 0.60 dollars are allowed now, and 0.75 are spent.
    harness.submit(&run, "say four").await;
    harness.until(&run, |info| info.over_budget.is_some()).await;
    assert_eq!(harness.sandbox.prompts().len(), 3);
}

#[tokio::test]
async fn the_budget_of_a_day_counts_all_sessions_also_after_a_restart() {
    let budget = Budget { session_usd: None, day_usd: Some(0.5) };
    let first = harness(budget);
    for prompt in ["say a", "say b"] {
        let run = first.begin(prompt).await;
        first.done(&run, 1).await;
    }
    let third = first.begin("say c").await;
    let info = first.until(&third, |info| info.over_budget.is_some()).await;
    assert_eq!(info.over_budget.map(|stop| (stop.period, stop.spent_usd)), Some((BudgetPeriod::Day, 0.5)));
    let queue = first.live.all_queued().await.expect("queues");
    assert!(queue.iter().all(|prompt| prompt.state == PromptState::Pending), "{queue:?}");
    first.live.shutdown().await;
    let Harness { sandbox, .. } = first;
    let set = |options: &mut salon::live::LiveOptions| {
        options.budgets = BudgetOptions { budget, ..BudgetOptions::default() };
    };
    let second = Harness::at(sandbox, set);
    let run = second.begin("say d").await;
    second.until(&run, |info| info.over_budget.is_some()).await;
    assert_eq!(second.sandbox.prompts(), ["say a", "say b"]);
}

#[tokio::test]
async fn the_cost_of_an_agent_that_reports_none_is_estimated() {
    let price = ModelPrice { model: "*".into(), input: 1000.0, output: 1000.0, cache_read: 0.0, cache_write: 0.0 };
    let prices = PriceTable { own: vec![price], ..PriceTable::default() };
    let budget = Budget { session_usd: Some(0.01), day_usd: None };
    let harness =
        Harness::with(|options| options.budgets = BudgetOptions { budget, prices, ..BudgetOptions::default() });
    let run = harness.begin_with(Agent::Codex, "say one").await;
    harness.done(&run, 1).await;
    harness.submit(&run, "say two").await;
    let info = harness.until(&run, |info| info.over_budget.is_some()).await;
    assert_eq!(info.cost_usd, None);
    assert_eq!(info.turn.0, 1);
}

//! Made-up runs, their questions and prompts.

use std::sync::Arc;

use salon::app::runs::{RunEffect, RunMsg};
use salon::app::{Effect, Msg};
use salon::domain::approval::{Approval, Choice, ChoiceKind, Question};
use salon::domain::prompt::{Prompt, PromptId, PromptState};
use salon::domain::run::{Activity, Offers, Phase, RunId, RunInfo};
use salon::domain::transcript::{Action, Change, FileChange};
use salon::domain::{Agent, SessionKey, Time};
use serde_json::json;

use super::stage::{NOW, Stage};

/// The session of the list that [`run`] is about.
pub const SESSION: &str = "5d0c0f6e-0001";

/// So many seconds before now.
pub fn ago(seconds: i64) -> Time {
    Time::from_millis(NOW.millis() - seconds * 1000)
}

/// A run of Claude Code that works on [`SESSION`].
pub fn run(id: &str) -> RunInfo {
    let mut info = RunInfo::starting(RunId(id.into()), Agent::Claude, "/home/ann/shop-api".into());
    info.session = Some(SessionKey::new(Agent::Claude, SESSION));
    info.phase = Phase::Working { since: ago(40), activity: Activity::Answering };
    info.model = Some("claude-opus-4-8".into());
    info.mode = Some("default".into());
    info.active = Some(NOW);
    info.offers = Arc::new(Offers {
        models: vec![
            ("opus".into(), "Opus 4.8 · most capable".into()),
            ("sonnet".into(), "Sonnet 5".into()),
            ("haiku".into(), "Haiku 5 · fastest".into()),
        ],
        modes: ["default", "acceptEdits", "plan", "bypassPermissions"].map(String::from).to_vec(),
        efforts: ["low", "medium", "high"].map(String::from).to_vec(),
        ..Offers::default()
    });
    info
}

/// Another run, of Codex, of which no session is known yet.
pub fn fresh(id: &str) -> RunInfo {
    let mut info = RunInfo::starting(RunId(id.into()), Agent::Codex, "/home/ann/api".into());
    info.phase = Phase::Working { since: ago(5), activity: Activity::Answering };
    info.active = Some(NOW);
    info
}

/// A run with questions.
pub fn asking(mut info: RunInfo, approvals: impl IntoIterator<Item = Approval>) -> RunInfo {
    info.approvals = approvals.into_iter().collect();
    info
}

fn approval(id: &str, tool: &str, action: Action) -> Approval {
    let choice = |kind, label: &str, token: &str| Choice { kind, label: label.into(), token: token.into() };
    Approval {
        id: id.into(),
        tool_id: Some(format!("tool-{id}").into()),
        tool: tool.into(),
        action,
        input: json!(null),
        reason: None,
        questions: Vec::new(),
        choices: vec![
            choice(ChoiceKind::AllowOnce, "Yes", "allow"),
            choice(
                ChoiceKind::AllowAlways,
                &format!("Yes, and always allow {tool}(cargo:*) in this project"),
                "always-0",
            ),
            choice(ChoiceKind::Deny, "No, go on without it", "deny"),
            choice(ChoiceKind::DenyAndStop, "No, and stop", "deny-stop"),
        ],
        since: Some(ago(60)),
    }
}

/// May it run a command?
pub fn command(id: &str) -> Approval {
    let command = "cargo test --workspace --all-features -- --nocapture \\\n  2>&1 | tee /tmp/out.txt".to_owned();
    let mut asked = approval(id, "Bash", Action::Command { command, exit_code: None });
    asked.reason = Some("the command writes outside of the workspace".into());
    asked
}

/// May it change two files?
pub fn edit(id: &str) -> Approval {
    let old = "fn retry(n: u32) {\n    sleep(1);\n    send();\n}";
    let new = "fn retry(n: u32) {\n    sleep(2u64.pow(n));\n    send();\n}";
    let mut changes =
        vec![FileChange { path: "src/webhook.rs".into(), change: Change::Replace(vec![(old.into(), new.into())]) }];
    let lines: Vec<_> = (1..=30).map(|at| format!("// line {at} of the new module")).collect();
    changes.push(FileChange { path: "src/backoff.rs".into(), change: Change::Write(lines.join("\n")) });
    approval(id, "MultiEdit", Action::Edit(changes))
}

/// Two questions, the second with several answers.
pub fn questions(id: &str) -> Approval {
    let options = |names: [&str; 3]| names.map(String::from).to_vec();
    let mut asked = approval(id, "AskUserQuestion", Action::Question { question: "Which queue?".into() });
    asked.questions = vec![
        Question {
            text: "Which queue shall the retries go through?".into(),
            options: options(["Redis streams", "Postgres with SKIP LOCKED", "in memory"]),
            multiple: false,
        },
        Question {
            text: "Which events are retried?".into(),
            options: options(["order.paid", "order.cancelled", "stock.low"]),
            multiple: true,
        },
    ];
    asked.choices.remove(1);
    asked
}

/// Is its plan right?
pub fn plan(id: &str) -> Approval {
    let mut asked = approval(id, "ExitPlanMode", Action::Other("a plan".into()));
    let steps: Vec<_> = (1..=20).map(|at| format!("{at}. step **{at}** of `webhook`")).collect();
    asked.input = json!({ "plan": format!("# Retries\n\nWith a back-off.\n\n{}", steps.join("\n")) });
    asked.choices.remove(1);
    asked
}

/// A prompt in that state.
pub fn prompt(run: &str, id: i64, text: &str, state: PromptState) -> Prompt {
    Prompt {
        id: PromptId(id),
        run: RunId(run.into()),
        text: text.into(),
        state,
        reason: (state == PromptState::Held).then(|| "salon ended before it was sent".into()),
        submitted: ago(600),
        attempts: 1,
        barrier: false,
    }
}

impl Stage {
    /// A run is as told.
    pub fn run(&mut self, info: RunInfo) -> &mut Self {
        self.send(Msg::Run(RunMsg::Changed(Arc::new(info))))
    }

    /// All waits are over.
    pub fn settle(&mut self) -> &mut Self {
        let effects = self.effects.clone();
        for effect in effects {
            if let Effect::Wake(alarm @ salon::app::msg::Alarm::Settled(..), _) = effect {
                self.send(Msg::Woke(alarm));
            }
        }
        self
    }

    /// The session of [`run`] is selected.
    pub fn select_run(&mut self) -> &mut Self {
        assert!(self.app.home.list.select(&SessionKey::new(Agent::Claude, SESSION)));
        self.draw();
        self
    }

    /// What was asked of runs since the effects were last taken.
    pub fn asked(&mut self) -> Vec<RunEffect> {
        let runs = |effect| if let Effect::Run(effect) = effect { Some(effect) } else { None };
        let effects = self.take_effects();
        self.effects.extend(effects.iter().filter(|effect| matches!(effect, Effect::Wake(..))).cloned());
        effects.into_iter().filter_map(runs).collect()
    }
}

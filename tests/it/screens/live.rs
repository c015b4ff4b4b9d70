//! Made-up runs with approvals and prompts.

use std::sync::Arc;

use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::approval::{Approval, ApprovalChoice, ApprovalQuestion, ChoiceKind, QuestionOption};
use salon::domain::prompt::{Prompt, PromptId, PromptState};
use salon::domain::run::{Activity, Capabilities, Phase, RunId, RunInfo};
use salon::domain::transcript::{ChangeKind, FileChange, ToolAction};
use salon::domain::{Agent, SessionKey, Time};
use serde_json::json;

use super::stage::{NOW, Stage};

/// Listed session of [`run`].
pub const SESSION: &str = "5d0c0f6e-0001";

/// Returns the time `seconds` before now.
pub fn ago(seconds: i64) -> Time {
    Time::from_millis(NOW.millis() - seconds * 1000)
}

/// Returns a working run of Claude Code in [`SESSION`].
pub fn run(id: &str) -> RunInfo {
    let mut info = RunInfo::starting(RunId(id.into()), Agent::Claude, "/home/ann/shop-api".into());
    info.session = Some(SessionKey::new(Agent::Claude, SESSION));
    info.phase = Phase::Working { since: ago(40), activity: Activity::Answering };
    info.model = Some("claude-opus-4-8".into());
    info.mode = Some("default".into());
    info.last_event = Some(NOW);
    info.capabilities = Arc::new(Capabilities {
        models: vec![
            ("opus".into(), "Opus 4.8 · most capable".into()),
            ("sonnet".into(), "Sonnet 5".into()),
            ("haiku".into(), "Haiku 5 · fastest".into()),
        ],
        modes: ["default", "acceptEdits", "plan", "bypassPermissions"].map(String::from).to_vec(),
        efforts: ["low", "medium", "high"].map(String::from).to_vec(),
        ..Capabilities::default()
    });
    info
}

/// Returns a Codex run without a session.
pub fn fresh(id: &str) -> RunInfo {
    let mut info = RunInfo::starting(RunId(id.into()), Agent::Codex, "/home/ann/api".into());
    info.phase = Phase::Working { since: ago(5), activity: Activity::Answering };
    info.last_event = Some(NOW);
    info
}

/// Adds approvals to a run.
pub fn asking(mut info: RunInfo, approvals: impl IntoIterator<Item = Approval>) -> RunInfo {
    info.approvals = approvals.into_iter().collect();
    info
}

fn approval(id: &str, tool: &str, action: ToolAction) -> Approval {
    let choice = |kind, label: &str, token: &str| ApprovalChoice { kind, label: label.into(), token: token.into() };
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
            choice(ChoiceKind::Deny, "No, continue without it", "deny"),
            choice(ChoiceKind::DenyAndStop, "No, and stop", "deny-stop"),
        ],
        since: Some(ago(60)),
    }
}

/// Approval of a command.
pub fn command(id: &str) -> Approval {
    let command = "cargo test --workspace --all-features -- --nocapture \\\n  2>&1 | tee /tmp/out.txt".to_owned();
    let mut asked = approval(id, "Bash", ToolAction::Command { command, exit_code: None });
    asked.reason = Some("the command writes outside of the workspace".into());
    asked
}

/// Approval of an edit of two files.
pub fn edit(id: &str) -> Approval {
    let old = "fn retry(n: u32) {\n    sleep(1);\n    send();\n}";
    let new = "fn retry(n: u32) {\n    sleep(2u64.pow(n));\n    send();\n}";
    let mut changes =
        vec![FileChange { path: "src/webhook.rs".into(), kind: ChangeKind::Replace(vec![(old.into(), new.into())]) }];
    let lines: Vec<_> = (1..=30).map(|at| format!("// line {at} of the new module")).collect();
    changes.push(FileChange { path: "src/backoff.rs".into(), kind: ChangeKind::Write(lines.join("\n")) });
    approval(id, "MultiEdit", ToolAction::Edit(changes))
}

/// Two questions, the second with several answers.
pub fn questions(id: &str) -> Approval {
    let options = |names: [&str; 3]| names.map(QuestionOption::plain).to_vec();
    let mut asked =
        approval(id, "AskUserQuestion", ToolAction::Question { question: "Which queue?".into(), answer: None });
    asked.questions = vec![
        ApprovalQuestion {
            text: "Which queue shall the retries go through?".into(),
            options: options(["Redis streams", "Postgres with SKIP LOCKED", "in memory"]),
            multiple: false,
        },
        ApprovalQuestion {
            text: "Which events are retried?".into(),
            options: options(["order.paid", "order.cancelled", "stock.low"]),
            multiple: true,
        },
    ];
    asked.choices.remove(1);
    asked
}

/// Approval of a plan.
pub fn plan(id: &str) -> Approval {
    let mut asked = approval(id, "ExitPlanMode", ToolAction::Other("a plan".into()));
    let steps: Vec<_> = (1..=20).map(|at| format!("{at}. step **{at}** of `webhook`")).collect();
    asked.input = json!({ "plan": format!("# Retries\n\nWith a back-off.\n\n{}", steps.join("\n")) });
    asked.choices.remove(1);
    asked
}

/// A prompt in a state.
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
        sent: None,
        not_before: None,
    }
}

impl Stage {
    /// Sends a run.
    pub fn run(&mut self, info: RunInfo) -> &mut Self {
        self.send(Msg::Run(RunMsg::Changed(Arc::new(info))))
    }

    /// Fires all timers.
    pub fn fire_timers(&mut self) -> &mut Self {
        let effects = self.effects.clone();
        for effect in effects {
            if let Effect::StartTimer(alarm @ salon::app::msg::Timer::ApprovalVisible(..), _) = effect {
                self.send(Msg::TimerElapsed(alarm));
            }
        }
        self
    }

    /// Selects the session of [`run`].
    pub fn select_run(&mut self) -> &mut Self {
        assert!(self.app.stack.home.list.select(&SessionKey::new(Agent::Claude, SESSION)));
        self.draw();
        self
    }

    /// Takes the commands to runs since the last call.
    pub fn asked(&mut self) -> Vec<Effect> {
        let effects = self.take_effects();
        self.effects.extend(effects.iter().filter(|effect| matches!(effect, Effect::StartTimer(..))).cloned());
        // The preview watches a run by itself.
        let by_preview = |effect: &Effect| matches!(effect, Effect::WatchRun(..) | Effect::UnwatchRun(_));
        effects.into_iter().filter(|effect| is_about_runs(effect) && !by_preview(effect)).collect()
    }
}

/// Returns true for an effect on a run, its draft or its agent.
pub fn is_about_runs(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Run(_)
            | Effect::StartRun { .. }
            | Effect::WatchRun(..)
            | Effect::UnwatchRun(_)
            | Effect::CheckContinue(_)
            | Effect::LoadModels { .. }
            | Effect::LoadAgents
            | Effect::FindFiles { .. }
            | Effect::FindDirectories { .. }
            | Effect::SaveDraft { .. }
            | Effect::LoadDraft { .. }
            | Effect::EditText(_)
            | Effect::Notify { .. }
    )
}

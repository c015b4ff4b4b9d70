//! Keys and clicks in a dialog, and the outcomes of its choices.

use super::{Dialog, DialogOutcome};
use crate::app::action::Action;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::app::pending_quit::PendingQuit;
use crate::app::{quit, rewind};
use crate::config::key::{Key, KeyCode};
use crate::domain::run::RunSetting;
use crate::domain::run_request::RunRequest;

impl Dialog {
    /// Handles a key: a digit makes a choice, the arrows select, Enter confirms, Esc cancels.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        let last = self.choices.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc | KeyCode::Char('q') => return Flow::Pop,
            KeyCode::Enter => return self.choose(self.selected, ctx),
            KeyCode::Down | KeyCode::Tab | KeyCode::Char('j') => self.selected = (self.selected + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Char(digit @ '1'..='9') => {
                let number = digit.to_digit(10).map_or(0, |digit| digit as usize);
                return self.choose(number.wrapping_sub(1), ctx);
            }
            _ => {}
        }
        Flow::Stay
    }

    /// Makes the clicked choice. A click outside the dialog must not decide anything.
    pub fn click(&self, target: &Target, ctx: &mut Ctx) -> Flow {
        if let Target::Choice(row) = *target { self.choose(row, ctx) } else { Flow::Stay }
    }

    /// Makes the choice in a row.
    fn choose(&self, row: usize, ctx: &mut Ctx) -> Flow {
        self.choices.get(row).map_or(Flow::Stay, |choice| perform(choice.outcome.clone(), ctx))
    }
}

/// Performs an outcome and closes the dialog.
fn perform(outcome: DialogOutcome, ctx: &mut Ctx) -> Flow {
    match outcome {
        DialogOutcome::Relocate { from, to, then } => {
            ctx.effects.push(Effect::Relocate { from, to });
            return perform(*then, ctx);
        }
        DialogOutcome::Resume { key, cwd } => ctx.effects.push(Effect::Resume { key, cwd }),
        DialogOutcome::CopyCommand(key) => ctx.effects.push(Effect::CopyResumeCommand(key)),
        DialogOutcome::CopyText { description, text } => {
            ctx.notices.info(format!("Copied {description}"));
            ctx.effects.push(Effect::Copy(text));
        }
        DialogOutcome::Open(effect) => ctx.effects.push(effect),
        DialogOutcome::FoldEntry => return Flow::pop_then(Flow::Act(Action::FoldEntry)),
        DialogOutcome::ContinueHere { key, cwd, fork } => {
            return Flow::pop_then(Flow::Continue { key, cwd, fork });
        }
        DialogOutcome::StopRun(run) => ctx.effects.push(Effect::Run(RunRequest::Stop(run))),
        DialogOutcome::HandOver(run, key) => {
            ctx.runs.hand_over(run.clone(), key);
            ctx.effects.push(Effect::Run(RunRequest::Stop(run)));
        }
        DialogOutcome::StopTask(run, task) => ctx.effects.push(Effect::Run(RunRequest::StopTask(run, task))),
        DialogOutcome::SkipPermissions(run, mode) => {
            ctx.effects.push(Effect::Run(RunRequest::Set(run, RunSetting::Mode(mode))));
        }
        DialogOutcome::InWorktree { key, fork } => return Flow::pop_then(Flow::ContinueInWorktree { key, fork }),
        DialogOutcome::Rewind(choice) => return rewind::perform(*choice, ctx),
        DialogOutcome::RunCommands(plan) => ctx.effects.push(Effect::RunCommands(plan)),
        DialogOutcome::TrashWithQueue(keys) => ctx.effects.push(Effect::Trash { keys, cancel_queued: true }),
        DialogOutcome::StartNew => return Flow::pop_then(Flow::StartFromForm),
        DialogOutcome::StartWithTrust(trust) => return Flow::pop_then(Flow::StartWithTrust(trust)),
        DialogOutcome::QuitWhenDone => {
            *ctx.quitting = Some(PendingQuit::WhenDone);
            quit::quit_if_done(ctx);
        }
        DialogOutcome::QuitNow => quit::quit_now(ctx),
        DialogOutcome::Detach => quit::detach(ctx),
        DialogOutcome::CancelQuit => quit::cancel(ctx),
        DialogOutcome::Cancel => {}
        DialogOutcome::OpenSession(key) => return Flow::pop_then(Flow::Open(key)),
        DialogOutcome::Watch(key) => return Flow::pop_then(Flow::Follow(key)),
    }
    Flow::Pop
}

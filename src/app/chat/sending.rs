//! Sending prompts from the chat, resuming its queue, and interrupting its turn.

use super::{Chat, ChatFocus};
use crate::app::action::Action;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::runs::{self, RunTable};
use crate::app::session_actions;
use crate::domain::prompt::PromptState;
use crate::domain::run::{FolderTrust, Phase, RunInfo};
use crate::domain::run_request::RunRequest;

/// Target of the key of interrupts, which clears or ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Text of the composer.
    Draft,
    /// Command of the user.
    Command,
    /// Turn of the agent.
    Turn,
    /// Run without an open turn, after a question.
    Run,
}

impl Interruption {
    /// Label of the key.
    pub fn label(self) -> &'static str {
        match self {
            Self::Draft => "clear",
            Self::Command => "end command",
            Self::Turn => "interrupt",
            Self::Run => "end run",
        }
    }
}

impl Chat {
    /// Starts the run, with a prompt if given.
    pub fn start_run(&mut self, prompt: Option<String>, ctx: &mut Ctx) {
        let ticket = ctx.tickets.issue();
        let Some(mut start) = self.start.clone() else { return };
        if start.trust == FolderTrust::WithoutSettings && !self.trust_is_decided {
            start.trust = FolderTrust::Ask;
        }
        self.pending_start = Some((ticket, prompt.clone()));
        ctx.effects.push(Effect::StartRun { ticket, agent: self.agent, start, prompt });
    }

    /// Starts the run after the user decided about the folder: with the prompt that was refused, which is in the composer.
    pub fn start_with_trust(&mut self, trust: FolderTrust, ctx: &mut Ctx) {
        let Some(start) = &mut self.start else { return };
        (start.trust, self.trust_is_decided) = (trust, true);
        if self.composer.text.whole().trim().is_empty() {
            self.start_run(None, ctx);
        } else {
            self.send(false, ctx);
        }
    }

    /// Sends the composer's text, or saves the edited prompt. An empty text resumes a paused queue. With `steer` the
    /// prompt joins an open turn; an agent that cannot do that gets it after the turn, and the transcript says so.
    pub(super) fn send(&mut self, steer: bool, ctx: &mut Ctx) {
        if let Some(why) = &self.read_only {
            ctx.notices.info(format!("Read-only ({why}): r retries, f forks"));
            return;
        }
        if let Some((id, _)) = self.composer.editing {
            let text = self.composer.text.whole();
            self.composer.end_edit();
            let Some(run) = self.run.clone() else {
                // The queue is gone with its process: the text becomes a draft.
                self.composer.put_back(&text);
                ctx.effects.push(self.save_draft());
                return;
            };
            ctx.effects.push(Effect::Run(if text.trim().is_empty() {
                RunRequest::CancelPrompt(run, id)
            } else {
                RunRequest::EditPrompt(run, id, text)
            }));
            return;
        }
        if self.composer.text.whole().trim().is_empty() {
            self.resume_queue(ctx);
            return;
        }
        if self.run_command(ctx) {
            return;
        }
        if self.is_starting() {
            ctx.notices.info("Still starting: press enter again to send this too");
            return;
        }
        let text = self.composer.take_text();
        let text = self.with_output(text);
        self.reader.navigate(Action::Last);
        match self.run.clone() {
            Some(run) if steer && self.open_turn(ctx.runs).is_some() => {
                ctx.effects.push(Effect::Run(RunRequest::Steer { run, text }));
            }
            Some(run) => ctx.effects.push(Effect::Run(RunRequest::Submit { run, text })),
            None => self.start_run(Some(text), ctx),
        }
    }

    /// Resumes the queue; if its first prompt is held or failed, releases it.
    pub(super) fn send_first(&self, ctx: &mut Ctx) {
        let first = self.run.as_ref().and_then(|run| ctx.runs.queue(run).first());
        match (&self.run, first) {
            (Some(run), Some(first)) if matches!(first.state, PromptState::Held | PromptState::Failed) => {
                let request = RunRequest::ReleasePrompt(run.clone(), first.id);
                ctx.effects.push(Effect::Run(request));
            }
            _ => self.resume_queue(ctx),
        }
    }

    /// Clears the composer, else ends the user's command, else interrupts the turn, else asks whether to stop the run.
    pub(super) fn interrupt(&mut self, ctx: &mut Ctx) -> Flow {
        if self.focus == ChatFocus::Composer && !self.composer.is_empty() {
            self.composer.clear();
            ctx.effects.push(self.save_draft());
            return Flow::Stay;
        }
        if self.interrupt_command(ctx) { Flow::Stay } else { self.interrupt_turn(ctx) }
    }

    /// Returns the target of the key of interrupts; `None` if there is nothing to end.
    pub fn interruption(&self, runs: &RunTable) -> Option<Interruption> {
        if self.focus == ChatFocus::Composer && !self.composer.is_empty() {
            return Some(Interruption::Draft);
        }
        if self.command.as_ref().is_some_and(|command| command.ended.is_none()) {
            return Some(Interruption::Command);
        }
        match self.info(runs)?.phase {
            Phase::Working { .. } => Some(Interruption::Turn),
            Phase::Starting | Phase::Interrupting { .. } | Phase::Idle => Some(Interruption::Run),
            Phase::Stopped(_) => None,
        }
    }

    /// Interrupts the turn, else asks whether to stop the run.
    pub(super) fn interrupt_turn(&self, ctx: &mut Ctx) -> Flow {
        let info = self.info(ctx.runs);
        match info.map(|info| &info.phase) {
            Some(Phase::Working { .. }) => {
                let run = self.run.clone();
                ctx.effects.extend(run.map(|run| Effect::Run(RunRequest::Interrupt(run))));
                Flow::Stay
            }
            Some(Phase::Starting | Phase::Interrupting { .. } | Phase::Idle) => {
                info.map_or(Flow::Stay, session_actions::ask_to_stop)
            }
            Some(Phase::Stopped(_)) | None => {
                ctx.notices.info("Nothing is running here");
                Flow::Stay
            }
        }
    }

    /// Continues the turn that a rate limit ended, once the limit is over.
    pub(super) fn continue_at_reset(&self, ctx: &mut Ctx) {
        let Some(info) = self.info(ctx.runs) else { return };
        if runs::limit_end(info).is_none() {
            ctx.notices.info("No rate limit with a known end stopped the turn");
        } else if info.continues_at.is_none() {
            ctx.effects.push(Effect::Run(RunRequest::ContinueAtReset(info.id.clone())));
        }
    }

    /// Resumes a paused queue.
    fn resume_queue(&self, ctx: &mut Ctx) {
        let run = self.paused_queue(ctx.runs).map(|info| info.id.clone());
        ctx.effects.extend(run.map(|run| Effect::Run(RunRequest::ResumeQueue(run))));
    }

    /// Returns the run if its queue has prompts and is paused.
    fn paused_queue<'r>(&self, runs: &'r RunTable) -> Option<&'r RunInfo> {
        let info = self.info(runs)?;
        let waits = info.paused || matches!(info.phase, Phase::Stopped(_));
        (waits && !runs.queue(&info.id).is_empty()).then_some(info)
    }

    /// Returns true if the key that sends resumes the queue, because there is no text.
    pub fn resumes_queue(&self, runs: &RunTable) -> bool {
        let is_blank = self.composer.text.whole().trim().is_empty();
        is_blank && self.composer.editing.is_none() && self.paused_queue(runs).is_some()
    }
}

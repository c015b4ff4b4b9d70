//! Commands that the user runs from the composer with `!`, and their output as context of the next prompt.

use std::path::PathBuf;

use super::Chat;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::ticket::RequestTicket;
use crate::domain::Time;
use crate::domain::worktree::{SetupCommand, WorktreeReady};
use crate::stdx::text;

/// Maximum bytes of output that are kept, because it is sent with a prompt. The end counts.
const MAX_OUTPUT_BYTES: usize = 32 << 10;

/// Command of the user.
#[derive(Debug)]
pub struct UserCommand {
    /// Identifies the command.
    pub ticket: RequestTicket,
    /// Command line, as typed.
    pub line: String,
    /// Working directory.
    pub cwd: PathBuf,
    /// Sanitised output, at most `MAX_OUTPUT_BYTES` of its end.
    pub output: String,
    /// Number of bytes before that.
    pub omitted: usize,
    /// Time of the start.
    pub since: Time,
    /// Description of its end; `None` while it runs.
    pub ended: Option<String>,
    /// True if its output is sent with the next prompt.
    pub is_context: bool,
}

impl UserCommand {
    /// Parses a composer text. `None` if it is a prompt.
    pub(super) fn parse(text: &str) -> Option<&str> {
        text.strip_prefix('!').map(str::trim).filter(|line| !line.is_empty())
    }

    /// Appends output.
    fn append(&mut self, output: &str) {
        // Progress bars return to the start of their line.
        self.output.push_str(&text::sanitise(&output.replace("\r\n", "\n").replace('\r', "\n")));
        let surplus = self.output.len().saturating_sub(MAX_OUTPUT_BYTES);
        if surplus > 0 {
            let from = text::boundary_after(&self.output, surplus);
            self.omitted += from;
            self.output.drain(..from);
        }
    }

    /// Appends the command and its output to a prompt.
    fn with_prompt(&self, prompt: &str) -> String {
        let ended = self.ended.as_deref().unwrap_or("running");
        let omitted = if self.omitted > 0 { format!("[{} bytes omitted]\n", self.omitted) } else { String::new() };
        let output = self.output.trim_end();
        let fence = fence(output);
        let directory = self.cwd.display();
        format!(
            "{prompt}\n\nI ran this in {directory} ({ended}):\n\n{fence}\n$ {}\n{omitted}{output}\n{fence}",
            self.line
        )
    }
}

/// Fence that the text does not contain.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

impl Chat {
    /// Runs the command in the composer, if its text is one. Returns true if it is.
    pub(super) fn run_command(&mut self, ctx: &mut Ctx) -> bool {
        let whole = self.composer.text.whole();
        let Some(line) = UserCommand::parse(&whole).filter(|_| self.composer.editing.is_none()) else { return false };
        if let Some(host) = self.host() {
            // The same path here is another directory.
            ctx.notices.error(format!("Commands run on this machine, and the session is on {host}"));
            return true;
        }
        let line = line.to_owned();
        self.end_command(ctx);
        let ticket = ctx.tickets.issue();
        let cwd = self.directory(self.info(ctx.runs));
        ctx.effects.push(Effect::RunCommand { ticket, line: line.clone(), cwd: cwd.clone() });
        let (output, since) = (String::new(), ctx.now);
        self.command =
            Some(UserCommand { ticket, line, cwd, output, omitted: 0, since, ended: None, is_context: true });
        // The text is an entry of the history, so that the command can be repeated.
        self.composer.clear();
        ctx.effects.push(self.save_draft());
        true
    }

    /// Applies output of a command.
    pub fn command_output(&mut self, ticket: RequestTicket, output: &str) {
        if let Some(command) = self.command.as_mut().filter(|command| command.ticket == ticket) {
            command.append(output);
        }
    }

    /// Applies the end of a command.
    pub fn command_ended(&mut self, ticket: RequestTicket, ended: String) {
        if let Some(command) = self.command.as_mut().filter(|command| command.ticket == ticket) {
            command.ended = Some(ended);
        }
    }

    /// Shows the commands that prepared the worktree of the session, until the next prompt is sent.
    pub fn show_setup(&mut self, ready: &WorktreeReady, now: Time, ticket: RequestTicket) {
        let [first, rest @ ..] = ready.setup.as_slice() else { return };
        let ended = Some(format!("set up {}", ready.branch));
        let (line, cwd) = (first.line.clone(), ready.dir.clone());
        let (output, omitted, is_context) = (String::new(), 0, false);
        let mut shown = UserCommand { ticket, line, cwd, output, omitted, since: now, ended, is_context };
        shown.append(&first.output);
        for SetupCommand { line, output } in rest {
            shown.append(&format!("\n! {line}\n{output}"));
        }
        self.command = Some(shown);
    }

    /// Returns the effect that ends the running command. `None` if none runs.
    pub fn stop_command(&self) -> Option<Effect> {
        let running = self.command.as_ref().filter(|command| command.ended.is_none());
        running.map(|command| Effect::EndCommand(command.ticket))
    }

    /// Ends the running command. Returns false if none runs.
    pub(super) fn interrupt_command(&self, ctx: &mut Ctx) -> bool {
        let effect = self.stop_command();
        let is_running = effect.is_some();
        ctx.effects.extend(effect);
        is_running
    }

    /// Drops the command and its output; a running one is ended. Returns false if there is none.
    pub(super) fn end_command(&mut self, ctx: &mut Ctx) -> bool {
        self.interrupt_command(ctx);
        self.command.take().is_some()
    }

    /// Appends the output of the command that ended to a prompt.
    pub(super) fn with_output(&mut self, prompt: String) -> String {
        match self.command.take_if(|command| command.ended.is_some()) {
            Some(command) if command.is_context => command.with_prompt(&prompt),
            Some(_) | None => prompt,
        }
    }
}

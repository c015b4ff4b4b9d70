//! Output of a turn without a terminal: the answer or JSON events on stdout, everything else on stderr.

use std::collections::HashSet;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::sync::Arc;

use super::context::CliContext;
use super::error::CliError;
use super::events::EventJson;
use super::output;
use crate::domain::EntryKey;
use crate::domain::event::{Delta, EventBody, NoticeLevel};
use crate::domain::run::{RunInfo, StopReason, TurnOutcome};
use crate::domain::run_event::{RunEvent, RunEventKind};
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::ToolStatus;
use crate::stdx::ring::RingItem;
use crate::stdx::text::sanitise;

/// Result of a turn without a terminal.
#[derive(Debug)]
pub(super) enum TurnEnd {
    Turn(TurnOutcome),
    /// The agent exited or could not be started.
    Gone(StopReason),
    /// A signal ended the turn.
    Signal,
}

/// Tool calls, each printed once. A call is repeated while its input streams; it is complete when another event follows.
#[derive(Default)]
struct PendingCalls {
    /// Calls that are not printed yet, with their current line.
    waiting: Vec<(Arc<str>, String)>,
    printed: HashSet<Arc<str>>,
}

impl PendingCalls {
    fn called(&mut self, id: &Arc<str>, line: String) {
        match self.waiting.iter_mut().find(|(waiting, _)| waiting == id) {
            Some((_, before)) => *before = line,
            None if self.printed.contains(id) => {}
            None => self.waiting.push((id.clone(), line)),
        }
    }

    fn print(&mut self) -> Result<(), CliError> {
        for (id, line) in self.waiting.drain(..) {
            output::note(&line)?;
            self.printed.insert(id);
        }
        Ok(())
    }
}

/// Printer of the events of a turn.
pub(super) struct TurnPrinter<'a> {
    pub(super) out: BufWriter<StdoutLock<'static>>,
    json: bool,
    context: &'a CliContext,
    /// Entry that is being printed, with the text printed so far.
    printed: Option<(EntryKey, String)>,
    calls: PendingCalls,
    /// Latest error, which is not printed yet: it may be the failure with which the command ends.
    error: Option<String>,
    pub(super) epoch: u64,
    info: Option<Arc<RunInfo>>,
}

impl<'a> TurnPrinter<'a> {
    /// Creates a printer to stdout.
    pub(super) fn new(context: &'a CliContext, json: bool) -> Self {
        Self {
            out: output::stdout(),
            json,
            context,
            printed: None,
            calls: PendingCalls::default(),
            error: None,
            epoch: 0,
            info: None,
        }
    }

    pub(super) fn print(&mut self, item: &RingItem<RunEvent>) -> Result<(), CliError> {
        if self.json {
            return match EventJson::run_event(self.epoch, item) {
                Some(event) => self.line(&event),
                None => Ok(()),
            };
        }
        let event = match &item.value.kind {
            RunEventKind::Event(event) => event,
            RunEventKind::Approval(_) | RunEventKind::TurnEnded { .. } => return self.calls.print(),
            RunEventKind::ApprovalGone(_) => return Ok(()),
        };
        match &event.body {
            EventBody::Text(piece) => {
                self.calls.print()?;
                Ok(self.text(event.key, piece)?)
            }
            EventBody::ToolCall { id, name, action, .. } => {
                let (label, headline) = (tool_label(name), action.headline());
                let call = if headline.is_empty() { label.into_owned() } else { format!("{label}: {headline}") };
                self.calls.called(id, call);
                Ok(())
            }
            // The input of the call is still incomplete.
            EventBody::ToolUpdate { status: Some(ToolStatus::Pending), .. } => Ok(()),
            EventBody::ToolUpdate { status, .. } => {
                self.calls.print()?;
                if *status == Some(ToolStatus::Failed) { Ok(output::note("the call failed")?) } else { Ok(()) }
            }
            EventBody::Notice { level: NoticeLevel::Error, text } => {
                self.calls.print()?;
                match self.error.replace(text.clone()) {
                    Some(before) => Ok(output::note(&before)?),
                    None => Ok(()),
                }
            }
            EventBody::Notice { level: NoticeLevel::Warning, text } => {
                self.calls.print()?;
                Ok(output::note(text)?)
            }
            _ => Ok(()),
        }
    }

    /// Prints the new part of a text.
    fn text(&mut self, key: EntryKey, piece: &Delta) -> io::Result<()> {
        if self.printed.as_ref().is_some_and(|(printing, _)| *printing != key) {
            self.end_text()?;
        }
        let (_, printed) = self.printed.get_or_insert((key, String::new()));
        let new = match piece {
            Delta::Append(text) => text,
            // The prefix differs only if deltas were lost: then the whole text is printed.
            Delta::Replace(text) | Delta::Longest(text) => text.strip_prefix(printed.as_str()).unwrap_or(text),
        };
        printed.push_str(new);
        self.out.write_all(if output::to_terminal() { sanitise(new).into_owned() } else { new.to_owned() }.as_bytes())
    }

    fn end_text(&mut self) -> io::Result<()> {
        match self.printed.take() {
            Some((_, text)) if !text.ends_with('\n') => self.out.write_all(b"\n"),
            _ => Ok(()),
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.end_text()?;
        self.out.flush()
    }

    /// Prints the latest error, unless the command fails with the same one.
    pub(super) fn print_error(&mut self, end: &TurnEnd) -> io::Result<()> {
        let Some(error) = self.error.take() else { return Ok(()) };
        let is_same = match end {
            TurnEnd::Turn(TurnOutcome::Failed(failure)) | TurnEnd::Gone(StopReason::Failed(failure)) => {
                let (message, detail) = (failure.to_string(), failure.detail().trim());
                message.contains(&error) || error.contains(if detail.is_empty() { &message } else { detail })
            }
            TurnEnd::Turn(_) | TurnEnd::Gone(_) | TurnEnd::Signal => false,
        };
        if is_same { Ok(()) } else { output::note(&error) }
    }

    /// Prints JSON events for changes of state and usage.
    pub(super) fn state(&mut self, info: &Arc<RunInfo>) -> Result<(), CliError> {
        let before = self.info.replace(info.clone());
        if !self.json {
            return Ok(());
        }
        let now = self.context.clock.now();
        let state_fields =
            |info: &RunInfo| (info.phase.clone(), info.session.clone(), info.model.clone(), info.mode.clone());
        if before.as_deref().map(state_fields) != Some(state_fields(info)) {
            self.line(&EventJson::state(self.epoch, info, now))?;
        }
        let usage_fields = |info: &RunInfo| (info.tokens, info.context);
        if before.as_deref().is_some_and(|before| usage_fields(before) != usage_fields(info)) {
            self.line(&EventJson::usage(self.epoch, info, now))?;
        }
        Ok(())
    }

    fn line(&mut self, event: &EventJson<'_>) -> Result<(), CliError> {
        output::json_value(&mut self.out, event)?;
        Ok(self.out.write_all(b"\n")?)
    }
}

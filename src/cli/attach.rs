//! `salon attach`: watches a session as it grows, whichever program runs it. Reads only its transcript.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::events::EventJson;
use super::run_args::AttachArgs;
use super::sessions::{self, LoadedSessions};
use super::{find, output, remote, show, tui};
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::{Entry, EntryKey, SessionKey, SessionState};
use crate::index::{self, Index};
use crate::runtime::StartupAction;

/// Request id of the only open transcript.
const TICKET: index::TranscriptTicket = 1;

/// Watches a session until the command is interrupted or the transcript is deleted.
pub(super) fn run(context: CliContext, args: &AttachArgs) -> Result<ExitCode, CliError> {
    if let Some((source, id)) = remote::named(&context, &args.id) {
        if tui::has_terminal() && !args.json {
            let key = remote::key(&context, &args.id).ok_or_else(|| remote::inexact(&args.id))?;
            return tui::open(context, Some(StartupAction::Watch(key)));
        }
        let mut words = vec!["attach".to_owned(), format!("--tail={}", args.tail)];
        words.extend(args.json.then(|| "--json".to_owned()));
        words.push(id.to_owned());
        return remote::run_there_with(source, &words, "");
    }
    let session = find::find(&LoadedSessions::read(&context).all, &args.id)?;
    if tui::has_terminal() && !args.json {
        return tui::open(context, Some(StartupAction::Watch(session.key.clone())));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (index, events) = Index::start(sessions::options(&context));
    let follower = Follower {
        out: output::stdout(),
        json: args.json,
        context: &context,
        key: session.key.clone(),
        tail: args.tail,
        format: show::EntryFormat::new(context.style),
        printed: Printed::default(),
        state: SessionState::Past,
    };
    let ended = runtime.block_on(follower.follow(&index, events));
    index.stop();
    ended.map(|()| ExitCode::SUCCESS)
}

struct Follower<'a> {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    context: &'a CliContext,
    key: SessionKey,
    tail: usize,
    format: show::EntryFormat,
    printed: Printed,
    state: SessionState,
}

/// Entries that were already printed.
#[derive(Debug, Default)]
struct Printed {
    /// Number of entries that were printed or skipped.
    entries: usize,
    /// Last printed entry and its size in bytes; it is printed again if it grows.
    last: Option<(EntryKey, usize)>,
    /// True once the transcript is open.
    opened: bool,
}

impl Follower<'_> {
    async fn follow(
        mut self,
        index: &Index,
        mut events: tokio::sync::mpsc::Receiver<index::IndexEvent>,
    ) -> Result<(), CliError> {
        let mut opened = false;
        while let Some(event) = events.recv().await {
            match event {
                index::IndexEvent::Catalog(_) if !opened => {
                    opened = true;
                    index.open(TICKET, self.key.clone());
                }
                index::IndexEvent::Live(signs) => {
                    let sign = signs.iter().find(|sign| sign.key == self.key);
                    self.print_state(sign.map_or(SessionState::Past, |sign| sign.state))?;
                }
                index::IndexEvent::Transcript(TICKET, event) => self.transcript(index, event)?,
                _ => {}
            }
            self.out.flush()?;
        }
        Ok(())
    }

    fn transcript(&mut self, index: &Index, event: TranscriptEvent) -> Result<(), CliError> {
        match event {
            TranscriptEvent::Opened(opened) if !self.printed.opened => {
                self.printed.opened = true;
                self.printed.entries = opened.len.saturating_sub(self.tail);
                index.read(TICKET, self.printed.entries..opened.len);
            }
            TranscriptEvent::Grown { from, opened } => index.read(TICKET, from..opened.len),
            TranscriptEvent::Page { from, entries } => {
                for (n, entry) in (from..).zip(&entries) {
                    self.print(n, entry)?;
                }
            }
            TranscriptEvent::Gone => return Err(CliError::new(CliErrorCode::Failed, "the transcript was deleted")),
            TranscriptEvent::Failed(reason) => return Err(CliError::new(CliErrorCode::Failed, reason)),
            TranscriptEvent::Opened(_)
            | TranscriptEvent::Tail(_)
            | TranscriptEvent::Found { .. }
            | TranscriptEvent::Outline { .. }
            | TranscriptEvent::Positions(_)
            | TranscriptEvent::ForkPoint { .. }
            | TranscriptEvent::Located { .. } => {}
        }
        Ok(())
    }

    /// Prints a new entry, or the last printed one again if it has grown.
    fn print(&mut self, n: usize, entry: &Entry) -> io::Result<()> {
        let size =
            entry.text.len() + entry.tool.as_ref().map_or(0, |tool| 1 + tool.output.len() + tool.status as usize);
        let printed_before = n < self.printed.entries;
        if printed_before && self.printed.last.is_none_or(|(key, before)| key != entry.key || before == size) {
            return Ok(());
        }
        self.printed.entries = self.printed.entries.max(n + 1);
        self.printed.last = Some((entry.key, size));
        if self.json {
            let event = EventJson::entry(0, n + 1, entry);
            output::json_value(&mut self.out, &event)?;
            return self.out.write_all(b"\n");
        }
        show::plain(&mut self.out, &self.format, n, entry)
    }

    fn print_state(&mut self, state: SessionState) -> io::Result<()> {
        if std::mem::replace(&mut self.state, state) == state {
            return Ok(());
        }
        if self.json {
            let event = EventJson::live_state(0, &self.key, state, self.context.clock.now());
            output::json_value(&mut self.out, &event)?;
            return self.out.write_all(b"\n");
        }
        writeln!(io::stderr().lock(), "salon: {}", state.name().replace('_', " "))
    }
}

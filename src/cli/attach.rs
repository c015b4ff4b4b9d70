//! `salon attach`: follows a session as it goes on, whoever runs it. Only its transcript is read.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;

use super::args::AttachArgs;
use super::context::Context;
use super::events::Event;
use super::failure::{Code, Failure};
use super::history::{self, History};
use super::{find, output, show, tui};
use crate::domain::{Entry, Key, SessionKey, State};
use crate::index::{self, Index, TranscriptEvent};
use crate::runtime::First;

/// The only transcript that is open.
const TICKET: index::Ticket = 1;

/// Follows a session until it is interrupted, or gone.
pub fn run(context: Context, args: &AttachArgs) -> Result<ExitCode, Failure> {
    let session = find::find(&History::read(&context).all, &args.id)?;
    if tui::has_terminal() && !args.json {
        return tui::open(context, Some(First::Follow(session.key.clone())));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (index, events) = Index::start(history::options(&context));
    let follower = Follower {
        out: output::stdout(),
        json: args.json,
        context: &context,
        key: session.key.clone(),
        tail: args.tail,
        seen: Seen::default(),
        state: State::Past,
    };
    let ended = runtime.block_on(follower.follow(&index, events));
    index.stop();
    ended.map(|()| ExitCode::SUCCESS)
}

struct Follower<'a> {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    context: &'a Context,
    key: SessionKey,
    tail: usize,
    seen: Seen,
    state: State,
}

/// What was printed already.
#[derive(Debug, Default)]
struct Seen {
    /// Entries before this one were.
    entries: usize,
    /// The last one that was, with its size: more of it may come.
    last: Option<(Key, usize)>,
    /// The transcript was opened.
    opened: bool,
}

impl Follower<'_> {
    async fn follow(
        mut self,
        index: &Index,
        mut events: tokio::sync::mpsc::Receiver<index::Event>,
    ) -> Result<(), Failure> {
        let mut asked = false;
        while let Some(event) = events.recv().await {
            match event {
                index::Event::Catalog(_) if !asked => {
                    asked = true;
                    index.open(TICKET, self.key.clone());
                }
                index::Event::Live(signs) => {
                    let sign = signs.iter().find(|sign| sign.key == self.key);
                    self.tell_state(sign.map_or(State::Past, |sign| sign.state))?;
                }
                index::Event::Transcript(TICKET, event) => self.transcript(index, event)?,
                _ => {}
            }
            self.out.flush()?;
        }
        Ok(())
    }

    fn transcript(&mut self, index: &Index, event: TranscriptEvent) -> Result<(), Failure> {
        match event {
            TranscriptEvent::Opened(opened) if !self.seen.opened => {
                self.seen.opened = true;
                self.seen.entries = opened.len.saturating_sub(self.tail);
                index.read(TICKET, self.seen.entries..opened.len);
            }
            TranscriptEvent::Grown { from, opened } => index.read(TICKET, from..opened.len),
            TranscriptEvent::Page { from, entries } => {
                for (n, entry) in (from..).zip(&entries) {
                    self.tell(n, entry)?;
                }
            }
            TranscriptEvent::Gone => return Err(Failure::new(Code::Failed, "the transcript is gone")),
            TranscriptEvent::Failed(reason) => return Err(Failure::new(Code::Failed, reason)),
            TranscriptEvent::Opened(_)
            | TranscriptEvent::Tail(_)
            | TranscriptEvent::Found { .. }
            | TranscriptEvent::Located { .. } => {}
        }
        Ok(())
    }

    /// Prints an entry; of one that was printed only where there is more of it now.
    fn tell(&mut self, n: usize, entry: &Entry) -> io::Result<()> {
        let size =
            entry.text.len() + entry.tool.as_ref().map_or(0, |tool| 1 + tool.output.len() + tool.status as usize);
        let known = n < self.seen.entries;
        if known && self.seen.last.is_none_or(|(key, before)| key != entry.key || before == size) {
            return Ok(());
        }
        self.seen.entries = self.seen.entries.max(n + 1);
        self.seen.last = Some((entry.key, size));
        if self.json {
            let event = Event::read(0, n + 1, entry);
            serde_json::to_writer(&mut self.out, &event)?;
            return self.out.write_all(b"\n");
        }
        show::plain(&mut self.out, self.context.style, n, entry)
    }

    fn tell_state(&mut self, state: State) -> io::Result<()> {
        if std::mem::replace(&mut self.state, state) == state {
            return Ok(());
        }
        if self.json {
            let event = Event::sign(0, &self.key, state, self.context.clock.now());
            serde_json::to_writer(&mut self.out, &event)?;
            return self.out.write_all(b"\n");
        }
        writeln!(io::stderr().lock(), "salon: {}", state.name().replace('_', " "))
    }
}

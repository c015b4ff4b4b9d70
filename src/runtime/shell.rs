//! The one loop: signals and keys before agents; everything that came between two frames is folded before the next.

use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crossterm::event::Event;
use tokio::sync::mpsc;

use super::answer::{Answer, Picked};
use super::effects::Performer;
use super::frames::Frames;
use super::input::Input;
use super::lend::{self, Change, Lent};
use super::runs::{News, Runs};
use super::signals::{Asked, Signals};
use super::start::First;
use super::surroundings::Clock;
use super::terminal::Terminal;
use super::{colours, found, keys};
use crate::app::msg::{Drawn, Rest};
use crate::app::{App, Msg};
use crate::domain::SessionKey;
use crate::index;
use crate::live;
use crate::ui::{self, ViewCache};

/// How long the first frame waits for what the cache holds.
const FIRST_LOOK: Duration = Duration::from_millis(15);

/// How long a program that has the terminal may take to end when salon ends.
const GRACE: Duration = Duration::from_millis(1500);

/// How long agents may take to end before the user is told why salon does not.
const SILENT: Duration = Duration::from_millis(700);

/// A program that fails sooner than this has said why, and its words must not vanish behind the screen.
const FAILED_TO_START: Duration = Duration::from_secs(5);

/// The program while it runs.
#[derive(Debug)]
pub struct Shell {
    pub(super) app: App,
    pub(super) terminal: Terminal,
    pub(super) performer: Performer,
    pub(super) holder: Holder,
    pub(super) rest: Option<(Instant, Rest)>,
    /// What is done as soon as it can be.
    pub(super) first: Option<First>,
    pub(super) frames: Frames,
    pub(super) clock: Clock,
    view: ViewCache,
    input: Input,
    answer: Answer,
    signals: Signals,
    sources: Sources,
    next_age: Option<Instant>,
    drawn: Drawn,
}

/// Who has the terminal.
#[derive(Debug)]
pub enum Holder {
    /// Salon.
    Us,
    /// A program.
    Program {
        /// The program.
        lent: Lent,
        /// What it is.
        purpose: Purpose,
        /// Since when.
        since: Instant,
    },
    /// Nobody: a program failed and the user reads why, until a key is pressed.
    Reader(Msg),
}

/// Why a program has the terminal.
#[derive(Debug)]
pub enum Purpose {
    /// It resumes a session.
    Resume(SessionKey),
    /// It edits a text of the user's.
    EditText(std::path::PathBuf),
    /// It edits a file; one that was made for it is removed afterwards.
    Edit(Option<std::path::PathBuf>),
}

/// What tasks beside the loop have to say.
#[derive(Debug)]
pub enum Told {
    /// Something for the state.
    Msg(Box<Msg>),
    /// A file is ready to be edited.
    Edit(std::path::PathBuf),
}

/// Where messages come from, beside the user.
#[derive(Debug)]
pub struct Sources {
    /// What the index finds.
    pub found: mpsc::Receiver<index::Event>,
    /// What tasks beside the loop have to say.
    pub told: mpsc::UnboundedReceiver<Told>,
    /// What runs tell, where there can be any.
    pub runs: Option<News>,
}

type Step = ControlFlow<()>;

impl Shell {
    /// Puts the parts together. The terminal is already taken.
    pub fn new(app: App, terminal: Terminal, performer: Performer, sources: Sources, clock: Clock) -> io::Result<Self> {
        Ok(Self {
            app,
            terminal,
            performer,
            holder: Holder::Us,
            rest: None,
            first: None,
            frames: Frames::default(),
            clock,
            view: ViewCache::new(jiff::tz::TimeZone::system()),
            input: Input::new()?,
            answer: Answer::default(),
            signals: Signals::new()?,
            sources,
            next_age: None,
            drawn: Drawn::default(),
        })
    }

    /// Runs until the user quits, a signal ends it, or the terminal is gone.
    pub async fn run(&mut self, ask_background: bool) {
        // What the cache holds comes within a few milliseconds: then the first frame is the right one.
        if let Ok(Some(event)) = tokio::time::timeout(FIRST_LOOK, self.sources.found.recv()).await {
            let _nothing_ends_before_the_start = self.found(event);
        }
        self.frames.asked();
        if self.draw_if_due().is_ok() && ask_background {
            match self.terminal.write(colours::ASK_BACKGROUND) {
                Ok(()) => self.answer.expect(),
                Err(error) => tracing::info!(%error, "the terminal could not be asked for its background"),
            }
        }
        loop {
            if let Err(error) = self.draw_if_due() {
                tracing::info!(%error, "the terminal is gone");
                break;
            }
            let wake = self.wake();
            let keyboard = !matches!(self.holder, Holder::Program { .. });
            let step = tokio::select! {
                biased;
                asked = self.signals.next() => self.signalled(asked),
                typed = self.input.next(), if keyboard => self.typed(typed),
                change = changed(&mut self.holder) => self.program_changed(change),
                Some(told) = self.sources.told.recv() => self.told(told),
                Some(event) = self.sources.found.recv() => self.found(event),
                Some(news) = news(&mut self.sources.runs) => self.ran(news),
                () = sleep(wake) => self.woke(),
            };
            if step.is_break() {
                break;
            }
        }
        self.end_program().await;
    }

    fn signalled(&mut self, asked: Asked) -> Step {
        match asked {
            Asked::End => return Step::Break(()),
            Asked::Suspend => self.suspend(),
            Asked::Measure => self.measure(),
            Asked::Continue => return self.continued(),
        }
        Step::Continue(())
    }

    fn typed(&mut self, typed: io::Result<Vec<Event>>) -> Step {
        let Ok(events) = typed else { return Step::Break(()) };
        if let Holder::Reader(_) = self.holder {
            return self.read_enough();
        }
        for event in events {
            match self.answer.pick(event) {
                Picked::Background(background) => {
                    self.performer.remember_background(background);
                    self.update(Msg::Background(background))?;
                }
                Picked::Typed(events) => self.act_on(events)?,
            }
        }
        Step::Continue(())
    }

    fn act_on(&mut self, events: Vec<Event>) -> Step {
        for msg in events.into_iter().filter_map(keys::message) {
            self.performer.watch_for_panic(&msg);
            self.frames.asked();
            self.update(msg)?;
        }
        Step::Continue(())
    }

    fn found(&mut self, event: index::Event) -> Step {
        // Ages are told as of now, also those of sessions that changed since the clock was looked at.
        self.update(Msg::Clock(self.clock.now()))?;
        let mut next = Some(event);
        while let Some(event) = next {
            if let Some(msg) = found::message(event) {
                self.update(msg)?;
            }
            next = self.sources.found.try_recv().ok();
        }
        self.do_first()
    }

    /// Does what is to be done first, as soon as the session that it is about is known.
    fn do_first(&mut self) -> Step {
        let known = |shell: &Self, key: &SessionKey| shell.app.known.catalog.get(key).is_some();
        let effects = match self.first.take() {
            Some(First::New { agent, opening, prompt }) => self.app.begin(agent, opening, prompt),
            Some(First::Chat { key, prompt }) if known(self, &key) => self.app.send_to(&key, prompt),
            Some(First::Follow(key)) if known(self, &key) => self.app.follow(key),
            later => {
                self.first = later;
                return Step::Continue(());
            }
        };
        self.frames.asked();
        effects.into_iter().try_for_each(|effect| self.perform(effect))
    }

    fn told(&mut self, told: Told) -> Step {
        self.take(told)?;
        while let Ok(told) = self.sources.told.try_recv() {
            self.take(told)?;
        }
        Step::Continue(())
    }

    fn take(&mut self, told: Told) -> Step {
        match told {
            Told::Msg(msg) => self.update(*msg),
            Told::Edit(file) => self.edit(&file, Some(file.clone())),
        }
    }

    fn ran(&mut self, news: Ran) -> Step {
        self.update(Msg::Clock(self.clock.now()))?;
        match news {
            Ran::Happened(msg) => self.update(*msg),
            Ran::Changed(event) => {
                let msg = self.performer.runs.as_mut().map(|runs| runs.message(event));
                msg.map_or(Step::Continue(()), |msg| self.update(msg))
            }
        }
    }

    fn woke(&mut self) -> Step {
        let now = Instant::now();
        if let Some((_, rest)) = self.rest.take_if(|(at, _)| *at <= now) {
            self.update(Msg::Rested(rest))?;
        }
        if self.next_age.take_if(|at| *at <= now).is_some() {
            self.update(Msg::Clock(self.clock.now()))?;
        }
        Step::Continue(())
    }

    /// One message, and everything that comes of it.
    pub(super) fn update(&mut self, msg: Msg) -> Step {
        self.frames.changed();
        for effect in self.app.update(msg) {
            self.perform(effect)?;
        }
        Step::Continue(())
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let ours = matches!(self.holder, Holder::Us);
        if !ours || self.frames.due(now).is_none_or(|due| due > now) {
            return Ok(());
        }
        let Self { app, view, terminal, .. } = self;
        let drawn = terminal.draw(|frame| ui::draw(frame, app, view))?;
        self.frames.drawn(Instant::now());
        if drawn.waiting {
            self.frames.changed();
        }
        // What drawing found out may move what is shown, once; a frame that tells the same again ends it.
        if drawn != self.drawn {
            self.drawn = drawn.clone();
            let _ends_with_the_next_key = self.update(Msg::Drawn(drawn));
        }
        self.next_age = self.next_age();
        Ok(())
    }

    fn next_age(&self) -> Option<Instant> {
        let changes = self.app.next_clock()?;
        let millis = changes.since(self.clock.now());
        // Where the clock stands still it never changes.
        // The clock may not have been looked at for long: then it is due.
        let wait = Duration::from_millis(u64::try_from(millis.max(1)).ok()?);
        if self.clock.runs() { Some(Instant::now() + wait) } else { None }
    }

    fn wake(&self) -> Option<Instant> {
        let frame = matches!(self.holder, Holder::Us).then(|| self.frames.due(Instant::now())).flatten();
        [frame, self.next_age, self.rest.as_ref().map(|(at, _)| *at)].into_iter().flatten().min()
    }

    fn measure(&mut self) {
        let size = self.terminal.measure();
        self.frames.asked();
        let _nothing_ends_here = self.update(Msg::Resized { width: size.width, height: size.height });
    }

    /// Gives the terminal back and stops, until the shell lets salon go on.
    pub(super) fn suspend(&mut self) {
        if matches!(self.holder, Holder::Us) {
            self.terminal.leave();
            lend::stop_here();
        }
    }

    /// Salon goes on after a stop; the terminal may be in any mode.
    fn continued(&mut self) -> Step {
        if !matches!(self.holder, Holder::Us) {
            return Step::Continue(());
        }
        if self.terminal.enter().is_err() {
            return Step::Break(());
        }
        self.measure();
        Step::Continue(())
    }

    fn program_changed(&mut self, change: Change) -> Step {
        let Holder::Program { lent, .. } = &self.holder else { return Step::Continue(()) };
        let failure = match change {
            Change::Stopped(by) => {
                lent.stop_along(by);
                return Step::Continue(());
            }
            Change::Ended(status) if status.success() => None,
            Change::Ended(status) => Some(format!("ended with {status}")),
            Change::Lost => Some("cannot be waited for".to_owned()),
        };
        lend::take_back();
        let Holder::Program { purpose, since, .. } = std::mem::replace(&mut self.holder, Holder::Us) else {
            return Step::Continue(());
        };
        let at_once = since.elapsed() < FAILED_TO_START;
        let msg = Performer::after(purpose, failure.as_deref());
        if let (Some(failure), true) = (failure, at_once) {
            self.terminal
                .write(format!("\r\nsalon: the program {failure}. Press Enter to go back.\r\n").as_bytes())
                .ok();
            self.holder = Holder::Reader(msg);
            return Step::Continue(());
        }
        self.come_back(msg)
    }

    fn read_enough(&mut self) -> Step {
        match std::mem::replace(&mut self.holder, Holder::Us) {
            Holder::Reader(msg) => self.come_back(msg),
            other => {
                self.holder = other;
                Step::Continue(())
            }
        }
    }

    fn come_back(&mut self, msg: Msg) -> Step {
        self.holder = Holder::Us;
        if self.terminal.enter().is_err() {
            return Step::Break(());
        }
        self.measure();
        self.update(Msg::Clock(self.clock.now()))?;
        self.update(msg)
    }

    /// Gives the terminal back, ends the agents, and the index in good order.
    pub async fn end(self) {
        let Self { terminal, performer, .. } = self;
        drop(terminal);
        performer.index.stop();
        if let Some(runs) = performer.runs {
            end_runs(runs).await;
        }
    }

    /// A program that still has the terminal when salon ends does not outlive it.
    async fn end_program(&mut self) {
        let Holder::Program { lent, .. } = &mut self.holder else { return };
        lent.hang_up();
        let ended = async { while let Change::Stopped(_) = lent.next().await {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            lent.kill();
        }
        lend::take_back();
    }
}

/// Something that runs tell.
enum Ran {
    Changed(live::Event),
    Happened(Box<Msg>),
}

async fn news(runs: &mut Option<News>) -> Option<Ran> {
    let Some(runs) = runs else { return std::future::pending().await };
    tokio::select! {
        Some(event) = runs.changes.recv() => Some(Ran::Changed(event)),
        Some(msg) = runs.happened.recv() => Some(Ran::Happened(Box::new(msg))),
        else => std::future::pending().await,
    }
}

/// Agents may take their time to end: who waits for that is told.
async fn end_runs(runs: Runs) {
    let alive = runs.any_alive();
    let mut ending = std::pin::pin!(runs.end());
    let patience = if alive { SILENT } else { Duration::MAX };
    if tokio::time::timeout(patience, &mut ending).await.is_err() {
        eprintln!("salon: waiting for agents to end");
        ending.await;
    }
}

async fn changed(holder: &mut Holder) -> Change {
    match holder {
        Holder::Program { lent, .. } => lent.next().await,
        Holder::Us | Holder::Reader(_) => std::future::pending().await,
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

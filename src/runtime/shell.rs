//! The event loop. Signals and keys come before agents; all events between two frames are applied before the next
//! frame.

use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crossterm::event::Event;
use tokio::sync::mpsc;

use super::effect_runner::EffectRunner;
use super::env::Clock;
use super::foreground::{self, ForegroundEvent};
use super::frames::FrameScheduler;
use super::input::TerminalInput;
use super::picture_loader::PictureLoader;
use super::runs::RunReceivers;
use super::signals::{SignalRequest, Signals};
use super::startup_action::StartupAction;
use super::task_message::TaskMessage;
use super::terminal::Terminal;
use super::terminal_owner::{Purpose, TerminalOwner};
use super::terminal_reply::{NAME_QUERY, ReplyParse, ReplyParser};
use super::{colours, index_messages, keys, pictures};
use crate::app::msg::{DebounceTicket, LayoutFeedback};
use crate::app::runs::RunMsg;
use crate::app::{App, Flow, Msg};
use crate::domain::SessionKey;
use crate::domain::run::RunId;
use crate::domain::run_event::Replay;
use crate::domain::search::SearchOrder;
use crate::index;
use crate::live;
use crate::remote::RemoteEvent;
use crate::ui::{self, ViewCache};

/// Maximum wait of the first frame for the index cache.
const CACHE_TIMEOUT: Duration = Duration::from_millis(15);

/// Runtime below which a failing program's output stays visible until a key is pressed.
const STARTUP_FAILURE_WINDOW: Duration = Duration::from_secs(5);

/// State of the event loop.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) app: App,
    pub(super) terminal: Terminal,
    pub(super) runner: EffectRunner,
    pub(super) owner: TerminalOwner,
    pub(super) debounce: Option<(Instant, DebounceTicket)>,
    /// Action to run once its session is known.
    pub(super) startup_action: Option<StartupAction>,
    pub(super) frames: FrameScheduler,
    pub(super) clock: Clock,
    /// True if the background process goes on with the runs of this one when it ends.
    pub(super) detaches: bool,
    pub(super) view: ViewCache,
    pub(super) pictures: PictureLoader,
    input: TerminalInput,
    replies: ReplyParser,
    signals: Signals,
    pub(super) sources: EventSources,
    next_age: Option<Instant>,
    drawn: LayoutFeedback,
}

/// Event sources besides the user.
#[derive(Debug)]
pub(super) struct EventSources {
    /// Events of the index.
    pub index: mpsc::Receiver<index::IndexEvent>,
    /// Events of other machines and containers.
    pub remote: mpsc::Receiver<RemoteEvent>,
    /// Messages of background tasks.
    pub tasks: mpsc::UnboundedReceiver<TaskMessage>,
    /// Events of runs; `None` if `state.db` cannot be used.
    pub runs: Option<RunReceivers>,
}

type Step = ControlFlow<()>;

impl Shell {
    /// Creates the event loop. The terminal is already taken.
    pub(super) fn new(
        app: App,
        terminal: Terminal,
        runner: EffectRunner,
        sources: EventSources,
        clock: Clock,
    ) -> io::Result<Self> {
        Ok(Self {
            app,
            terminal,
            runner,
            owner: TerminalOwner::Salon,
            debounce: None,
            startup_action: None,
            frames: FrameScheduler::default(),
            clock,
            detaches: false,
            view: ViewCache::new(jiff::tz::TimeZone::system()),
            input: TerminalInput::new()?,
            pictures: PictureLoader::default(),
            replies: ReplyParser::default(),
            signals: Signals::new()?,
            sources,
            next_age: None,
            drawn: LayoutFeedback::default(),
        })
    }

    /// Runs until the user quits, a signal ends it, or the terminal is gone.
    pub(super) async fn run(&mut self, ask_background: bool) {
        // The cache is loaded within a few milliseconds, so that the first frame is complete.
        if let Ok(Some(event)) = tokio::time::timeout(CACHE_TIMEOUT, self.sources.index.recv()).await {
            let _nothing_ends_before_the_start = self.handle_index(event);
        }
        self.prepare_frame();
        self.frames.request_now();
        self.choose_picture_format();
        if self.draw_if_due().is_ok() {
            self.query_terminal(ask_background);
        }
        loop {
            if let Err(error) = self.draw_if_due() {
                tracing::info!(%error, "the terminal is gone");
                break;
            }
            let wake = self.wake();
            let keyboard = !matches!(self.owner, TerminalOwner::Program { .. });
            let step = tokio::select! {
                biased;
                request = self.signals.next() => self.handle_signal(request),
                input = self.input.next(), if keyboard => self.handle_input(input),
                event = next_foreground_event(&mut self.owner) => self.handle_foreground(event),
                Some(message) = self.sources.tasks.recv() => self.handle_tasks(message),
                Some(event) = self.sources.index.recv() => self.handle_index(event),
                Some(event) = next_runs_event(&mut self.sources.runs) => self.handle_runs(event),
                Some(event) = self.sources.remote.recv() => self.handle_remote(event),
                () = sleep(wake) => self.handle_timer(),
            };
            if step.is_break() {
                break;
            }
        }
        self.end_program().await;
        self.remove_pictures();
    }

    /// Queries the terminal for what nothing else says. The replies arrive as input.
    fn query_terminal(&mut self, ask_background: bool) {
        if ask_background && self.terminal.write(colours::BACKGROUND_QUERY).is_ok() {
            self.replies.expect_background();
        }
        if pictures::needs_name(self.app.settings.images) && self.terminal.write(NAME_QUERY).is_ok() {
            self.replies.expect_name();
        }
    }

    fn handle_signal(&mut self, request: SignalRequest) -> Step {
        match request {
            SignalRequest::End => return Step::Break(()),
            SignalRequest::Suspend => self.suspend(),
            SignalRequest::Measure => self.measure(),
            SignalRequest::Continue => return self.resume_after_stop(),
        }
        Step::Continue(())
    }

    fn handle_input(&mut self, input: io::Result<Vec<Event>>) -> Step {
        let Ok(events) = input else { return Step::Break(()) };
        if let TerminalOwner::Failure(_) = self.owner {
            return self.dismiss_failure();
        }
        for event in events {
            match self.replies.parse(event) {
                ReplyParse::Name(name) => {
                    self.pictures.terminal = Some(name);
                    self.choose_picture_format();
                    self.frames.request();
                }
                ReplyParse::Background(background) => {
                    self.runner.save_background(background);
                    self.update(Msg::Background(background))?;
                }
                ReplyParse::Input(events) => self.handle_keys(events)?,
            }
        }
        Step::Continue(())
    }

    fn handle_keys(&mut self, events: Vec<Event>) -> Step {
        // What begins with a key begins now: without an age on it, an idle screen has an old time.
        self.update(Msg::Clock(self.clock.now()))?;
        for msg in events.into_iter().filter_map(keys::message) {
            self.runner.watch_for_panic(&msg);
            self.frames.request_now();
            self.update(msg)?;
        }
        Step::Continue(())
    }

    fn handle_index(&mut self, event: index::IndexEvent) -> Step {
        // Ages are relative to the clock, so update it before the sessions.
        self.update(Msg::Clock(self.clock.now()))?;
        let mut next = Some(event);
        while let Some(event) = next {
            match event {
                index::IndexEvent::Search { query, update } => {
                    let update = self.runner.search_parts.combine(None, &query, Some(update));
                    self.search_updated(query, update)?;
                }
                event => {
                    if let Some(msg) = index_messages::message(event) {
                        self.update(msg)?;
                    }
                }
            }
            next = self.sources.index.try_recv().ok();
        }
        self.run_startup_action()
    }

    /// Runs the startup action, once its session is known and its machine connected.
    pub(super) fn run_startup_action(&mut self) -> Step {
        let known = |shell: &Self, key: &SessionKey| shell.app.sessions.catalog.get(key).is_some();
        let effects = match self.startup_action.take() {
            Some(StartupAction::New { agent, start, prompt }) if !self.is_connecting(start.host.as_ref()) => {
                self.app.perform(Flow::StartChat { agent, start, prompt })
            }
            Some(StartupAction::EditNew { agent, start, prompt }) => {
                self.app.perform(Flow::EditNew { agent, start, prompt })
            }
            Some(StartupAction::Chat { key, prompt }) if known(self, &key) => {
                self.app.perform(Flow::SendTo { key, prompt })
            }
            Some(StartupAction::Open(key)) if known(self, &key) => self.app.perform(Flow::Open(key)),
            Some(StartupAction::Search(query)) => {
                self.app.perform(Flow::Search { query, order: SearchOrder::default() })
            }
            Some(StartupAction::Workspace(dir)) => {
                let workspace = index::Workspaces::default().of(&dir.to_string_lossy().into());
                self.app.perform(Flow::GoToWorkspace(workspace))
            }
            Some(StartupAction::Notice(text)) => self.app.update(Msg::Notice { text, error: false }),
            Some(StartupAction::Watch(key)) if known(self, &key) => self.app.perform(Flow::Watch(key)),
            later => {
                self.startup_action = later;
                return Step::Continue(());
            }
        };
        self.frames.request_now();
        effects.into_iter().try_for_each(|effect| self.run_effect(effect))
    }

    fn handle_tasks(&mut self, message: TaskMessage) -> Step {
        self.update(Msg::Clock(self.clock.now()))?;
        self.handle_task(message)?;
        while let Ok(message) = self.sources.tasks.try_recv() {
            self.handle_task(message)?;
        }
        Step::Continue(())
    }

    fn handle_task(&mut self, message: TaskMessage) -> Step {
        match message {
            TaskMessage::Msg(msg) => self.update(*msg),
            TaskMessage::UserDataSaved => {
                self.load_user_data();
                self.runner.index.check_changes();
                Step::Continue(())
            }
            TaskMessage::CleanUpWorktrees => {
                self.clean_up_worktrees();
                Step::Continue(())
            }
            TaskMessage::ServerLost(reason) => self.replace_lost_server(&reason),
            TaskMessage::RunCommandsThere(plan, draft) => self.run_in_terminal_there(*plan, Some(&draft)),
            TaskMessage::Edit(file) => self.edit(&file, Some(file.clone())),
            TaskMessage::Open(file) => self.open_file(&file),
            TaskMessage::Picture { view, encoded, resized } => {
                self.view.picture = Some(encoded);
                self.update(Msg::PictureReady { view, resized })
            }
            TaskMessage::InlinePicture(update) => self.picture_loaded(update),
        }
    }

    fn handle_runs(&mut self, event: RunsEvent) -> Step {
        self.update(Msg::Clock(self.clock.now()))?;
        match event {
            RunsEvent::Replay(run, replay) => self.update(Msg::Run(RunMsg::Events(run, replay))),
            RunsEvent::Live(event) => {
                let msg = self.runner.runs.as_mut().map(|runs| runs.message(event));
                msg.map_or(Step::Continue(()), |msg| self.update(msg))
            }
        }
    }

    fn handle_timer(&mut self) -> Step {
        let now = Instant::now();
        if let Some((_, ticket)) = self.debounce.take_if(|(at, _)| *at <= now) {
            self.update(Msg::DebounceElapsed(ticket))?;
        }
        if self.next_age.take_if(|at| *at <= now).is_some() {
            self.update(Msg::Clock(self.clock.now()))?;
        }
        Step::Continue(())
    }

    /// Applies a message and runs the resulting effects.
    pub(super) fn update(&mut self, msg: Msg) -> Step {
        self.frames.request();
        for effect in self.app.update(msg) {
            self.run_effect(effect)?;
        }
        Step::Continue(())
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let owned = matches!(self.owner, TerminalOwner::Salon);
        if !owned || self.frames.due(now).is_none_or(|due| due > now) {
            return Ok(());
        }
        // What changed besides a key is shown by the next frame, so that the key is answered at once.
        let answers_key = self.frames.answers_key();
        if !answers_key {
            self.prepare_frame();
        }
        let Self { app, view, terminal, .. } = self;
        terminal.set_title(ui::title(app))?;
        let drawn = terminal.draw(|frame| ui::draw(frame, app, view))?;
        self.load_pictures();
        self.frames.drawn(now, Instant::now());
        if drawn.needs_redraw || self.app.stack.home.is_stale() {
            self.frames.request();
        }
        // Layout feedback may change the view, so it is applied once; the next frame reports the same and ends the
        // cycle.
        if drawn != self.drawn {
            self.drawn = drawn.clone();
            let _ends_with_the_next_key = self.update(Msg::Layout(drawn));
        }
        self.next_age = self.next_age();
        Ok(())
    }

    fn prepare_frame(&mut self) {
        for effect in self.app.update(Msg::Frame) {
            let _ends_with_the_next_key = self.run_effect(effect);
        }
    }

    fn next_age(&self) -> Option<Instant> {
        let changes = self.app.next_clock()?;
        let millis = changes.since(self.clock.now());
        // A fixed clock never changes. A change in the past is due at once.
        let wait = Duration::from_millis(u64::try_from(millis.max(1)).ok()?);
        if self.clock.runs() { Some(Instant::now() + wait) } else { None }
    }

    fn wake(&self) -> Option<Instant> {
        let frame = matches!(self.owner, TerminalOwner::Salon).then(|| self.frames.due(Instant::now())).flatten();
        [frame, self.next_age, self.debounce.as_ref().map(|(at, _)| *at)].into_iter().flatten().min()
    }

    fn measure(&mut self) {
        let size = self.terminal.measure();
        self.choose_picture_format();
        self.frames.request_now();
        let _nothing_ends_here = self.update(Msg::Resized { width: size.width, height: size.height });
    }

    /// Releases the terminal and stops salon until the shell continues it.
    pub(super) fn suspend(&mut self) {
        if matches!(self.owner, TerminalOwner::Salon) {
            self.terminal.leave();
            foreground::stop_salon();
        }
    }

    /// Takes the terminal again after a stop, because its mode may have changed.
    fn resume_after_stop(&mut self) -> Step {
        if !matches!(self.owner, TerminalOwner::Salon) {
            return Step::Continue(());
        }
        if self.terminal.enter().is_err() {
            return Step::Break(());
        }
        self.view.inline_pictures().clear();
        self.measure();
        Step::Continue(())
    }

    fn handle_foreground(&mut self, event: ForegroundEvent) -> Step {
        let TerminalOwner::Program { child, .. } = &self.owner else { return Step::Continue(()) };
        let failure = match event {
            ForegroundEvent::Stopped(by) => {
                child.stop_with_child(by);
                return Step::Continue(());
            }
            ForegroundEvent::Ended(status) if status.success() => None,
            ForegroundEvent::Ended(status) => Some(format!("ended with {status}")),
            ForegroundEvent::Lost => Some("cannot be waited for".to_owned()),
        };
        foreground::reclaim_terminal();
        let TerminalOwner::Program { purpose, since, .. } = std::mem::replace(&mut self.owner, TerminalOwner::Salon)
        else {
            return Step::Continue(());
        };
        let purpose = match purpose {
            Purpose::Commands(sequence) if failure.is_none() && sequence.has_next() => {
                return self.run_next_command(sequence);
            }
            other => other,
        };
        if let Purpose::Connect(_) = purpose {
            self.runner.remotes.retry();
        }
        // The output of such a command says why it failed.
        let explains = matches!(purpose, Purpose::Commands(_) | Purpose::Connect(_));
        let failed_early = since.elapsed() < STARTUP_FAILURE_WINDOW || explains;
        let msg = EffectRunner::foreground_message(purpose, failure.as_deref(), &self.runner.paths.backups());
        if let (Some(failure), true) = (failure, failed_early) {
            self.terminal
                .write(format!("\r\nsalon: the program {failure}. Press Enter to return.\r\n").as_bytes())
                .ok();
            self.owner = TerminalOwner::Failure(msg);
            return Step::Continue(());
        }
        self.return_to_screen(msg)
    }

    fn dismiss_failure(&mut self) -> Step {
        match std::mem::replace(&mut self.owner, TerminalOwner::Salon) {
            TerminalOwner::Failure(msg) => self.return_to_screen(msg),
            other => {
                self.owner = other;
                Step::Continue(())
            }
        }
    }

    pub(super) fn return_to_screen(&mut self, msg: Msg) -> Step {
        self.owner = TerminalOwner::Salon;
        if self.terminal.enter().is_err() {
            return Step::Break(());
        }
        self.view.inline_pictures().clear();
        self.measure();
        self.update(Msg::Clock(self.clock.now()))?;
        self.update(msg)
    }
}

/// An event of the live layer.
enum RunsEvent {
    Live(live::LiveEvent),
    Replay(RunId, Replay),
}

async fn next_runs_event(runs: &mut Option<RunReceivers>) -> Option<RunsEvent> {
    let Some(runs) = runs else { return std::future::pending().await };
    tokio::select! {
        Some(event) = runs.events.recv() => Some(RunsEvent::Live(event)),
        Some((run, replay)) = runs.replays.recv() => Some(RunsEvent::Replay(run, replay)),
        else => std::future::pending().await,
    }
}

async fn next_foreground_event(owner: &mut TerminalOwner) -> ForegroundEvent {
    match owner {
        TerminalOwner::Program { child, .. } => child.next().await,
        TerminalOwner::Salon | TerminalOwner::Failure(_) => std::future::pending().await,
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

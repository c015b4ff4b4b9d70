//! The interface's state and update logic. Pure and synchronous: [`App::update`] takes a message and returns effects.
//! It never awaits, reads no file and no clock.
//!
//! The home screen is at the bottom of a stack of layers ([`layer::Layer`]), of which the topmost receives the keys.
//! Each screen owns its state and its updates: `key`, `act`, `click` and so on get the shared state as a [`ctx::Ctx`] and
//! return a [`flow::Flow`], which the [`stack`] carries out. A screen's `mod.rs` has the state that `ui` draws, the
//! other files of its folder the updates. Results of the layout (hit targets, visible rows) return as [`Msg::Layout`].

pub mod action;
pub mod age;
pub mod annotate;
pub mod approvals;
pub mod backends;
pub mod changes;
pub mod chat;
pub mod ctx;
pub mod dialog;
pub mod edit;
pub mod effect;
pub mod export;
pub mod failure;
pub mod flow;
pub mod health;
pub mod help;
pub mod hints;
pub mod home;
pub mod inbox;
pub mod issues;
pub mod keep;
pub mod keys;
pub mod layer;
pub mod layout;
pub mod line_editor;
pub mod msg;
pub mod new_session;
pub mod note;
pub mod notices;
pub mod palette;
pub mod picker;
pub mod picture;
pub mod preview;
pub mod reader;
pub mod rewind;
pub mod runs;
pub mod scroll;
pub mod search;
pub mod secret_display;
pub mod sessions;
pub mod shell_command;
pub mod stack;
pub mod stats;
pub mod ticket;
pub mod trash;
pub mod trash_page;

mod notifications;
mod pending_quit;
mod prompt_request;
mod quit;
mod refused;
mod related;
mod resume;
mod session_actions;
mod text_overlays;
mod trust;
pub mod undo;
mod worktree_move;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use action::Action;
use ctx::Ctx;
pub use effect::Effect;
pub use flow::Flow;
use home::sections::Calendar;
use home::{Home, Panes, PreviewSize};
use keys::Keymap;
use layer::Layer;
use layout::OutlineSetting;
pub use msg::{Msg, RootStatus};
use notices::Notices;
pub use pending_quit::PendingQuit;
use secret_display::SecretDisplay;
use sessions::Sessions;
use stack::Stack;
pub use ticket::RequestTicket;
use ticket::Tickets;

use crate::config::settings::{ListScope, Settings};
use crate::config::theme::{Theme, Themes};
use crate::domain::catalog::{IndexProgress, Sort};
use crate::domain::run::RunId;
use crate::domain::{Issue, SessionKey, Time};

/// State of the interface.
#[derive(Debug)]
pub struct App {
    /// The user's configuration.
    pub settings: Settings,
    /// The active key map.
    pub keymap: Keymap,
    /// The themes.
    pub themes: Themes,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Current time, from which ages are computed.
    pub now: Time,
    /// Home directory of the user, which is shown as `~`; empty if unknown.
    pub user_home: String,
    /// All sessions and their states.
    pub sessions: Sessions,
    /// The runs of this salon.
    pub runs: runs::RunTable,
    /// Approvals that wait for the user.
    pub approvals: approvals::ApprovalQueue,
    /// Problems in the configuration.
    pub config_issues: Vec<Issue>,
    /// Directories and databases in which sessions are searched.
    pub roots: Vec<RootStatus>,
    /// The screens.
    pub stack: Stack,
    /// Past queries.
    pub search_history: search::SearchHistory,
    /// Past queries in transcripts.
    pub find_history: search::SearchHistory,
    /// Progress of the text index.
    pub index_progress: IndexProgress,
    /// Notices in the status line.
    pub notices: Notices,
    /// Visibility and width of previews.
    pub preview_size: PreviewSize,
    /// Visibility of the outline beside transcripts.
    pub outline: OutlineSetting,
    /// Arrangement of diffs.
    pub diff_view: reader::DiffView,
    /// Display of secrets.
    pub secrets: SecretDisplay,
    /// True if the mouse is captured.
    pub mouse: bool,
    /// Runs whose notifications are off.
    pub muted: BTreeSet<RunId>,
    /// True if the terminal has the focus, as far as the terminal reports it.
    pub focused: bool,
    /// Quit that waits for runs.
    pub quitting: Option<PendingQuit>,
    layout: msg::LayoutFeedback,
    tickets: Tickets,
}

impl App {
    /// Creates the interface before any session is loaded. `here` is the workspace in which salon was started.
    pub fn new(
        settings: Settings,
        keymap: Keymap,
        themes: Themes,
        size: (u16, u16),
        now: Time,
        here: Option<Arc<str>>,
    ) -> Self {
        let calendar = Calendar::new(now, jiff::tz::TimeZone::UTC);
        let mut home = Home { here, calendar, sort: settings.sort.unwrap_or_default(), ..Home::default() };
        home.set_scope(settings.scope.unwrap_or_default());
        let mut app = Self {
            mouse: settings.mouse,
            secrets: SecretDisplay::of_setting(settings.mask_secrets),
            preview_size: PreviewSize { shown: settings.preview, extra: 0 },
            settings,
            keymap,
            themes,
            size,
            now,
            user_home: String::new(),
            sessions: Sessions::default(),
            runs: runs::RunTable::default(),
            approvals: approvals::ApprovalQueue::default(),
            config_issues: Vec::new(),
            roots: Vec::new(),
            stack: Stack::new(home),
            outline: OutlineSetting::default(),
            diff_view: reader::DiffView::default(),
            search_history: search::SearchHistory::default(),
            find_history: search::SearchHistory::default(),
            index_progress: IndexProgress::default(),
            notices: Notices::default(),
            muted: BTreeSet::default(),
            focused: true,
            quitting: None,
            layout: msg::LayoutFeedback::default(),
            tickets: Tickets::default(),
        };
        app.stack.home.refresh(&app.sessions);
        app
    }

    /// Restores a part of the state that [`Effect::SaveState`] saved, unless the configuration overrides it.
    pub fn restore_state(&mut self, name: &str, value: &str) {
        match name {
            "scope" if self.settings.scope.is_none() => {
                if let Some(scope) = ListScope::from_name(value) {
                    self.stack.home.set_scope(scope);
                }
            }
            "sort" if self.settings.sort.is_none() => {
                self.stack.home.sort = Sort::ALL.into_iter().find(|sort| sort.name() == value).unwrap_or_default();
            }
            PreviewSize::NAME => self.preview_size = PreviewSize::parse(value).unwrap_or(self.preview_size),
            OutlineSetting::NAME => self.outline = OutlineSetting::parse(value),
            reader::DiffView::NAME => self.diff_view = reader::DiffView::parse(value),
            Sessions::UNSEEN => self.sessions.restore_unseen(value),
            Sessions::RECENT => self.sessions.restore_recent(value),
            search::SearchHistory::FIND_NAME => self.find_history = search::SearchHistory::parse(value),
            search::SearchHistory::NAME => self.search_history = search::SearchHistory::parse(value),
            search::SavedView::NAME => self.stack.home.workspaces.set_views(search::SavedView::parse(value)),
            _ => {}
        }
        self.stack.home.refresh(&self.sessions);
    }

    /// Applies a message and returns the effects.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Key(key) => self.with_ctx(|stack, ctx| stack.key(key, ctx)),
            Msg::Paste(text) => self.with_ctx(|stack, ctx| stack.paste(&text, ctx)),
            Msg::Mouse { kind, column, row } => self.with_ctx(|stack, ctx| stack.mouse(kind, column, row, ctx)),
            Msg::Resized { width, height } => {
                let (before, _) = std::mem::replace(&mut self.size, (width, height));
                self.with_ctx(|stack, ctx| stack.resized(before, ctx))
            }
            Msg::Focus(focused) => {
                self.focused = focused;
                self.with_ctx(|stack, ctx| stack.focus_changed(ctx))
            }
            Msg::Clock(now) => {
                self.now = now;
                self.with_ctx(|stack, ctx| stack.clock_advanced(ctx))
            }
            Msg::Catalog(change) => self.with_ctx(|stack, ctx| stack.catalog_changed(change, ctx)),
            Msg::Frame => self.with_ctx(Stack::prepare_frame),
            Msg::Live(live) => self.with_ctx(|stack, ctx| stack.live_changed(live, ctx)),
            Msg::Roots(roots) => {
                self.sessions.set_roots(&roots);
                self.roots = roots;
                self.with_ctx(|_, ctx| keep::keep_due(ctx))
            }
            Msg::Background(background) => {
                self.themes.background = background;
                Vec::new()
            }
            Msg::Transcript(ticket, event) => self.with_ctx(|stack, ctx| stack.transcript(ticket, event, ctx)),
            Msg::SearchUpdate { query, update } => {
                self.with_ctx(|stack, ctx| stack.search_updated(&query, update, ctx))
            }
            Msg::Values { field, typed, values } => {
                self.with_ctx(|stack, ctx| stack.values_received(field, &typed, &values, ctx))
            }
            Msg::SearchMissing(missing) => {
                self.sessions.search_missing = missing;
                Vec::new()
            }
            Msg::Remote(status) => self.with_ctx(|stack, ctx| stack.remote_changed(status, ctx)),
            Msg::IndexProgress(progress) => {
                self.index_progress = progress;
                Vec::new()
            }
            Msg::DebounceElapsed(ticket) => self.with_ctx(|stack, ctx| stack.debounce_elapsed(ticket, ctx)),
            Msg::Layout(layout) => {
                let effects = self.with_ctx(|stack, ctx| stack.apply_layout(&layout, ctx));
                self.layout = layout;
                effects
            }
            Msg::Ranked { query, keys } => self.with_ctx(|stack, ctx| stack.home.ranked(query, keys, ctx)),
            Msg::ResumeChecked { key, check } => self.with_ctx(|stack, ctx| stack.resume_checked(key, check, ctx)),
            Msg::Returned { key, failure } => {
                self.notices.returned(key.agent, failure);
                Vec::new()
            }
            Msg::Progress { label, done, total } => {
                self.notices.info(format!("{label}: {done} of {total}"));
                Vec::new()
            }
            Msg::Trashed(result) => self.with_ctx(|stack, ctx| {
                let flow = trash::trashed(result, ctx);
                stack.perform(flow, ctx);
                stack.perform(Flow::SessionsChanged, ctx);
            }),
            Msg::WorkTree(directory, summary) => {
                self.sessions.set_work_tree(directory, summary);
                Vec::new()
            }
            Msg::WorktreeCreated(ticket, result) => {
                self.with_ctx(|stack, ctx| stack.worktree_created(ticket, result, ctx))
            }
            Msg::FilesRestored(ticket, result) => self.with_ctx(|stack, ctx| stack.files_restored(ticket, result, ctx)),
            Msg::ChangesLoaded(ticket, result) => self.with_ctx(|stack, _| stack.changes_loaded(ticket, result)),
            Msg::RewindPlanned(key, plan) => self.with_ctx(|stack, ctx| stack.rewind_planned(&key, plan, ctx)),
            Msg::GitMenu(key, menu) => self.with_ctx(|stack, ctx| stack.git_menu_loaded(&key, menu, ctx)),
            Msg::ConversationReverted(done) => self.with_ctx(|stack, ctx| stack.conversation_reverted(*done, ctx)),
            Msg::Rewound { key, target, result } => {
                self.with_ctx(|stack, ctx| stack.rewound(key, &target, result, ctx))
            }
            Msg::WorkTreeChanged(result) => self.with_ctx(|stack, ctx| stack.work_tree_changed(result, ctx)),
            Msg::Remarks(key, result) => self.with_ctx(|stack, ctx| stack.remarks_changed(&key, result, ctx)),
            Msg::Restored(result) => self.with_ctx(|stack, ctx| stack.restored(&result, ctx)),
            Msg::TrashLoaded(items) => self.with_ctx(|stack, _| stack.trash_loaded(items)),
            Msg::TrashDeleted(result) => self.with_ctx(|stack, ctx| stack.trash_deleted(&result, ctx)),
            Msg::BriefWritten { key, brief } => self.with_ctx(|stack, ctx| stack.brief_written(&key, brief, ctx)),
            Msg::PictureReady { view, resized } => self.with_ctx(|stack, ctx| stack.picture_ready(view, resized, ctx)),
            Msg::Exported(result) => self.with_ctx(|_, ctx| export::exported(&result, ctx)),
            Msg::Kept(result) => self.with_ctx(|_, ctx| keep::finished(&result, ctx)),
            Msg::TimerElapsed(timer) => {
                self.approvals.timer_elapsed(&timer);
                Vec::new()
            }
            Msg::Run(msg) => self.with_ctx(|stack, ctx| stack.run(msg, ctx)),
            Msg::Notice { text, error: true } => self.with_ctx(|_, ctx| ctx.notices.error(text)),
            Msg::Notice { text, error: false } => self.with_ctx(|_, ctx| ctx.notices.info(text)),
        }
    }

    /// Performs an outcome as if the topmost screen had returned it, and returns the effects.
    pub fn perform(&mut self, flow: Flow) -> Vec<Effect> {
        self.with_ctx(|stack, ctx| stack.perform(flow, ctx))
    }

    /// Returns the label of the first key that triggers an action on the current screen.
    pub fn hint(&self, action: Action) -> Option<String> {
        self.keymap.key_in(action, self.stack.key_contexts()).as_ref().map(keys::label)
    }

    /// Returns the current theme.
    pub fn theme(&self) -> &Theme {
        self.themes.current()
    }

    /// Iterates over all problems: in the configuration, and of files that could not be read.
    pub fn issues(&self) -> impl Iterator<Item = &Issue> {
        self.config_issues.iter().chain(&self.sessions.remote_issues).chain(&self.sessions.catalog.issues)
    }

    /// Stores the problems in the configuration, and shows the first one.
    pub fn report_config_issues(&mut self, issues: Vec<Issue>) {
        if let Some(first) = issues.first() {
            let file = first.path.file_name().unwrap_or(first.path.as_os_str()).to_string_lossy();
            let line = first.line.map(|line| format!(":{line}")).unwrap_or_default();
            let key = self.hint(Action::Issues).map(|key| format!(" ({key} lists all)")).unwrap_or_default();
            let more = match issues.len() {
                1 => String::new(),
                count => format!(" · {} more{key}", count - 1),
            };
            self.notices.error(format!("{file}{line}: {}{more}", first.reason));
        }
        self.config_issues = issues;
    }

    /// Returns the panes of the home screen.
    pub fn panes(&self) -> Panes {
        self.stack.home.panes(self.size.0, self.preview_size, &self.sessions)
    }

    /// Returns the time at which an age on the screen changes, for the next clock tick. `None` if no age is shown.
    /// Transcripts show the time of day instead of ages.
    pub fn next_clock(&self) -> Option<Time> {
        let changes = |then| age::changes_at(self.now, then);
        match self.stack.screen() {
            Some(Layer::Search(search)) => search.results.ages().map(changes).min(),
            Some(_) => self.stack.next_turn_clock(self.size.0, &self.runs, self.now),
            None => {
                let in_list = self.stack.home.list.shown().iter().filter_map(home::list::ListRow::session);
                let next_day = self.stack.home.calendar.next_day();
                in_list.filter_map(|session| session.last_activity).map(changes).min().map(|age| age.min(next_day))
            }
        }
    }

    /// Returns the session that actions apply to: the one that is read, else the selected one.
    pub fn session(&self) -> Option<&SessionKey> {
        self.stack.session()
    }

    /// Updates the screens with the state that they share. Returns the effects.
    fn with_ctx(&mut self, update: impl FnOnce(&mut Stack, &mut Ctx)) -> Vec<Effect> {
        let mut ctx = Ctx {
            settings: &self.settings,
            keymap: &self.keymap,
            themes: &mut self.themes,
            size: self.size,
            now: self.now,
            focused: self.focused,
            layout: &self.layout,
            index_progress: self.index_progress,
            sessions: &mut self.sessions,
            runs: &mut self.runs,
            approvals: &mut self.approvals,
            search_history: &mut self.search_history,
            find_history: &mut self.find_history,
            notices: &mut self.notices,
            muted: &mut self.muted,
            preview_size: &mut self.preview_size,
            outline: &mut self.outline,
            diff_view: &mut self.diff_view,
            secrets: &mut self.secrets,
            mouse: &mut self.mouse,
            quitting: &mut self.quitting,
            tickets: &mut self.tickets,
            effects: Vec::new(),
        };
        update(&mut self.stack, &mut ctx);
        self.stack.mark_seen(&mut ctx);
        self.stack.sync_preview(&mut ctx);
        ctx.effects
    }
}

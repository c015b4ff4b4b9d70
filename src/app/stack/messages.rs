//! Messages besides those of the user and of runs, passed to the screens that they are about.

use std::path::PathBuf;
use std::sync::Arc;

use super::Stack;
use crate::app::changes;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::keep;
use crate::app::layer::Layer;
use crate::app::msg::{LayoutFeedback, RevertedConversation};
use crate::app::picture::PictureView;
use crate::app::reader::Reader;
use crate::app::resume;
use crate::app::rewind;
use crate::app::runs::ResumeCheck;
use crate::app::search::SearchScreen;
use crate::app::ticket::{DebounceTicket, RequestTicket};
use crate::app::trash;
use crate::domain::SessionKey;
use crate::domain::catalog::CatalogChange;
use crate::domain::changes::Changes;
use crate::domain::git_menu::GitMenu;
use crate::domain::live_status::LiveStatus;
use crate::domain::query::FilterKey;
use crate::domain::remark::PlacedRemark;
use crate::domain::remote::{RemoteState, RemoteStatus};
use crate::domain::rewind::{RewindPlan, RewindTarget, RewoundFiles};
use crate::domain::run::{Conversation, RunStart};
use crate::domain::search::SearchUpdate;
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::trash_item::TrashItem;
use crate::domain::trash_result::TrashResult;
use crate::domain::worktree::WorktreeReady;

impl Stack {
    /// Applies a change of the catalog.
    pub fn catalog_changed(&mut self, change: CatalogChange, ctx: &mut Ctx) {
        ctx.sessions.received = true;
        if let Some(search) = self.search_mut() {
            ctx.effects.extend(search.sessions_changed(&change, &ctx.sessions.catalog));
        }
        // An agent whose transcript goes on may have changed files.
        let is_read = |key: &SessionKey| self.session() == Some(key) || ctx.sessions.states.contains_key(key);
        let is_known = |key: &SessionKey| ctx.sessions.catalog.get(key).is_some();
        let goes_on = change.sessions.iter().any(|session| is_read(&session.key) && is_known(&session.key));
        ctx.sessions.catalog.apply(change);
        self.home.sessions_changed(ctx);
        self.sync_chats(ctx);
        if goes_on {
            self.read_work_trees(ctx);
        }
    }

    /// Computes what the next frame shows of the changes since the last one.
    pub fn prepare_frame(&mut self, ctx: &mut Ctx) {
        if !self.home.prepare_frame(ctx) {
            return;
        }
        self.sync_inbox();
        keep::keep_due(ctx);
        if let Some(Layer::Stats(page)) = self.layers.iter_mut().find(|layer| matches!(layer, Layer::Stats(_))) {
            page.refresh(ctx);
        }
    }

    /// Stores the sessions that are open in live processes.
    pub fn live_changed(&mut self, live: Vec<LiveStatus>, ctx: &mut Ctx) {
        ctx.sessions.live = live.into_iter().map(|status| (status.key.clone(), status)).collect();
        for reader in self.all_mut().filter_map(Layer::reader_mut).filter(|reader| reader.watched_by.is_some()) {
            reader.describe_writer(ctx.sessions.live.get(&reader.key));
        }
        self.home.sessions_changed(ctx);
    }

    /// Opens the preview of the selection, which did not move during the debounce delay.
    pub fn debounce_elapsed(&mut self, ticket: DebounceTicket, ctx: &mut Ctx) {
        if let Some(search) = self.search_mut() {
            search.debounce_elapsed(ticket, ctx);
        } else {
            let selected = self.home.list.key();
            let is_current = self.home.preview.awaits(ticket);
            ctx.effects.extend(self.home.preview.debounce_elapsed(ticket, selected, ctx.tickets));
            if is_current {
                self.read_work_trees(ctx);
            }
        }
    }

    /// Requests what may have changed outside of salon, if the terminal has got the focus: files may have been edited, and
    /// another process may have annotated sessions.
    pub fn focus_changed(&self, ctx: &mut Ctx) {
        if ctx.focused {
            ctx.effects.push(Effect::LoadUserData);
            self.read_work_trees(ctx);
        }
    }

    /// Requests the states of the work trees of the selected session and of the busy ones.
    pub fn read_work_trees(&self, ctx: &mut Ctx) {
        let selected = self.session().and_then(|key| ctx.sessions.catalog.get(key)).into_iter();
        let busy = ctx.sessions.states.keys().chain(ctx.sessions.live.keys());
        let busy = busy.filter_map(|key| ctx.sessions.catalog.get(key));
        let mut directories: Vec<_> =
            selected.chain(busy).filter(|session| !session.is_remote()).map(|session| session.cwd.clone()).collect();
        directories.retain(|directory| !directory.is_empty());
        directories.sort_unstable();
        directories.dedup();
        if !directories.is_empty() {
            ctx.effects.push(Effect::ReadWorkTrees(directories));
        }
    }

    /// Updates the screens after a change of the terminal's size. `before` is the previous width.
    pub fn resized(&mut self, before: u16, ctx: &mut Ctx) {
        if self.shown_pinned(before).is_some() {
            self.notify_if_narrow(ctx);
        }
        self.home.resized(ctx);
        self.follow_result(ctx);
        let resized = self.layers.iter_mut().find_map(Layer::picture_mut).map(|picture| picture.resized());
        ctx.effects.extend(resized);
    }

    /// Passes the sessions in the trash to their page.
    pub fn trash_loaded(&mut self, items: Result<Vec<TrashItem>, String>) {
        if let Some(Layer::Trash(page)) = self.layers.iter_mut().find(|layer| matches!(layer, Layer::Trash(_))) {
            page.loaded(items);
        }
    }

    /// Applies the result of restoring sessions.
    pub fn restored(&mut self, result: &TrashResult, ctx: &mut Ctx) {
        trash::restored(result, ctx);
        self.reload_trash(ctx);
    }

    /// Applies the result of deleting a session permanently.
    pub fn trash_deleted(&mut self, result: &TrashResult, ctx: &mut Ctx) {
        trash::deleted(result, ctx);
        self.reload_trash(ctx);
    }

    /// Requests the sessions in the trash again if their page is open.
    fn reload_trash(&self, ctx: &mut Ctx) {
        if self.layers.iter().any(|layer| matches!(layer, Layer::Trash(_))) {
            ctx.effects.push(Effect::LoadTrash);
        }
    }

    /// Shows an image that was encoded for the terminal, unless its transcript is no longer on top. `resized` is true if it
    /// was shown when it was requested.
    pub fn picture_ready(&mut self, picture: PictureView, resized: bool, ctx: &mut Ctx) {
        let mut shown = self.layers.iter_mut().filter_map(Layer::picture_mut);
        if let Some(view) = shown.find(|view| (view.ticket, view.entry) == (picture.ticket, picture.entry)) {
            *view = picture;
            return;
        }
        let on_top = match self.layers.last_mut() {
            Some(layer) => layer.reader_mut(),
            None => self.home.preview.reader_mut(),
        };
        if !resized && on_top.is_some_and(|reader| reader.ticket == picture.ticket) {
            self.push(Layer::Picture(picture), ctx);
        }
    }

    /// Applies results of the search. The selected hit or its location may change.
    pub fn search_updated(&mut self, query: &str, update: SearchUpdate, ctx: &mut Ctx) {
        if let Some(search) = self.search_mut() {
            ctx.effects.extend(search.apply_update(query, update));
            self.follow_result(ctx);
        }
        if let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) {
            let flow = search.open_best(ctx);
            self.perform(flow, ctx);
        }
    }

    /// Passes counted values of a filter to the search screen on top.
    pub fn values_received(&mut self, field: FilterKey, typed: &str, values: &[(String, usize)], ctx: &mut Ctx) {
        if let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) {
            search.values_received(field, typed, values, ctx);
        }
    }

    /// Passes an event of a transcript to its reader: in a preview, a layer or the pinned conversation.
    pub fn transcript(&mut self, ticket: RequestTicket, event: TranscriptEvent, ctx: &mut Ctx) {
        if let TranscriptEvent::ForkPoint { prompt, point } = event {
            return self.fork_at(ticket, prompt, point, ctx);
        }
        let is_opened = matches!(event, TranscriptEvent::Opened(_));
        let apply = |reader: &mut Reader| {
            if is_opened {
                reader.set_relatives(&ctx.sessions.catalog);
            }
            ctx.effects.extend(reader.update(event));
        };
        let Self { home, layers, pinned, .. } = self;
        let searches = layers.iter_mut().filter_map(Layer::search_mut);
        let previews = home.preview.reader_mut().into_iter();
        let mut previews = previews.chain(searches.filter_map(|search| search.preview.reader_mut()));
        if let Some(reader) = previews.find(|reader| reader.ticket == ticket) {
            return apply(reader);
        }
        let mut readers = pinned.iter_mut().chain(layers).filter_map(Layer::reader_mut);
        if let Some(reader) = readers.find(|reader| reader.ticket == ticket) {
            apply(reader);
        }
    }

    /// Passes the changes of a session to the screen that requested them.
    pub fn changes_loaded(&mut self, ticket: RequestTicket, result: Result<Arc<Changes>, String>) {
        if let Some(screen) = self.layers.iter_mut().rev().find_map(Layer::changes_mut) {
            screen.loaded(ticket, result);
        }
    }

    /// Passes the result of taking back changes to the screen that requested it.
    pub fn files_restored(&mut self, ticket: RequestTicket, result: Result<String, String>, ctx: &mut Ctx) {
        match (self.layers.iter_mut().rev().find_map(Layer::changes_mut), result) {
            (Some(screen), result) => screen.restored(ticket, result, ctx),
            (None, Err(reason)) => ctx.notices.error(reason),
            (None, Ok(_)) => {}
        }
    }

    /// Offers what a rewind takes back, while the session is still read.
    pub fn rewind_planned(&mut self, key: &SessionKey, plan: Result<RewindPlan, String>, ctx: &mut Ctx) {
        if !self.still_awaits(key) {
            return;
        }
        match plan {
            Ok(plan) => self.push(Layer::Dialog(rewind::dialog(key, &plan)), ctx),
            Err(reason) => ctx.notices.error(reason),
        }
    }

    /// Offers the commands of git for the session whose changes are on top.
    pub fn git_menu_loaded(&mut self, key: &SessionKey, menu: Result<GitMenu, String>, ctx: &mut Ctx) {
        if !matches!(self.layers.last(), Some(Layer::Changes(screen)) if screen.key == *key) {
            return;
        }
        match menu {
            Ok(menu) => self.push(Layer::Dialog(changes::git_dialog(menu)), ctx),
            Err(reason) => ctx.notices.error(reason),
        }
    }

    /// Applies the state of another machine. Forms for it request its models once it is connected.
    pub fn remote_changed(&mut self, status: RemoteStatus, ctx: &mut Ctx) {
        let connected = matches!(status.state, RemoteState::Connected).then(|| status.name.clone());
        ctx.sessions.set_remote(status);
        for layer in &self.layers {
            if let (Layer::NewSession(form), Some(host)) = (layer, &connected) {
                form.machine_connected(host, ctx);
            }
        }
    }

    /// Applies the result of a rewind of files.
    pub fn rewound(
        &mut self,
        key: SessionKey,
        target: &RewindTarget,
        result: Result<RewoundFiles, String>,
        ctx: &mut Ctx,
    ) {
        let notice = rewind::rewound(key, target, result, ctx);
        self.work_tree_changed(notice, ctx);
    }

    /// Applies a change of a conversation within its session. The prompt that was taken back can be edited and sent again.
    pub fn conversation_reverted(&mut self, done: RevertedConversation, ctx: &mut Ctx) {
        let RevertedConversation { key, revert, prompt, result } = done;
        if !rewind::reverted(&key, revert, result, ctx) {
            return;
        }
        if self.session() == Some(&key) {
            self.continue_with_prompt(&key, &prompt, ctx);
        }
        self.read_work_trees(ctx);
    }

    /// Reads the changes and the states of work trees again after commands changed them.
    pub fn work_tree_changed(&mut self, result: Result<String, String>, ctx: &mut Ctx) {
        match result {
            Ok(done) => ctx.notices.info(done),
            Err(reason) => ctx.notices.error(reason),
        }
        if let Some(screen) = self.layers.iter_mut().rev().find_map(Layer::changes_mut) {
            screen.reload(ctx);
        }
        self.read_work_trees(ctx);
    }

    /// Passes the remarks of a session to the screen of its changes.
    pub fn remarks_changed(&mut self, key: &SessionKey, result: Result<Vec<PlacedRemark>, String>, ctx: &mut Ctx) {
        let screen = self.layers.iter_mut().rev().find_map(Layer::changes_mut).filter(|screen| screen.key == *key);
        match (screen, result) {
            (Some(screen), result) => screen.remarks_changed(result, ctx),
            (None, Err(reason)) => ctx.notices.error(reason),
            (None, Ok(_)) => {}
        }
    }

    /// Starts the session for which a worktree was created, if its form is still open.
    pub fn worktree_created(&mut self, ticket: RequestTicket, result: Result<WorktreeReady, String>, ctx: &mut Ctx) {
        if self.continue_in_worktree(ticket, &result, ctx) {
            return;
        }
        let form = self.layers.last_mut().and_then(Layer::new_session_mut);
        match form.map(|new| new.worktree_created(ticket, &result, ctx)) {
            Some(flow) => {
                self.perform(flow, ctx);
                if let Ok(ready) = &result {
                    self.show_setup(ready, ctx);
                }
            }
            None => match result {
                Ok(ready) => ctx.notices.info(format!("The worktree {} is ready{}", ready.branch, ready.setup_note())),
                Err(reason) => ctx.notices.error(reason),
            },
        }
    }

    /// Applies the results of the layout: visible rows and resolved positions.
    pub fn apply_layout(&mut self, layout: &LayoutFeedback, ctx: &mut Ctx) {
        if self.screen().is_none() {
            self.home.list.fit(layout.list_rows);
            self.home.workspaces.fit(layout.workspace_rows);
        }
        match self.layers.last_mut() {
            Some(Layer::Help(help)) => help.scroll.fit(layout.overlay_rows, layout.overlay_len),
            Some(Layer::Issues(issues)) => issues.scroll.fit(layout.overlay_rows, layout.overlay_len),
            Some(Layer::Backends(backends)) => backends.scroll.fit(layout.overlay_rows, layout.overlay_len),
            Some(Layer::Changes(changes)) => {
                changes.fit(layout.overlay_rows, layout.overlay_len, &layout.diff_rows);
            }
            Some(Layer::Palette(palette)) => palette.fit(layout.overlay_rows),
            Some(Layer::Search(search)) => search.results.fit(layout.list_rows),
            Some(Layer::Chat(chat)) => chat.composer.width = layout.composer,
            Some(Layer::Stats(page)) => page.fit(layout.list_rows),
            Some(Layer::Trash(page)) => page.fit(layout.overlay_rows),
            Some(
                Layer::Reader(_)
                | Layer::Dialog(_)
                | Layer::Inbox(_)
                | Layer::Picker(_)
                | Layer::NewSession(_)
                | Layer::Annotate(_)
                | Layer::Note(_)
                | Layer::Export(_)
                | Layer::Picture(_),
            )
            | None => {}
        }
        let reader = match self.layers.iter_mut().rev().find(|layer| layer.is_screen()) {
            Some(Layer::Search(search)) => search.preview.reader_mut(),
            Some(layer) => layer.reader_mut(),
            None => self.home.preview.reader_mut(),
        };
        if let (Some(reader), Some(found)) = (reader, layout.reader) {
            ctx.effects.extend(reader.apply_layout(found));
        }
        if let (Some(reader), Some(found)) = (self.pinned.as_mut().and_then(Layer::reader_mut), &layout.pinned) {
            ctx.effects.extend(reader.apply_layout(**found));
        }
        ctx.effects.extend(ctx.approvals.apply_layout(layout.approval.as_ref()));
    }

    /// Opens a checked session in its agent, or asks about the obstacles.
    pub fn resume_checked(&mut self, key: SessionKey, check: ResumeCheck, ctx: &mut Ctx) {
        if !self.still_awaits(&key) {
            return;
        }
        match resume::resume_dialog(&key, check, self.home.here.as_ref(), ctx.sessions) {
            Some(dialog) => self.push(Layer::Dialog(dialog), ctx),
            None => ctx.effects.push(Effect::Resume { key, cwd: None }),
        }
    }

    /// Continues a checked session, or asks about the obstacles.
    pub(super) fn continue_checked(&mut self, key: &SessionKey, check: ResumeCheck, ctx: &mut Ctx) {
        if !self.still_awaits(key) {
            return;
        }
        if let Some(pid) = check.owner_pid {
            self.watch_other(key, pid, ctx);
        } else if check == ResumeCheck::default() {
            self.continue_here(key, None, false, ctx);
        } else {
            let dialog = resume::continue_dialog(key, check, self.home.here.as_ref(), ctx.sessions);
            self.push(Layer::Dialog(dialog), ctx);
        }
    }

    /// Opens the form of a session that continues another one, with its brief.
    pub fn brief_written(&mut self, key: &SessionKey, brief: Result<String, String>, ctx: &mut Ctx) {
        let Some(session) = ctx.sessions.catalog.get(key).filter(|_| self.still_awaits(key)) else { return };
        let new = RunStart::new(Conversation::New { id: None }, PathBuf::from(&*session.cwd));
        match brief {
            Ok(prompt) => {
                let start = RunStart { origin: Some(key.clone()), ..new };
                self.perform(Flow::EditNew { agent: None, start, prompt }, ctx);
            }
            Err(reason) => ctx.notices.error(format!("No brief: {reason}")),
        }
    }

    /// Returns true if the response of a check is not too late: the session is still selected, and no dialog is open.
    fn still_awaits(&self, key: &SessionKey) -> bool {
        self.session() == Some(key) && !matches!(self.layers.last(), Some(Layer::Dialog(_)))
    }

    /// Returns the topmost search screen.
    fn search_mut(&mut self) -> Option<&mut SearchScreen> {
        self.layers.iter_mut().rev().find_map(Layer::search_mut)
    }

    /// Updates everything that depends on the selected result. A search screen behind a transcript needs no preview.
    fn follow_result(&mut self, ctx: &mut Ctx) {
        if let Some(Layer::Search(search)) = self.layers.iter_mut().rev().find(|layer| layer.is_screen()) {
            search.follow_selection(ctx);
        }
    }
}

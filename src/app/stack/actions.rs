//! Actions, performed by the topmost screen, else by the whole interface.

use std::sync::Arc;

use super::Stack;
use crate::app::action::{Action, KeyContext};
use crate::app::annotate::{self, AnnotationField, AnnotationForm};
use crate::app::backends::BackendsView;
use crate::app::changes::ChangesScreen;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::export::ExportForm;
use crate::app::flow::Flow;
use crate::app::help::Help;
use crate::app::help::fixed_keys::{self, FixedKeys};
use crate::app::inbox::Inbox;
use crate::app::issues::IssuesView;
use crate::app::layer::Layer;
use crate::app::new_session::NewSession;
use crate::app::note::NoteForm;
use crate::app::palette::Palette;
use crate::app::reader::Reader;
use crate::app::search::{SearchFocus, SearchScreen};
use crate::app::secret_display::SecretDisplay;
use crate::app::stats::{self, StatsPage};
use crate::app::trash_page::TrashPage;
use crate::app::{changes, keep, quit, reader, related, rewind, search, session_actions, undo};
use crate::domain::SessionKey;
use crate::domain::run::Phase;
use crate::domain::search::SearchOrder;

impl Stack {
    /// Performs an action.
    pub(super) fn act(&mut self, action: Action, ctx: &mut Ctx) {
        let action = match action {
            Action::Leave if self.layers.is_empty() => Action::Quit,
            Action::Leave => Action::Back,
            action => action,
        };
        let flow = match self.layers.as_mut_slice() {
            [] => self.home.act(action, ctx),
            [.., Layer::Search(search), Layer::Reader(reader)] => {
                let to_other_result = search.navigate_hits(reader, action, ctx);
                if to_other_result.is_some() { to_other_result } else { reader.act(action, ctx) }
            }
            [.., Layer::Reader(reader)] => reader.act(action, ctx),
            [.., Layer::Chat(chat)] => chat.act(action, ctx),
            [.., Layer::Search(search)] => search.act(action, ctx),
            [.., Layer::Changes(changes)] => changes.act(action, ctx),
            [.., _] => None,
        };
        let flow = flow.unwrap_or_else(|| self.act_everywhere(action, ctx));
        self.perform(flow, ctx);
    }

    /// Returns the active key contexts, nearest first.
    pub fn key_contexts(&self) -> &'static [KeyContext] {
        match self.screen() {
            Some(Layer::Chat(chat)) => chat.key_contexts(),
            Some(Layer::Search(_)) => search::KEY_CONTEXTS,
            Some(Layer::Changes(_)) => changes::KEY_CONTEXTS,
            Some(Layer::Stats(_)) => stats::KEY_CONTEXTS,
            Some(_) => reader::KEY_CONTEXTS,
            None => self.home.key_contexts(),
        }
    }

    /// Returns the keys of the screen in front that are the same in every key map.
    fn fixed_keys(&self) -> &'static [FixedKeys] {
        match self.screen() {
            Some(Layer::Chat(_)) => fixed_keys::CHAT,
            Some(Layer::Stats(_)) => fixed_keys::USAGE,
            Some(_) | None => &[],
        }
    }

    /// Performs an action that is the same on all screens. Actions of one screen do nothing on the others.
    fn act_everywhere(&mut self, action: Action, ctx: &mut Ctx) -> Flow {
        match action {
            Action::Help => return Flow::Push(Layer::Help(Help::open(self.key_contexts(), self.fixed_keys()))),
            Action::Palette => return Flow::Push(Layer::Palette(Palette::open(self.key_contexts()))),
            Action::Issues => return Flow::Push(Layer::Issues(IssuesView::default())),
            Action::Stats => return self.stats(ctx),
            Action::ShowTrash => return TrashPage::open(ctx),
            Action::Backends => {
                ctx.effects.push(Effect::LoadBackends);
                return Flow::Push(Layer::Backends(BackendsView::default()));
            }
            Action::Inbox if matches!(self.layers.last(), Some(Layer::Inbox(_))) => return Flow::Pop,
            Action::Inbox => return self.inbox(ctx),
            Action::Back => return Flow::Pop,
            Action::Rescan => {
                ctx.notices.info("Rescanning");
                ctx.effects.push(Effect::Rescan);
            }
            Action::Connect => self.connect_machine(ctx),
            Action::Mouse => toggle_mouse(ctx),
            Action::Theme => ctx.themes.toggle(),
            Action::Reveal => toggle_secrets(ctx),
            Action::Redraw => ctx.effects.push(Effect::Redraw),
            Action::Suspend => ctx.effects.push(Effect::Suspend),
            Action::Quit => return quit::quit(ctx),
            Action::Search => self.go_to_search(ctx),
            Action::Recent => {
                self.search_for("", SearchOrder::default(), ctx);
                if let Some(Layer::Search(search)) = self.layers.last_mut() {
                    search.select_recent();
                }
            }
            Action::Split => self.split(ctx),
            Action::OtherPane => self.other_pane(ctx),
            _ => return self.act_on_session(action, ctx),
        }
        Flow::Stay
    }

    /// Connects the machine of the session, else the first one that waits for the user.
    fn connect_machine(&self, ctx: &mut Ctx) {
        let waits =
            |host: &&Arc<str>| ctx.sessions.remotes.get(*host).is_some_and(|remote| remote.state.waits_for_user());
        let session = self.session();
        let own = session.as_ref().and_then(|session| session.host.as_ref()).filter(waits);
        match own.or_else(|| ctx.sessions.remotes.keys().find(waits)).cloned() {
            Some(host) => ctx.effects.push(Effect::ConnectSource(host)),
            None => ctx.notices.info("No machine waits for you"),
        }
    }

    /// Opens the page of usage, on the listed workspaces.
    fn stats(&self, ctx: &Ctx) -> Flow {
        let home = &self.home;
        let scope = home.workspaces.selected().cloned();
        let workspace = scope.clone().or_else(|| home.here.clone());
        Flow::Push(Layer::Stats(Box::new(StatsPage::open(scope, workspace, home.calendar.zone().clone(), ctx))))
    }

    /// Opens the inbox at what the session waits for, if it does.
    fn inbox(&self, ctx: &mut Ctx) -> Flow {
        let session = self.session_or_run(ctx.runs);
        let elsewhere = self.home.waiting_elsewhere.clone();
        let inbox = Inbox::open(elsewhere, session.as_ref(), ctx.runs, ctx.approvals);
        if let Some(id) = inbox.selected() {
            ctx.approvals.prefer(id.clone());
        }
        Flow::Push(Layer::Inbox(inbox))
    }

    /// Performs an action on the session that is read, else on the selected one.
    fn act_on_session(&mut self, action: Action, ctx: &mut Ctx) -> Flow {
        let session = self.session().cloned();
        match action {
            Action::Resume => {
                self.home.list.pin_selection();
                return session_actions::open_in_agent(session, ctx);
            }
            Action::Changes => return self.open_changes(ctx),
            Action::CopyCommand => self.request(Effect::CopyResumeCommand, ctx),
            Action::CopyId => self.request(|key| Effect::Copy(key.id.to_string()), ctx),
            Action::EditTranscript => self.request(Effect::EditTranscript, ctx),
            Action::Star => {
                let keys = self.chosen_sessions(ctx);
                annotate::toggle_star(&keys, ctx);
                return Flow::SessionsChanged;
            }
            Action::Trash => self.trash(ctx),
            Action::Undo => undo::undo(ctx),
            Action::Export => return self.export(ctx),
            Action::Keep => {
                let keys = self.chosen_sessions(ctx);
                keep::toggle(keys, ctx);
            }
            Action::Tags => return self.annotate(AnnotationField::Tags, ctx),
            Action::Rename => return self.annotate(AnnotationField::Name, ctx),
            Action::Note => return self.note(ctx),
            Action::New => {
                let prompt = std::mem::take(&mut self.home.unsent_prompt);
                return NewSession::open(session.as_ref(), self.home.here.clone(), &prompt, ctx);
            }
            Action::ResumeHere => return session_actions::resume_here(session, ctx),
            Action::Fork => {
                let prompt = self.screen().and_then(Layer::reader).and_then(Reader::prompt_to_fork);
                return session_actions::fork(session, prompt, ctx);
            }
            Action::Related => return related::open(session, ctx),
            Action::Rewind => self.rewind(ctx),
            Action::ContinueInWorktree => return session_actions::continue_in_worktree(session, ctx),
            Action::HandOver => self.request(Effect::WriteBrief, ctx),
            Action::Attach => return session_actions::attach(session, ctx),
            Action::NextNeedsYou => {
                return session_actions::next_needs_you(self.session_or_run(ctx.runs).as_ref(), ctx);
            }
            Action::StopRun => return session_actions::stop_run(self.session_or_run(ctx.runs), ctx),
            Action::Models => return session_actions::open_picker(self.session_or_run(ctx.runs), ctx),
            Action::Mute => session_actions::mute(self.session_or_run(ctx.runs), ctx),
            _ => {}
        }
        Flow::Stay
    }

    /// Returns the sessions that an action on several applies to: the marked ones of the list or the search, else the one
    /// that is read or selected. Runs without a session on disk are left out.
    fn chosen_sessions(&self, ctx: &mut Ctx) -> Vec<SessionKey> {
        let marked = match self.layers.last() {
            None => self.home.marked_sessions(),
            Some(Layer::Search(search)) => search.marked_sessions(),
            Some(_) => Vec::new(),
        };
        let known: Vec<_> = marked.into_iter().filter(|key| ctx.sessions.catalog.get(key).is_some()).collect();
        if known.is_empty() { self.known_session(ctx).into_iter().collect() } else { known }
    }

    /// Returns the session that is read or selected, if it is on disk; otherwise shows a hint.
    fn known_session(&self, ctx: &mut Ctx) -> Option<SessionKey> {
        let known = self.session().filter(|key| ctx.sessions.catalog.get(key).is_some()).cloned();
        if known.is_none() {
            ctx.notices.info("No session selected");
        }
        known
    }

    /// Moves the chosen sessions to the trash, but not one that is being read.
    fn trash(&mut self, ctx: &mut Ctx) {
        if self.screen().is_some_and(Layer::is_conversation) {
            return ctx.notices.info("Go back to the list to move the session to the trash");
        }
        let mut keys = self.chosen_sessions(ctx);
        let runs_here =
            |key: &SessionKey| ctx.runs.of_session(key).is_some_and(|info| !matches!(info.phase, Phase::Stopped(_)));
        if keys.iter().any(runs_here) {
            ctx.notices.error("A session that runs here was not moved to the trash; stop it first");
            keys.retain(|key| !runs_here(key));
        }
        if !keys.is_empty() {
            self.home.marked.clear();
            if let Some(Layer::Search(search)) = self.layers.last_mut() {
                search.marked.clear();
            }
            ctx.effects.push(Effect::Trash { keys, cancel_queued: false });
        }
    }

    /// Opens the changes of the session, at those of the entry that is read.
    fn open_changes(&self, ctx: &mut Ctx) -> Flow {
        let Some(key) = self.known_session(ctx) else { return Flow::Stay };
        let reader = self.screen().and_then(Layer::reader);
        let place = (reader.map(|reader| reader.cursor() + 1), reader.and_then(Reader::shown_branch));
        let (changes, effect) = ChangesScreen::open(key, place, ctx.tickets);
        ctx.effects.push(effect);
        Flow::Push(Layer::Changes(Box::new(changes)))
    }

    /// Plans a rewind to before the prompt of the entry that is read.
    fn rewind(&self, ctx: &mut Ctx) {
        let reader = self.screen().and_then(Layer::reader);
        match reader.filter(|reader| ctx.sessions.catalog.get(&reader.key).is_some()) {
            Some(reader) => rewind::request(reader, ctx),
            None => ctx.notices.info("Open the session and go to a prompt first"),
        }
    }

    /// Opens the form of a name or of tags. A name belongs to one session.
    fn annotate(&self, field: AnnotationField, ctx: &mut Ctx) -> Flow {
        let keys = match field {
            AnnotationField::Tags => self.chosen_sessions(ctx),
            AnnotationField::Name => self.known_session(ctx).into_iter().collect(),
        };
        if keys.is_empty() {
            return Flow::Stay;
        }
        Flow::Push(Layer::Annotate(AnnotationForm::new(field, keys, ctx.sessions)))
    }

    /// Opens the form of the note of the session.
    fn note(&self, ctx: &mut Ctx) -> Flow {
        self.known_session(ctx).map_or(Flow::Stay, |key| Flow::Push(Layer::Note(NoteForm::new(key, ctx.sessions))))
    }

    /// Opens the form that exports the chosen sessions.
    fn export(&self, ctx: &mut Ctx) -> Flow {
        let keys = self.chosen_sessions(ctx);
        if keys.is_empty() { Flow::Stay } else { Flow::Push(Layer::Export(ExportForm::new(keys))) }
    }

    /// Requests an effect on the session.
    fn request(&mut self, effect: impl FnOnce(SessionKey) -> Effect, ctx: &mut Ctx) {
        match self.session().cloned() {
            Some(key) => {
                self.home.list.pin_selection();
                ctx.effects.push(effect(key));
            }
            None => ctx.notices.info("No session selected"),
        }
    }

    /// Goes to the search screen below, else opens a new one.
    fn go_to_search(&mut self, ctx: &mut Ctx) {
        let Some(below) = self.layers.iter().rposition(|layer| layer.search().is_some()) else {
            return self.search_for("", SearchOrder::default(), ctx);
        };
        for above in self.layers.split_off(below + 1) {
            ctx.effects.extend(above.reader().map(|reader| Effect::CloseTranscript(reader.ticket)));
        }
        if let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) {
            search.focus = SearchFocus::Line;
            search.follow_selection(ctx);
        }
    }

    /// Opens the search screen with a query.
    pub(super) fn search_for(&mut self, query: &str, order: SearchOrder, ctx: &mut Ctx) {
        let (mut search, effects) = SearchScreen::open(query, order, &ctx.sessions.catalog);
        ctx.effects.extend(effects);
        search.follow_selection(ctx);
        self.push(Layer::Search(Box::new(search)), ctx);
    }

    /// Asks for the name under which the search is saved. Suggests the existing name of this search.
    pub(super) fn name_view(&mut self) {
        if let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) {
            let known = self.home.view_name(search.input.text().trim());
            search.start_naming(known);
        }
    }

    /// Starts the session that the form on top describes.
    pub(super) fn start_from_form(&mut self, ctx: &mut Ctx) {
        if let Some(Layer::NewSession(new)) = self.layers.last_mut() {
            let flow = new.start(ctx);
            self.perform(flow, ctx);
        }
    }
}

fn toggle_mouse(ctx: &mut Ctx) {
    *ctx.mouse = !*ctx.mouse;
    ctx.notices.info(if *ctx.mouse { "Mouse support on" } else { "Mouse support off: the terminal has the mouse" });
    ctx.effects.push(Effect::CaptureMouse(*ctx.mouse));
}

/// Shows secrets, or masks them again.
fn toggle_secrets(ctx: &mut Ctx) {
    *ctx.secrets = ctx.secrets.other();
    ctx.notices.info(match *ctx.secrets {
        SecretDisplay::Shown => "Secrets are shown, and copied as they are",
        SecretDisplay::Masked => "Secrets are masked",
    });
}

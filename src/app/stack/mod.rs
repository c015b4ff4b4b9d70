//! The stack of screens: the home screen, the layers above it, and the pinned conversation beside them.
//!
//! Messages are passed to the screens that they are about; each screen decides alone and returns a [`Flow`].
//! [`Stack::perform`] carries it out. Only the stack moves screens, and transcripts from one screen to another.

mod actions;
mod conversations;
mod input;
mod messages;
mod reviews;
mod run_messages;
mod split;

use super::chat::Chat;
use super::ctx::Ctx;
use super::effect::Effect;
use super::flow::Flow;
use super::home::{Home, Pane};
use super::layer::Layer;
use super::new_session::NewSession;
use super::reader::Reader;
use super::runs::{self, RunTable};
use super::sessions::Sessions;
use super::ticket::RequestTicket;
use crate::domain::{SessionKey, Time};
use reviews::PendingReview;

/// The stack of screens.
#[derive(Debug, Default)]
pub struct Stack {
    /// The home screen.
    pub home: Home,
    /// Layers above the home screen, topmost last.
    pub layers: Vec<Layer>,
    /// The pinned conversation: a transcript or a chat, shown beside the topmost layer. It is not a layer, so that it
    /// stays when the layers are closed.
    pub pinned: Option<Layer>,
    /// Remarks that are being sent.
    reviews: Vec<PendingReview>,
    /// Session that continues in a worktree once it is created; true for a fork.
    creating: Option<(RequestTicket, SessionKey, bool)>,
}

impl Stack {
    /// Creates a stack with only the home screen.
    pub fn new(home: Home) -> Self {
        Self { home, ..Self::default() }
    }

    /// Carries out the outcome of an update.
    pub fn perform(&mut self, flow: Flow, ctx: &mut Ctx) {
        match flow {
            Flow::Stay => {}
            Flow::Pop => self.pop(ctx),
            Flow::PopThen(next) => {
                self.pop(ctx);
                self.perform(*next, ctx);
            }
            Flow::Push(layer) => self.push(layer, ctx),
            Flow::Act(action) => self.act(action, ctx),
            Flow::Open(key) => self.open(key, ctx),
            Flow::ShowEntry(key, entry) => self.show_entry(key, entry, ctx),
            Flow::Follow(key) => self.follow(key, ctx),
            Flow::Watch(key) => self.watch(key, ctx),
            Flow::GoToSession(key) => self.go_to_session(&key, ctx),
            Flow::GoToWorkspace(workspace) => {
                self.close_layers(ctx);
                self.home.show_workspace(workspace, ctx);
            }
            Flow::GoToRun(run) => self.go_to_run(&run, ctx),
            Flow::OpenChat(run) => self.open_chat(&run, ctx),
            Flow::StartChat { agent, start, prompt } => self.start_chat(agent, start, prompt, ctx),
            Flow::EditNew { agent, start, prompt } => {
                let form = NewSession::prefilled(agent, start, &prompt, ctx);
                self.push(Layer::NewSession(Box::new(form)), ctx);
            }
            Flow::Continue { key, cwd, fork } => self.continue_here(&key, cwd, fork, ctx),
            Flow::ContinueInWorktree { key, fork } => self.create_worktree(key, fork, ctx),
            Flow::ContinueBefore { key, start, prompt } => self.continue_before(&key, start, &prompt, ctx),
            Flow::SendTo { key, prompt } => self.send_to(&key, prompt, ctx),
            Flow::SendReview(review) => self.send_review(review, ctx),
            Flow::Search { query, order } => self.search_for(&query, order, ctx),
            Flow::NameView => self.name_view(),
            Flow::SaveView(view) => self.home.save_view(view, ctx),
            Flow::StartFromForm => self.start_from_form(ctx),
            Flow::StartWithTrust(trust) => {
                if let Some(chat) = self.top_chat() {
                    chat.start_with_trust(trust, ctx);
                }
            }
            Flow::SessionsChanged => self.home.sessions_changed(ctx),
        }
    }

    /// Returns the topmost layer that fills the screen. `None` for the home screen.
    pub fn screen(&self) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| layer.is_screen())
    }

    /// Returns an open transcript of a layer, or the pinned one.
    pub fn open_transcript(&self, ticket: RequestTicket) -> Option<&Reader> {
        let mut readers = self.layers.iter().chain(&self.pinned).filter_map(Layer::reader);
        readers.find(|reader| reader.ticket == ticket)
    }

    /// Returns the session that actions apply to: the one that is read, else the selected one.
    pub fn session(&self) -> Option<&SessionKey> {
        match self.screen() {
            Some(Layer::Search(search)) => search.results.key(),
            Some(Layer::Stats(page)) => page.session(),
            Some(Layer::Changes(changes)) => Some(&changes.key),
            // A conversation without a transcript has no session yet.
            Some(layer) => layer.reader().map(|reader| &reader.key).filter(|key| !key.id.is_empty()),
            None => self.home.list.key(),
        }
    }

    /// Marks the sessions of the conversations on the screen as seen.
    pub fn mark_seen(&mut self, ctx: &mut Ctx) {
        if ctx.sessions.unseen.is_empty() || !ctx.focused {
            return;
        }
        let keys = self.on_screen(ctx.size.0).filter_map(Layer::reader).map(|reader| &reader.key);
        let seen: Vec<SessionKey> = keys.filter(|key| ctx.sessions.unseen.contains(*key)).cloned().collect();
        if seen.is_empty() {
            return;
        }
        seen.iter().for_each(|key| drop(ctx.sessions.unseen.take(key)));
        ctx.effects.push(Effect::SaveState { name: Sessions::UNSEEN, value: ctx.sessions.unseen_to_save() });
        self.home.refresh(ctx.sessions);
    }

    /// Returns the focused pane of the home screen. `None` under a layer.
    pub fn focus(&self) -> Option<Pane> {
        self.layers.is_empty().then_some(self.home.focus)
    }

    /// Returns the time at which the state of a visible chat changes next.
    pub fn next_turn_clock(&self, width: u16, runs: &RunTable, now: Time) -> Option<Time> {
        let chats = self.on_screen(width).filter_map(Layer::chat);
        chats.filter_map(|chat| chat.next_clock(runs, now)).min()
    }

    /// Returns the session that actions apply to, including the provisional key of a run without a session.
    fn session_or_run(&self, runs: &RunTable) -> Option<SessionKey> {
        let run = self.screen().and_then(Layer::chat).and_then(|chat| chat.info(runs));
        run.map(runs::key_of).or_else(|| self.session().cloned())
    }

    /// Returns the chat if it is the topmost layer.
    fn top_chat(&mut self) -> Option<&mut Chat> {
        self.layers.last_mut().and_then(Layer::chat_mut)
    }

    /// Iterates the pinned conversation and the layers, topmost last: messages about conversations must reach them all.
    fn all_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Layer> {
        self.pinned.iter_mut().chain(&mut self.layers)
    }

    /// Iterates the chats, topmost last.
    fn chats_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Chat> {
        self.all_mut().filter_map(Layer::chat_mut)
    }

    fn push(&mut self, layer: Layer, ctx: &mut Ctx) {
        self.home.list.pin_selection();
        let conversation = layer.is_conversation();
        self.layers.push(layer);
        if conversation {
            self.notify_if_narrow(ctx);
        }
    }

    /// Closes the topmost layer. Does nothing at the bottom of the stack.
    fn pop(&mut self, ctx: &mut Ctx) {
        match self.layers.pop() {
            Some(Layer::Reader(reader)) => self.leave(*reader, ctx),
            Some(Layer::Chat(chat)) => self.leave_chat(*chat, ctx),
            Some(Layer::Search(mut search)) => {
                ctx.effects.extend(search.preview.close());
                self.home.follow_selection(ctx);
            }
            // A prompt for another session's continuation is written by salon.
            Some(Layer::NewSession(form)) if form.is_cancelled && form.base.is_none() => {
                self.home.unsent_prompt = form.prompt.whole();
            }
            // Overlays keep nothing open.
            Some(_) | None => {}
        }
    }

    /// Closes the layers above the lowest `count`.
    fn close_above(&mut self, count: usize, ctx: &mut Ctx) {
        ctx.effects.extend(self.layers.drain(count..).rev().flat_map(Layer::closed));
    }

    /// Closes all layers.
    fn close_layers(&mut self, ctx: &mut Ctx) {
        ctx.effects.extend(self.layers.drain(..).flat_map(Layer::closed));
    }
}

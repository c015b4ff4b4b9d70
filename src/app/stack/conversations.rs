//! Opening and closing transcripts and chats, and handing transcripts over between screens.

use std::path::PathBuf;
use std::sync::Arc;

use super::Stack;
use crate::app::action::Action;
use crate::app::chat::Chat;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::home::Pane;
use crate::app::layer::Layer;
use crate::app::reader::Reader;
use crate::app::runs;
use crate::app::ticket::RequestTicket;
use crate::domain::rewind::ConversationStart;
use crate::domain::run::{Conversation, RunId, RunStart};
use crate::domain::run_event::RingCursor;
use crate::domain::worktree::WorktreeReady;
use crate::domain::{Agent, SessionKey};

impl Stack {
    /// Opens a session's transcript on the whole screen. A transcript that the preview has open already is reused.
    pub(super) fn open(&mut self, key: SessionKey, ctx: &mut Ctx) {
        let opened = ctx.sessions.note_opened(&key);
        ctx.effects.push(opened);
        let reader = self.take_or_open(key, ctx);
        self.push(Layer::Reader(Box::new(reader)), ctx);
    }

    /// Shows an entry of a session's transcript, which is opened unless it is on top.
    pub(super) fn show_entry(&mut self, key: SessionKey, entry: usize, ctx: &mut Ctx) {
        if self.layers.last().and_then(Layer::reader).is_none_or(|reader| reader.key != key) {
            self.open(key, ctx);
        }
        if let Some(reader) = self.layers.last_mut().and_then(Layer::reader_mut) {
            reader.go_to_stored(entry);
        }
    }

    /// Opens a session's transcript, unless it is open on top, and follows its end.
    pub(super) fn follow(&mut self, key: SessionKey, ctx: &mut Ctx) {
        let reading = self.layers.last().and_then(Layer::reader).is_some_and(|reader| reader.key == key);
        if !reading {
            self.open(key, ctx);
        }
        // A transcript that was just opened is at its end and follows already.
        if self.layers.last().and_then(Layer::reader).is_some_and(|reader| !reader.is_following()) {
            self.act(Action::Follow, ctx);
        }
    }

    /// Follows a session's transcript. The header names the program that writes it.
    pub(super) fn watch(&mut self, key: SessionKey, ctx: &mut Ctx) {
        self.follow(key, ctx);
        if let Some(reader) = self.layers.last_mut().and_then(Layer::reader_mut) {
            reader.describe_writer(ctx.sessions.live.get(&reader.key));
        }
    }

    /// Goes to a run's chat. If it is not open, closing it leads home, with its session selected.
    pub(super) fn go_to_run(&mut self, run: &RunId, ctx: &mut Ctx) {
        let Some(info) = ctx.runs.get(run) else { return };
        let key = runs::key_of(info);
        if !self.chats_mut().any(|chat| chat.is_of(run)) {
            self.go_to_session(&key, ctx);
        }
        self.open_chat(run, ctx);
    }

    /// Closes all layers and selects a session on the home screen.
    pub(super) fn go_to_session(&mut self, key: &SessionKey, ctx: &mut Ctx) {
        self.close_layers(ctx);
        self.home.reveal(key, ctx.sessions);
        self.home.follow_selection(ctx);
    }

    /// Opens the chat of a run, or returns to it if it is open already.
    pub(super) fn open_chat(&mut self, run: &RunId, ctx: &mut Ctx) {
        let is_open = |layer: &Layer| layer.chat().is_some_and(|chat| chat.is_of(run));
        if let Some(at) = self.layers.iter().rposition(is_open) {
            return self.close_above(at + 1, ctx);
        }
        if self.go_to_pinned(ctx, |chat| chat.is_of(run)) {
            return;
        }
        let Some(info) = ctx.runs.get(run).cloned() else {
            return ctx.notices.error("The run no longer exists");
        };
        let stored = info.session.clone().filter(|key| ctx.sessions.catalog.get(key).is_some());
        let reader = self.reader_for(stored, info.agent, ctx);
        self.show_chat(Chat::new(reader, info.agent, Some(run.clone()), None), ctx);
    }

    /// Opens a chat that starts a run: at once if there is a prompt, else with the first sent prompt.
    pub(super) fn start_chat(&mut self, agent: Agent, start: RunStart, prompt: Option<String>, ctx: &mut Ctx) {
        let past = match &start.conversation {
            Conversation::New { .. } => None,
            Conversation::Resume(id) | Conversation::Fork(id) => {
                Some(SessionKey { host: start.host.clone(), ..SessionKey::new(agent, id.clone()) })
            }
        };
        let reader = self.reader_for(past, agent, ctx);
        self.show_chat(Chat::new(reader, agent, None, Some(start)), ctx);
        if let Some(chat) = self.top_chat().filter(|_| prompt.is_some()) {
            chat.start_run(prompt, ctx);
        }
    }

    /// Opens the chat of a past session; its run starts with the first prompt.
    pub(super) fn continue_here(&mut self, key: &SessionKey, cwd: Option<String>, fork: bool, ctx: &mut Ctx) {
        let Some(session) = ctx.sessions.catalog.get(key) else {
            return ctx.notices.error("The session no longer exists");
        };
        let cwd = PathBuf::from(cwd.unwrap_or_else(|| session.cwd.to_string()));
        let conversation = if fork { Conversation::Fork(key.id.clone()) } else { Conversation::Resume(key.id.clone()) };
        let start = RunStart { host: key.host.clone(), ..RunStart::new(conversation, cwd) };
        if !fork && !self.top_chat().is_some_and(|chat| chat.is_continuation(key)) {
            self.go_to_pinned(ctx, |chat| chat.is_continuation(key) && !chat.is_fork());
        }
        match self.top_chat().filter(|chat| chat.is_continuation(key)) {
            Some(chat) => ctx.effects.extend(chat.continue_with(start)),
            None => self.start_chat(key.agent, start, None, ctx),
        }
    }

    /// Opens a chat that forks a session before a prompt of its opened transcript. The prompt is edited before it is sent.
    pub(super) fn fork_at(&mut self, ticket: RequestTicket, prompt: usize, point: Option<Arc<str>>, ctx: &mut Ctx) {
        let reader = self.layers.last().and_then(Layer::reader).filter(|reader| reader.ticket == ticket);
        let Some((key, text)) = reader.map(|reader| (reader.key.clone(), reader.whole_text(prompt))) else { return };
        let Some(session) = ctx.sessions.catalog.get(&key) else { return };
        let Some(point) = point else {
            let label = key.agent.label();
            return ctx.notices.error(format!("{label} cannot fork before this prompt; f forks the whole session"));
        };
        let start = RunStart { fork_at: Some(point), ..RunStart::beside(session, Conversation::Fork(key.id.clone())) };
        self.start_chat(key.agent, start, None, ctx);
        if let Some((chat, text)) = self.top_chat().zip(text) {
            chat.composer.set(&text);
        }
    }

    /// Creates a worktree in which a session continues.
    pub(super) fn create_worktree(&mut self, key: SessionKey, fork: bool, ctx: &mut Ctx) {
        let Some(session) = ctx.sessions.catalog.get(&key) else {
            return ctx.notices.error("The session no longer exists");
        };
        let ticket = ctx.tickets.issue();
        let (dir, name) = (PathBuf::from(&*session.cwd), session.title.text.to_string());
        ctx.effects.push(Effect::CreateWorktree { ticket, host: key.host.clone(), dir, name });
        ctx.notices.info("Creating the worktree …");
        self.creating = Some((ticket, key, fork));
    }

    /// Continues a session in the worktree that was created for it, unless another one is read meanwhile. Returns false
    /// if the worktree is not for a session of the list.
    pub(super) fn continue_in_worktree(
        &mut self,
        ticket: RequestTicket,
        result: &Result<WorktreeReady, String>,
        ctx: &mut Ctx,
    ) -> bool {
        let Some((_, key, fork)) = self.creating.take_if(|(creating, ..)| *creating == ticket) else { return false };
        match result {
            Ok(ready) if self.session() == Some(&key) => {
                ctx.notices.info(format!("The worktree {} is ready{}", ready.branch, ready.setup_note()));
                self.continue_here(&key, Some(ready.dir.to_string_lossy().into_owned()), fork, ctx);
                self.show_setup(ready, ctx);
            }
            Ok(ready) => ctx.notices.info(format!("The worktree {} is ready: {}", ready.branch, ready.dir.display())),
            Err(reason) => ctx.notices.error(reason),
        }
        true
    }

    /// Shows the output of the commands that prepared a worktree in the chat of its session.
    pub(super) fn show_setup(&mut self, ready: &WorktreeReady, ctx: &mut Ctx) {
        let ticket = ctx.tickets.issue();
        if let Some(chat) = self.top_chat() {
            chat.show_setup(ready, ctx.now, ticket);
        }
    }

    /// Opens the chat of a session with a prompt to edit.
    pub(super) fn continue_with_prompt(&mut self, key: &SessionKey, prompt: &str, ctx: &mut Ctx) {
        match ctx.runs.of_session(key).map(|info| info.id.clone()) {
            Some(run) => self.open_chat(&run, ctx),
            None => self.continue_here(key, None, false, ctx),
        }
        if let Some(chat) = self.top_chat() {
            chat.edited(prompt, ctx);
        }
    }

    /// Opens the chat of a conversation that continues from before a prompt. Its run starts once the prompt is sent.
    pub(super) fn continue_before(&mut self, key: &SessionKey, from: ConversationStart, prompt: &str, ctx: &mut Ctx) {
        let Some(session) = ctx.sessions.catalog.get(key) else {
            return ctx.notices.error("The session no longer exists");
        };
        let start = match from {
            ConversationStart::New => RunStart::beside(session, Conversation::New { id: None }),
            ConversationStart::Fork(record) => {
                RunStart { fork_at: Some(record), ..RunStart::beside(session, Conversation::Fork(key.id.clone())) }
            }
        };
        self.start_chat(key.agent, start, None, ctx);
        if let Some(chat) = self.top_chat() {
            chat.edited(prompt, ctx);
        }
    }

    /// Opens the chat of a past session and sends a prompt, if given.
    pub(super) fn send_to(&mut self, key: &SessionKey, prompt: Option<String>, ctx: &mut Ctx) {
        self.continue_here(key, None, false, ctx);
        if let Some(chat) = self.top_chat().filter(|chat| prompt.is_some() && chat.reader.key == *key) {
            chat.start_run(prompt, ctx);
        }
    }

    /// Opens a read-only chat of a session that another salon runs.
    pub(super) fn watch_other(&mut self, key: &SessionKey, pid: u32, ctx: &mut Ctx) {
        self.continue_here(key, None, false, ctx);
        if let Some(chat) = self.top_chat().filter(|chat| chat.run.is_none()) {
            chat.mark_owned_by(pid);
        }
    }

    /// Closes a chat; its run continues. On the home screen, its session is selected: it may be a new one.
    pub(super) fn leave_chat(&mut self, mut chat: Chat, ctx: &mut Ctx) {
        ctx.effects.extend(chat.stop_command());
        if let Some(info) = chat.info(ctx.runs).filter(|_| self.layers.is_empty()) {
            self.home.select_new_row(&runs::key_of(info), ctx.sessions);
        }
        if let Some(run) = chat.run.take() {
            // If another chat of the run is open, it receives the events from now on.
            let below = self.chats_mut().rev().find(|chat| chat.is_of(&run)).map(|chat| chat.cursor());
            ctx.effects.push(match below {
                Some(cursor) => Effect::WatchRun(run, cursor),
                None => Effect::UnwatchRun(run),
            });
        }
        if chat.reader.is_stored() {
            chat.reader.clear_live();
            self.leave(chat.reader, ctx);
        } else if self.layers.is_empty() {
            self.home.follow_selection(ctx);
        }
    }

    /// Returns a transcript to the preview that it came from, or closes it.
    pub(super) fn leave(&mut self, reader: Reader, ctx: &mut Ctx) {
        if let Some(search) = self.layers.last_mut().and_then(Layer::search_mut) {
            return search.take_back(reader, ctx);
        }
        let at_home = self.layers.is_empty();
        let panes = self.home.panes(ctx.size.0, *ctx.preview_size, ctx.sessions);
        if at_home && panes.shows(Pane::Preview) && self.home.list.key() == Some(&reader.key) {
            ctx.effects.extend(self.home.preview.set_reader(reader));
            return;
        }
        ctx.effects.push(Effect::CloseTranscript(reader.ticket));
        if at_home {
            self.home.follow_selection(ctx);
        }
    }

    /// Returns the reader for a chat: taken over from an open transcript, opened, or without a transcript on disk.
    fn reader_for(&mut self, key: Option<SessionKey>, agent: Agent, ctx: &mut Ctx) -> Reader {
        let Some(key) = key else { return Reader::unstored(ctx.tickets.issue(), agent) };
        match self.layers.pop_if(|layer| matches!(layer, Layer::Reader(reader) if reader.key == key)) {
            Some(Layer::Reader(reader)) => *reader,
            Some(_) | None => self.take_or_open(key, ctx),
        }
    }

    /// Takes a transcript over from the preview, or opens it.
    fn take_or_open(&mut self, key: SessionKey, ctx: &mut Ctx) -> Reader {
        let mut previewed = if self.layers.is_empty() { self.home.preview.take_reader(&key) } else { None };
        if let Some(reader) = &mut previewed {
            // A chat gets all events of its run again.
            reader.clear_live();
        }
        previewed.unwrap_or_else(|| {
            let (reader, effects) = Reader::open(ctx.tickets.issue(), key);
            ctx.effects.extend(effects);
            reader
        })
    }

    fn show_chat(&mut self, chat: Chat, ctx: &mut Ctx) {
        if ctx.sessions.catalog.get(&chat.reader.key).is_some() {
            let opened = ctx.sessions.note_opened(&chat.reader.key);
            ctx.effects.push(opened);
        }
        ctx.effects.extend(chat.run.clone().map(|run| Effect::WatchRun(run, RingCursor::default())));
        ctx.effects.push(chat.load_draft());
        self.push(Layer::Chat(Box::new(chat)), ctx);
    }
}

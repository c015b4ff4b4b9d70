//! Messages about runs, stored in the table of runs and passed to the chats and forms that they are about.

use super::Stack;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::home::Pane;
use crate::app::layer::Layer;
use crate::app::new_session::NewSession;
use crate::app::notifications::{self, RunVisibility};
use crate::app::quit;
use crate::app::runs::{self, RunMsg};
use crate::app::trust;
use crate::domain::Agent;
use crate::domain::run::{Phase, Refusal, RunId, RunInfo};
use crate::domain::run_event::Replay;
use crate::stdx::text;

/// Maximum columns of the name of a session before a message about it.
const MAX_NAME_COLUMNS: usize = 32;

impl Stack {
    /// Applies a message about a run.
    pub fn run(&mut self, msg: RunMsg, ctx: &mut Ctx) {
        match msg {
            RunMsg::Changed(info) => {
                let before = ctx.runs.insert(info.clone());
                ctx.sessions.recorded.extend(info.session.clone());
                if matches!(info.phase, Phase::Stopped(_)) {
                    ctx.effects.extend(ctx.runs.take_handover(&info.id).map(Effect::CheckResume));
                }
                let visible = self.visibility(&info, ctx.size.0);
                ctx.effects.extend(notifications::of_change(before.as_deref(), &info, visible, ctx));
                self.runs_changed(before.as_deref(), Some(&info), ctx);
                let has_ended = |before: &RunInfo| runs::is_open(&before.phase) && !runs::is_open(&info.phase);
                if before.as_deref().is_some_and(has_ended) {
                    self.read_work_trees(ctx);
                }
            }
            RunMsg::Recorded(sessions) => {
                ctx.sessions.recorded.extend(sessions);
                self.home.sessions_changed(ctx);
            }
            RunMsg::Gone(run) => {
                let before = ctx.runs.remove(&run);
                if let Some(before) = &before {
                    self.chats_mut().filter(|chat| chat.is_of(&run)).for_each(|chat| chat.run_gone(before));
                }
                self.runs_changed(before.as_deref(), None, ctx);
            }
            RunMsg::Queued(run, prompts) => {
                ctx.runs.set_queue(run, prompts);
                self.runs_changed(None, None, ctx);
            }
            RunMsg::Notice { run, text, error } => {
                // It would seem to be about the session in front.
                let name = ctx.runs.get(&run).map(|info| notifications::run_name(info, ctx));
                let name = name.map(|name| format!("{}: ", text::ellipsis(&name, MAX_NAME_COLUMNS)));
                let text = name.unwrap_or_default() + &text;
                if error { ctx.notices.error(text) } else { ctx.notices.info(text) }
            }
            RunMsg::Events(run, replay) => self.apply_events(&run, replay, ctx),
            RunMsg::Started { ticket, result } => {
                if self.home.message_started(ticket, &result, ctx) || self.review_started(ticket, &result, ctx) {
                    return;
                }
                let chat = self.chats_mut().find(|chat| chat.is_starting_with(ticket));
                let question = match (&result, &chat) {
                    (Err(Refusal::Untrusted(untrusted)), Some(chat)) => Some(trust::question(chat.agent, untrusted)),
                    _ => None,
                };
                if chat.is_some_and(|chat| chat.started(result, ctx)) {
                    self.sync_chats(ctx);
                }
                if let Some(question) = question {
                    self.push(Layer::Dialog(question), ctx);
                }
            }
            RunMsg::Submitted { run, text, refused } => self.submitted(&run, &text, refused, ctx),
            RunMsg::Checked { key, check } => self.continue_checked(&key, check, ctx),
            RunMsg::Backends(list) => {
                if let Some(Layer::Backends(view)) = self.layers.last_mut() {
                    view.list = Some(list);
                }
            }
            RunMsg::Models(source, models) => {
                ctx.runs.set_models(source.clone(), models);
                self.layers
                    .iter_mut()
                    .filter_map(Layer::picker_mut)
                    .for_each(|picker| picker.models_received(&source, ctx.runs));
            }
            RunMsg::Outlive(outlive) => ctx.runs.set_outlive(outlive),
            RunMsg::Agents(agents) => self.agents_received(agents, ctx),
            RunMsg::Paths { query, found } => self.paths_found(query, found),
            RunMsg::Draft { key, text } => self.chats_mut().for_each(|chat| chat.draft_loaded(&key, &text)),
            RunMsg::CommandOutput(ticket, output) => {
                self.chats_mut().for_each(|chat| chat.command_output(ticket, &output));
            }
            RunMsg::CommandEnded(ticket, ended) => {
                self.chats_mut().for_each(|chat| chat.command_ended(ticket, ended.clone()));
            }
            RunMsg::ChangeContext(id, contexts) => ctx.approvals.set_contexts(id, contexts),
            RunMsg::Edited(text) => {
                if let Some(changes) = self.layers.last_mut().and_then(Layer::changes_mut) {
                    changes.edited(text, ctx);
                } else if let Some(chat) = self.top_chat() {
                    chat.edited(&text, ctx);
                }
            }
        }
    }

    /// Updates the chats after runs or sessions changed.
    pub(super) fn sync_chats(&mut self, ctx: &mut Ctx) {
        self.chats_mut().for_each(|chat| chat.sync(ctx));
    }

    /// Watches the run of the previewed session while its turn is open.
    pub fn sync_preview(&mut self, ctx: &mut Ctx) {
        let panes = self.home.panes(ctx.size.0, *ctx.preview_size, ctx.sessions);
        let shown = self.screen().is_none() && panes.shows(Pane::Preview);
        let key = self.home.list.key().filter(|_| shown);
        let run = key.and_then(|key| ctx.runs.of_session(key)).cloned();
        // A chat of the run, also a pinned one, receives its events.
        let in_chat =
            |run: &RunId| self.pinned.iter().chain(&self.layers).filter_map(Layer::chat).any(|chat| chat.is_of(run));
        let elsewhere = self.home.preview.watched_run().is_some_and(in_chat);
        let run = run.filter(|info| !in_chat(&info.id));
        if elsewhere {
            self.home.preview.release_run();
        }
        ctx.effects.extend(self.home.preview.watch(run.as_deref()));
    }

    /// Updates an open inbox after the sessions that wait in other programs changed.
    pub(super) fn sync_inbox(&mut self) {
        let Self { home, layers, .. } = self;
        let inboxes = layers.iter_mut().filter_map(Layer::inbox_mut);
        inboxes.for_each(|inbox| inbox.set_elsewhere(home.waiting_elsewhere.clone()));
    }

    /// Records the time for chats that are starting, and begins another day of the list.
    pub fn clock_advanced(&mut self, ctx: &Ctx) {
        self.chats_mut().for_each(|chat| chat.record_start_time(ctx));
        self.home.advance_clock(ctx.now, ctx.sessions);
    }

    fn apply_events(&mut self, run: &RunId, replay: Replay, ctx: &mut Ctx) {
        let Some(chat) = self.chats_mut().rev().find(|chat| chat.is_of(run)) else {
            return ctx.effects.extend(self.home.preview.apply_events(run, replay));
        };
        let effects = chat.apply_events(replay, ctx);
        ctx.effects.extend(effects);
        self.sync_chats(ctx);
    }

    fn submitted(&mut self, run: &RunId, text: &str, refused: Option<Refusal>, ctx: &mut Ctx) {
        if self.review_submitted(run, text, refused.as_ref(), ctx) {
            return;
        }
        if let Some(chat) = self.chats_mut().find(|chat| chat.was_of(run)) {
            chat.submitted(text, refused, ctx);
        } else if let Some(refusal) = refused {
            match ctx.runs.get(run).map(|info| runs::key_of(info)) {
                Some(key) => self.home.message_refused(&key, text, &refusal, ctx),
                // Nothing else has the text any more.
                None => ctx.notices.error(format!("Not sent: {refusal}: {text}")),
            }
        }
    }

    /// Passes completions of a file or directory name to the form or the chat on top.
    fn paths_found(&mut self, query: String, found: Vec<String>) {
        if let Some(form) = self.top_form() {
            form.directories_found(query, found);
        } else if let Some(completion) = self.top_chat().and_then(|chat| chat.composer.completion.as_mut()) {
            completion.set_files(&query, found);
        }
    }

    /// Stores the agents; the chosen one stays chosen.
    fn agents_received(&mut self, agents: Vec<(Agent, bool)>, ctx: &mut Ctx) {
        let chosen = self.top_form().map(|form| form.agent(ctx.runs));
        ctx.runs.set_agents(agents);
        match (chosen, self.top_form()) {
            (Some(chosen), Some(form)) if form.base.is_some() => form.propose_agent(chosen, ctx),
            (Some(chosen), Some(form)) => form.select_agent(chosen, ctx),
            _ => {}
        }
    }

    /// Updates everything that is derived from runs: approvals, rows, chats, pending quit.
    fn runs_changed(&mut self, before: Option<&RunInfo>, now: Option<&RunInfo>, ctx: &mut Ctx) {
        ctx.approvals.refresh(ctx.runs);
        // The row of a new run becomes the row of its session.
        let renamed = before.map(runs::key_of).zip(now.map(runs::key_of)).filter(|(before, now)| before != now);
        if renamed.is_some() {
            // The session of a run is known now, and with it what was recorded about the run.
            ctx.effects.push(Effect::LoadUserData);
        }
        let selected = renamed.filter(|(before, _)| self.home.list.key() == Some(before));
        if ctx.sessions.set_runs(ctx.runs) {
            self.home.sessions_changed(ctx);
        }
        if let Some((_, now)) = selected
            && self.home.select_new_row(&now, ctx.sessions)
        {
            self.home.follow_selection(ctx);
        }
        self.sync_chats(ctx);
        quit::quit_if_done(ctx);
    }

    /// Returns the parts of a run that are on the screen.
    fn visibility(&self, info: &RunInfo, width: u16) -> RunVisibility {
        let chat = self.on_screen(width).filter_map(Layer::chat).any(|chat| chat.is_of(&info.id));
        RunVisibility { chat, approvals: chat || matches!(self.layers.last(), Some(Layer::Inbox(_))) }
    }

    /// Returns the form of a new session if it is the topmost layer.
    fn top_form(&mut self) -> Option<&mut NewSession> {
        self.layers.last_mut().and_then(Layer::new_session_mut)
    }
}

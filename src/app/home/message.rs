//! One-line composer over the list: sends or queues a prompt without leaving the list.

use super::Home;
use crate::app::ctx::Ctx;
use crate::app::failure;
use crate::app::line_editor::LineEditor;
use crate::app::prompt_request::PromptRequest;
use crate::app::runs::RunTable;
use crate::app::sessions::Sessions;
use crate::app::ticket::RequestTicket;
use crate::config::key::{Key, KeyCode};
use crate::domain::run::{Refusal, RunId};
use crate::domain::{Session, SessionKey, SessionState};

/// Prompt to a session of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMessage {
    /// The session.
    pub key: SessionKey,
    /// The prompt.
    pub input: LineEditor,
}

impl Home {
    /// Opens the composer for the selected session, unless another program has the session open.
    pub(super) fn write_message(&mut self, ctx: &mut Ctx) {
        let Some(session) = self.list.session() else { return ctx.notices.info("No session selected") };
        let key = session.key.clone();
        if !ctx.runs.agents().iter().any(|(agent, _)| *agent == key.agent) {
            return ctx.notices.info(format!("Salon cannot run {}", key.agent.label()));
        }
        if !self.takes_message(ctx.runs, ctx.sessions) {
            return ctx.notices.info("Read-only: open in another program");
        }
        self.list.pin_selection();
        let kept = self.unsent.iter().position(|message| message.key == key).map(|at| self.unsent.remove(at));
        self.message = Some(kept.unwrap_or_else(|| ListMessage { key, input: LineEditor::default() }));
    }

    /// Returns true if a prompt can be sent to the selected session: salon can run its agent, and no other program has the
    /// session open.
    pub fn takes_message(&self, runs: &RunTable, sessions: &Sessions) -> bool {
        let is_open_elsewhere = |session: &Session| {
            runs.of_session(&session.key).is_none() && sessions.state(session) != SessionState::Past
        };
        let can_run = |session: &Session| runs.agents().iter().any(|(agent, _)| *agent == session.key.agent);
        self.list.session().is_some_and(|session| can_run(session) && !is_open_elsewhere(session))
    }

    /// Closes the composer. The text is kept for the next time that it is opened for the session.
    fn close_message(&mut self) {
        self.unsent.extend(self.message.take().filter(|message| !message.input.text().trim().is_empty()));
    }

    /// Shows a prompt that was refused, unless another one is being written; then it is kept.
    fn return_message(&mut self, message: ListMessage) {
        match self.message {
            None => self.message = Some(message),
            Some(_) => self.unsent.push(message),
        }
    }

    /// Handles a key in the composer.
    pub(super) fn key_in_message(&mut self, key: Key, ctx: &mut Ctx) {
        let Some(message) = &mut self.message else { return };
        match key.code {
            KeyCode::Esc => self.close_message(),
            _ if key == Key::ctrl('c') => self.close_message(),
            KeyCode::Enter if message.input.text().trim().is_empty() => {}
            KeyCode::Enter => {
                if let Some(message) = self.message.take() {
                    self.send_message(message, ctx);
                }
            }
            _ => _ = message.input.key(key),
        }
    }

    /// Returns a prompt to the composer if its run was refused. Returns false if the ticket is not that of a prompt.
    pub fn message_started(&mut self, ticket: RequestTicket, result: &Result<RunId, Refusal>, ctx: &mut Ctx) -> bool {
        let Some(at) = self.sending.iter().position(|(sending, _)| *sending == ticket) else { return false };
        let (_, message) = self.sending.remove(at);
        if let Err(refusal) = result {
            ctx.notices.error(format!("Not sent: {}", failure::describe_refusal(refusal, message.key.agent)));
            self.return_message(message);
        }
        true
    }

    /// Returns a prompt to the composer that its run refused.
    pub fn message_refused(&mut self, key: &SessionKey, text: &str, refusal: &Refusal, ctx: &mut Ctx) {
        ctx.notices.error(format!("Not sent: {}", failure::describe_refusal(refusal, key.agent)));
        let mut input = LineEditor::default();
        input.set(text);
        self.return_message(ListMessage { key: key.clone(), input });
    }

    fn send_message(&mut self, message: ListMessage, ctx: &mut Ctx) {
        let text = message.input.text().trim().to_owned();
        match PromptRequest::send(&message.key, text, ctx) {
            Some(PromptRequest::Submit(_)) => ctx.notices.info("Prompt sent"),
            Some(PromptRequest::Start(ticket)) => self.sending.push((ticket, message)),
            None => {}
        }
    }
}

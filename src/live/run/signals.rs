//! What an agent tells becomes the state and the history of its run.

use std::sync::Arc;

use super::{Run, life::Life};
use crate::agent::protocol::Signal;
use crate::domain::SessionKey;
use crate::domain::approval::Approval;
use crate::domain::event::{Body, Level};
use crate::domain::run::{Phase, Stopped, What};

impl Run {
    pub(super) async fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Event(event) => {
                if !matches!(event.body, Body::Prompt(_)) {
                    self.open.answered();
                }
                self.history.push(self.info.turn, What::Event(event));
            }
            Signal::Session(id) => self.learn_session(id).await,
            Signal::Ready(offers) => {
                self.info.offers = Arc::new(offers);
                if self.info.phase == Phase::Starting {
                    self.failures = 0;
                    self.info.failure = None;
                    self.info.silent = None;
                    self.info.phase = Phase::Idle;
                }
            }
            Signal::PromptAccepted { id } => self.accepted(id).await,
            // An agent may begin a turn by itself.
            Signal::TurnStarted => match self.info.phase {
                Phase::Working { .. } | Phase::Interrupting { .. } => self.acknowledge(),
                Phase::Starting | Phase::Idle | Phase::Stopped(_) => self.open_turn(true),
            },
            Signal::Activity(activity) => {
                if let Phase::Working { activity: present, .. } = &mut self.info.phase {
                    *present = activity;
                }
            }
            Signal::TurnEnded(outcome) => self.turn_ended(outcome).await,
            Signal::Approval(approval) => self.asked(approval),
            Signal::ApprovalGone(id) => self.approval_gone(&self.tagged(&id)),
            Signal::Settings { model, mode, effort } => {
                self.info.model = model.or(self.info.model.take());
                self.info.mode = mode.or(self.info.mode.take());
                self.info.effort = effort.or(self.info.effort.take());
            }
            Signal::Usage { tokens, cost_usd, context } => {
                self.info.tokens = tokens.unwrap_or(self.info.tokens);
                self.info.cost_usd = cost_usd.or(self.info.cost_usd);
                self.info.context = context.or(self.info.context);
            }
            Signal::Fatal(failure) => {
                if matches!(self.life, Life::Up(_)) {
                    self.stop(Stopped::Failed(failure));
                }
            }
        }
    }

    /// The same id again changes nothing; another one is a session of its own only once its transcript exists, which
    /// the agent's codec knows.
    async fn learn_session(&mut self, id: Arc<str>) {
        let key = SessionKey { agent: self.agent, id };
        if self.info.session.as_ref() == Some(&key) {
            return;
        }
        if let Err(fault) = self.post.link(&self.info.id, &key).await {
            self.notice(&format!("The conversation will not be found again by salon: {fault}"), Level::Warning);
        }
        self.info.session = Some(key);
    }

    fn asked(&mut self, approval: Approval) {
        let approval = Approval { id: self.tagged(&approval.id), ..approval };
        if self.info.approvals.iter().any(|known| known.id == approval.id) {
            self.info.approvals.retain(|known| known.id != approval.id);
        }
        self.info.approvals.push(approval.clone());
        self.history.push(self.info.turn, What::Approval(approval));
    }

    pub(super) fn approval_gone(&mut self, id: &str) {
        let Some(at) = self.info.approvals.iter().position(|approval| &*approval.id == id) else { return };
        let approval = self.info.approvals.remove(at);
        self.history.push(self.info.turn, What::ApprovalGone(approval.id));
    }

    /// Whatever was asked needs no answer any more.
    pub(super) fn drop_approvals(&mut self) {
        for approval in std::mem::take(&mut self.info.approvals) {
            self.history.push(self.info.turn, What::ApprovalGone(approval.id));
        }
    }

    /// An id that no other process of the run gives: an answer that comes too late must not meet another question.
    fn tagged(&self, id: &str) -> Arc<str> {
        format!("{}:{id}", self.generation).into()
    }

    /// The id as the present process gave it.
    pub(super) fn untagged(&self, id: &str) -> Option<Arc<str>> {
        let (generation, id) = id.split_once(':')?;
        (generation == self.generation.to_string()).then(|| id.into())
    }
}

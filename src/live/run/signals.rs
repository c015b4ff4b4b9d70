//! Applies protocol signals to the state and history of a run.

use std::sync::Arc;

use super::{Run, lifecycle::ConnectionState};
use crate::agent::protocol::ProtocolSignal;
use crate::domain::SessionKey;
use crate::domain::approval::Approval;
use crate::domain::event::EventBody;
use crate::domain::run::{Phase, StopReason, SubagentProgress};
use crate::domain::run_event::RunEventKind;
use crate::domain::running_call::RunningCall;
use crate::domain::transcript::ToolStatus;

/// Maximum sub-agents per run, because they are part of each published state.
const MAX_SUBAGENTS: usize = 32;

/// Maximum running calls per run, for the same reason.
const MAX_CALLS: usize = 16;

impl Run {
    pub(super) async fn apply_signal(&mut self, signal: ProtocolSignal) {
        match signal {
            ProtocolSignal::Event(mut event) => {
                if !matches!(event.body, EventBody::Prompt(_)) {
                    self.turn.answered();
                }
                self.track_call(&mut event.body);
                self.push_event(event);
            }
            ProtocolSignal::Session(id) => self.set_session(id).await,
            ProtocolSignal::Ready(offers) => {
                self.info.capabilities = Arc::new(offers);
                if self.info.phase == Phase::Starting {
                    self.failures = 0;
                    self.info.failure = None;
                    self.info.silent_since = None;
                    self.info.phase = Phase::Idle;
                }
            }
            ProtocolSignal::PromptAccepted { id } => self.accepted(id).await,
            ProtocolSignal::PromptRecorded { id } => self.recorded(id).await,
            ProtocolSignal::SteerRefused { id, reason } => self.steer_refused(id, &reason).await,
            // Some agents start turns by themselves.
            ProtocolSignal::TurnStarted => match self.info.phase {
                Phase::Working { .. } | Phase::Interrupting { .. } => self.turn.acknowledge(),
                Phase::Starting | Phase::Idle | Phase::Stopped(_) => self.open_turn(true),
            },
            ProtocolSignal::Activity(activity) => {
                if let Phase::Working { activity: present, .. } = &mut self.info.phase {
                    *present = activity;
                }
            }
            ProtocolSignal::TurnEnded(outcome) => self.turn_ended(outcome).await,
            ProtocolSignal::Approval(approval) => self.approval_requested(approval),
            ProtocolSignal::ApprovalGone(id) => self.remove_approval(&self.qualified_id(&id)),
            ProtocolSignal::Settings { model, mode, effort } => {
                self.info.model = model.or(self.info.model.take());
                self.info.mode = mode.or(self.info.mode.take());
                self.info.effort = effort.or(self.info.effort.take());
            }
            ProtocolSignal::Usage { tokens, cost_usd, context } => {
                let is_starting = self.info.phase == Phase::Starting;
                let (tokens, cost_usd) = self.usage.total(is_starting, tokens, cost_usd);
                self.info.tokens = tokens.unwrap_or(self.info.tokens);
                self.info.cost_usd = cost_usd.or(self.info.cost_usd);
                self.info.context = context.or(self.info.context);
            }
            ProtocolSignal::Quota(quota) => self.info.quota = Some(quota),
            ProtocolSignal::BackgroundTasks(tasks) => self.info.tasks = tasks,
            ProtocolSignal::Plan(plan) => self.info.plan = plan,
            ProtocolSignal::Replayed(event) => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.observe(&event);
                }
            }
            ProtocolSignal::Title(title) => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.title(&title);
                }
            }
            ProtocolSignal::Listed(sessions) => self.record_listed(sessions),
            ProtocolSignal::Subagent(progress) => self.subagent_progressed(progress),
            ProtocolSignal::Fatal(failure) => {
                if matches!(self.connection, ConnectionState::Up(_)) {
                    self.stop(StopReason::Failed(failure));
                }
            }
        }
    }

    /// Tracks which tool calls run. Sets the duration of a call that ends after a wait for an approval, because agents
    /// report none for it, and the times of its events include the wait.
    fn track_call(&mut self, body: &mut EventBody) {
        match body {
            EventBody::ToolCall { id, name, action, .. } => {
                let known = self.info.calls.iter().position(|call| call.id == *id);
                let before = known.map(|at| &self.info.calls[at]);
                let (since, waited) =
                    before.map_or_else(|| (self.store.now(), false), |before| (before.since, before.waited));
                let call = RunningCall { waited, ..RunningCall::new(id.clone(), name, action, since) };
                match known {
                    Some(at) => self.info.calls[at] = call,
                    None if self.info.calls.len() < MAX_CALLS => self.info.calls.push(call),
                    None => {}
                }
            }
            EventBody::ToolUpdate { id, status: Some(status), duration_ms, .. }
                if !matches!(status, ToolStatus::Pending | ToolStatus::Running) =>
            {
                let waited = self.info.calls.iter().find(|call| call.id == *id && call.waited);
                if let Some(call) = waited.filter(|_| matches!(status, ToolStatus::Done | ToolStatus::Failed)) {
                    let ran = u64::try_from(self.store.now().since(call.since)).ok();
                    *duration_ms = duration_ms.or(ran);
                }
                self.info.subagents.retain(|subagent| subagent.call != *id);
                self.info.calls.retain(|call| call.id != *id);
            }
            _ => {}
        }
    }

    fn subagent_progressed(&mut self, progress: SubagentProgress) {
        let known = self.info.subagents.iter().position(|known| known.call == progress.call);
        match known {
            Some(at) => self.info.subagents[at] = progress,
            None if self.info.subagents.len() < MAX_SUBAGENTS => self.info.subagents.push(progress),
            None => {}
        }
    }

    /// Records the session of the run. The codec reports an id only once its transcript exists.
    async fn set_session(&mut self, id: Arc<str>) {
        let key = SessionKey::new(self.agent, id);
        if self.info.session.as_ref() == Some(&key) {
            return;
        }
        self.info.session = Some(key);
        self.link_session().await;
    }

    /// Records the session in the registry. A failure is retried with the queue.
    pub(super) async fn link_session(&mut self) {
        let Some(key) = &self.info.session else { return };
        let linked = self.store.link(&self.info.id, key).await;
        self.unlinked = linked.is_err();
        if let Err(failure) = linked {
            self.store_failed(&format!("The session could not be recorded: {failure}"));
        }
    }

    fn approval_requested(&mut self, approval: Approval) {
        let approval = Approval { id: self.qualified_id(&approval.id), ..approval };
        if self.info.approvals.iter().any(|known| known.id == approval.id) {
            self.info.approvals.retain(|known| known.id != approval.id);
        }
        self.info.approvals.push(approval.clone());
        self.history.push(self.info.turn, RunEventKind::Approval(approval));
    }

    pub(super) fn remove_approval(&mut self, id: &str) {
        let Some(at) = self.info.approvals.iter().position(|approval| &*approval.id == id) else { return };
        let approval = self.info.approvals.remove(at);
        let now = self.store.now();
        let waited = |call: &&mut RunningCall| Some(&call.id) == approval.tool_id.as_ref();
        self.info.calls.iter_mut().filter(waited).for_each(|call| (call.since, call.waited) = (now, true));
        self.history.push(self.info.turn, RunEventKind::ApprovalGone(approval.id));
    }

    /// Closes all open approvals.
    pub(super) fn drop_approvals(&mut self) {
        for approval in std::mem::take(&mut self.info.approvals) {
            self.history.push(self.info.turn, RunEventKind::ApprovalGone(approval.id));
        }
    }

    /// Prefixes an approval id with the process generation, so that a late answer cannot match an approval of a newer
    /// process.
    fn qualified_id(&self, id: &str) -> Arc<str> {
        format!("{}:{id}", self.generation).into()
    }

    /// Returns the agent's own id, if it belongs to the current process.
    pub(super) fn unqualified_id(&self, id: &str) -> Option<Arc<str>> {
        let (generation, id) = id.split_once(':')?;
        (generation == self.generation.to_string()).then(|| id.into())
    }
}

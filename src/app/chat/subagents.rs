//! Sub-agents of a chat's run, whose sessions can be opened.

use super::Chat;
use crate::app::ctx::Ctx;
use crate::domain::SessionKey;
use crate::domain::run::SubagentProgress;

impl Chat {
    /// Returns the session of the sub-agent that the current entry started, if it is on disk.
    pub(super) fn subagent(&self, ctx: &Ctx) -> Option<SessionKey> {
        let on_disk = |key: &SessionKey| ctx.sessions.catalog.get(key).is_some();
        if let Some(key) = self.reader.subagent().filter(on_disk) {
            return Some(key);
        }
        let call = self.reader.current_call()?;
        let running = &self.info(ctx.runs)?.subagents;
        self.session_of(running.iter().find(|subagent| *subagent.call == *call)?, ctx)
    }

    /// Returns the session of a running sub-agent, if it is on disk.
    pub(super) fn session_of(&self, subagent: &SubagentProgress, ctx: &Ctx) -> Option<SessionKey> {
        let key = SessionKey::new(self.agent, subagent.session.clone()?);
        ctx.sessions.catalog.get(&key).map(|session| session.key.clone())
    }
}

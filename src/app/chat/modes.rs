//! Changing the permission mode of a chat by a key.

use super::Chat;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::picker::{self, skips_permissions};
use crate::app::runs::ModelSource;
use crate::domain::run::RunSetting;
use crate::domain::run_request::RunRequest;

impl Chat {
    /// Changes to the next permission mode. A mode that skips all permissions must be confirmed, so it is left out.
    pub(super) fn next_mode(&mut self, ctx: &mut Ctx) {
        let info = self.info(ctx.runs);
        let known = info.map(|info| info.capabilities.modes.clone()).filter(|modes| !modes.is_empty());
        let mut modes = known.unwrap_or_else(|| picker::modes(ctx.runs, &ModelSource::new(self.agent, self.host())));
        modes.retain(|mode| !skips_permissions(mode));
        let current = match (info, &self.start) {
            (Some(info), _) => info.mode.as_deref(),
            (None, Some(start)) => start.mode.as_deref(),
            (None, None) => None,
        };
        // Without a mode, the agent uses its default, the first one.
        let at = modes.iter().position(|mode| Some(mode.as_str()) == current);
        let next = (at.map_or(usize::from(current.is_none()), |at| at + 1)) % modes.len().max(1);
        let Some(mode) = modes.get(next).filter(|_| modes.len() > 1).cloned() else {
            let source = ModelSource::new(self.agent, self.host());
            ctx.effects.push(Effect::LoadModels { source, refresh: false });
            return ctx.notices.info(format!("No other mode of {} is known yet", self.agent.label()));
        };
        match (&self.run, &mut self.start) {
            (Some(run), _) => {
                let request = RunRequest::Set(run.clone(), RunSetting::Mode(mode.clone()));
                ctx.effects.push(Effect::Run(request));
            }
            (None, Some(start)) => start.mode = Some(mode.clone()),
            (None, None) => return,
        }
        ctx.notices.info(format!("Mode: {mode}"));
    }
}

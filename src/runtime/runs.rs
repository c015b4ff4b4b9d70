//! What is asked of runs, done by the live layer; what runs tell, as messages for the state.

use std::ops::ControlFlow;

use super::shell::Shell;
use crate::app::runs::RunEffect;

impl Shell {
    /// Does what is asked of a run.
    pub(super) fn ask_run(&mut self, effect: RunEffect) -> ControlFlow<()> {
        tracing::debug!(?effect, "asked of a run");
        ControlFlow::Continue(())
    }
}

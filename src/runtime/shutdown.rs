//! End of the event loop: foreground program, agents, and what is left to save.

use std::time::Duration;

use super::foreground::{self, ForegroundEvent};
use super::runs::Runs;
use super::shell::Shell;
use super::terminal_owner::TerminalOwner;

/// Grace period of a foreground program when salon quits.
const FOREGROUND_GRACE: Duration = Duration::from_millis(1500);

/// Maximum wait at quit for choices and drafts to be saved.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Delay before a slow shutdown of agents is reported.
const SHUTDOWN_NOTICE_DELAY: Duration = Duration::from_millis(700);

impl Shell {
    /// Releases the terminal and shuts down the index and the agents.
    pub(super) async fn end(self) {
        let Self { terminal, runner, sources, detaches, .. } = self;
        drop(terminal);
        drop(sources.remote);
        runner.remotes.stop();
        runner.index.stop();
        runner.commands.end_all();
        match runner.runs {
            Some(runs) if detaches => eprintln!("salon: {}", runs.detach(&runner.paths, &runner.config_file).await),
            Some(runs) => end_runs(runs).await,
            None => {}
        }
        let unsaved = runner.writer.map_or(0, |writer| writer.finish(FLUSH_TIMEOUT));
        if unsaved > 0 {
            eprintln!("salon: {unsaved} choices and drafts were not saved, because state.db cannot be written");
        }
    }

    /// Ends a foreground program that is still running when salon quits.
    pub(super) async fn end_program(&mut self) {
        let TerminalOwner::Program { child, .. } = &mut self.owner else { return };
        child.terminate();
        let ended = async { while let ForegroundEvent::Stopped(_) = child.next().await {} };
        if tokio::time::timeout(FOREGROUND_GRACE, ended).await.is_err() {
            child.kill();
        }
        foreground::reclaim_terminal();
    }
}

/// Stops the agents, and reports a slow shutdown.
async fn end_runs(runs: Runs) {
    let alive = runs.any_alive();
    let mut ending = std::pin::pin!(runs.end());
    let timeout = if alive { SHUTDOWN_NOTICE_DELAY } else { Duration::MAX };
    if tokio::time::timeout(timeout, &mut ending).await.is_err() {
        eprintln!("salon: waiting for agents to exit");
        ending.await;
    }
}

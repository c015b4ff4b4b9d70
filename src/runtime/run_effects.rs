//! Runs the effects on live runs.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::effect_runner::EffectRunner;
use super::resume_check::check;
use super::runs::{RunServices, Runs};
use super::shell::Shell;
use super::task_message::TaskMessage;
use super::terminal_owner::Purpose;
use super::{desktop_notification, edited_text, env};
use crate::agent::{self, Environment};
use crate::app::Msg;
use crate::app::msg::RequestTicket;
use crate::app::runs::RunMsg;
use crate::domain::run::{Conversation, Refusal, RunStart};
use crate::domain::{Agent, SessionKey};
use crate::live::identity::identify;
use crate::stdx::program;

type Step = ControlFlow<()>;

impl Shell {
    /// Runs `act` with the live runs, if there are any. Without `state.db` there are none.
    pub(super) fn with_runs(&mut self, act: impl FnOnce(&mut Runs)) {
        if let Some(runs) = &mut self.runner.runs {
            act(runs);
        }
    }

    /// Starts a run, or refuses if `state.db` cannot be used.
    pub(super) fn start_run(
        &mut self,
        ticket: RequestTicket,
        agent: Agent,
        start: RunStart,
        prompt: Option<String>,
    ) -> Step {
        if let Some(runs) = &self.runner.runs {
            runs.open_run(ticket, agent, start, prompt);
            return Step::Continue(());
        }
        let refusal = Refusal::NotSaved("state.db is unavailable; sessions cannot run without it".to_owned());
        self.update(Msg::Run(RunMsg::Started { ticket, result: Err(refusal) }))
    }

    /// Goes on without a server that has ended: its runs are gone, and new ones belong to this process.
    pub(super) fn replace_lost_server(&mut self, reason: &str) -> Step {
        let lost: Vec<_> = self.app.runs.ending().map(|info| info.id.clone()).collect();
        let EffectRunner { environment, paths, store, writer, messages, .. } = &self.runner;
        let Some((store, writer)) = store.as_ref().zip(writer.as_ref()) else { return Step::Continue(()) };
        let settings = &self.app.settings;
        let services = RunServices { store, writer, environment, paths, settings, messages };
        let server = self.runner.runs.as_ref().and_then(Runs::server_pid).and_then(identify);
        let (runs, receivers) = Runs::start_here(services, server);
        (self.runner.runs, self.sources.runs) = (Some(runs), Some(receivers));
        for run in lost {
            self.update(Msg::Run(RunMsg::Gone(run)))?;
        }
        let text = format!("The background process has ended ({reason}). Its sessions resume with your next prompt.");
        self.notice(text, true)
    }

    /// Reports the agents that salon can run, each with true if it is installed.
    pub(super) fn load_agents(&self) {
        let (environment, messages) = (self.runner.environment.clone(), self.runner.messages.clone());
        tokio::task::spawn_blocking(move || {
            // An error means that salon is shutting down.
            messages.send(TaskMessage::of_run(RunMsg::Agents(installed_agents(&environment)))).ok();
        });
    }

    pub(super) fn notify(&mut self, title: &str, body: &str) {
        let sequence = desktop_notification::sequence(title, body, self.app.settings.bell, env::var);
        self.log_terminal_error(|shell| shell.terminal.write(sequence.as_bytes()));
    }

    pub(super) fn check_run(&mut self, key: SessionKey) {
        let Some(session) = self.session(&key) else { return };
        let (context, messages) = (self.check_context(), self.runner.messages.clone());
        let server = self.runner.runs.as_ref().and_then(Runs::server_pid);
        tokio::task::spawn_blocking(move || {
            let mut check = check(&session, &context);
            // Its runs are the runs of this window.
            check.owner_pid = check.owner_pid.filter(|pid| Some(*pid) != server);
            // An error means that salon is shutting down.
            messages.send(TaskMessage::of_run(RunMsg::Checked { key, check })).ok();
        });
    }

    /// Opens a text in the editor. Its file is read and removed afterwards.
    pub(super) fn edit_text(&mut self, text: &str) -> Step {
        match edited_text::write(text) {
            Ok(file) => self.edit_for(&file, Purpose::EditText(file.clone())),
            Err(error) => self.notice(format!("Could not create a file for the editor: {error}"), true),
        }
    }
}

/// Returns the agents that salon can run, each with true if its program is on `PATH`.
fn installed_agents(environment: &Environment) -> Vec<(Agent, bool)> {
    let agents = Agent::all().into_iter().filter_map(|agent| Some((agent, agent::protocol(agent)?)));
    let installed = agents.map(|(agent, protocol)| {
        let launch = protocol.launch(&RunStart::new(Conversation::New { id: None }, PathBuf::new()));
        (agent, program::find(&launch.program, environment.var("PATH")).is_some())
    });
    installed.collect()
}

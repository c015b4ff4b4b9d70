//! Agents from the configuration: any program that speaks the agent client protocol.
//!
//! Nothing is known of their files, so that salon records their sessions itself. What they offer is what they report.

use super::acp::{self, AcpAgent, ReplayEnd};
use super::protocol::{Codec, Protocol, RunStart, Transport};
use super::{pi, tool_input};
use crate::domain::Agent;
use crate::domain::configured_agent::{AgentProtocol, ConfiguredAgent, KnownAgent};
use crate::domain::launch::Launch;
use crate::domain::run::RunFailure;
use crate::domain::transcript::ToolAction;

/// The protocol of a configured agent; `None` if the configuration does not define it any more.
pub(super) fn protocol(agent: ConfiguredAgent) -> Option<&'static dyn Protocol> {
    let known = agent.known_agent().filter(|known| !known.definition.command.is_empty())?;
    Some(known)
}

impl Protocol for KnownAgent {
    fn transport(&self) -> Transport {
        Transport::Lines
    }

    fn launch(&self, opening: &RunStart) -> Launch {
        let mut words = self.definition.command.iter().cloned();
        let program = words.next().unwrap_or_default();
        let session = match self.definition.protocol {
            AgentProtocol::Acp => Vec::new(),
            AgentProtocol::PiRpc => pi::arguments(opening),
        };
        let args = words.chain(session).chain(opening.extra.iter().cloned()).collect();
        Launch { program, args, cwd: self.definition.cwd.clone().unwrap_or_else(|| opening.cwd.clone()) }
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.definition.env.clone()
    }

    fn has_record(&self) -> bool {
        false
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> RunFailure {
        match self.definition.protocol {
            AgentProtocol::Acp => acp::ended(self.label(), code, stderr),
            AgentProtocol::PiRpc => pi::ended(code, stderr),
        }
    }

    fn can_steer(&self) -> bool {
        self.definition.protocol == AgentProtocol::PiRpc
    }

    fn codec(&self) -> Box<dyn Codec> {
        if self.definition.protocol == AgentProtocol::PiRpc {
            return pi::codec();
        }
        acp::codec(AcpAgent {
            agent: Agent::Configured(self.agent),
            args: &[],
            login: "Log in with the agent's own program.",
            asking_mode: None,
            replay_end: ReplayEnd::Response,
            noise: None,
            // Several agents report a failed request so, and end the turn as a completed one.
            error_text: Some("Error: "),
            named_ids: false,
            whole_thoughts: false,
            folder_rules: None,
            // Copilot CLI counts over the whole session.
            counts_session: self.program_name() == "copilot",
            action: |_, input| ToolAction::Other(tool_input::one_line(input)),
        })
    }
}

//! Agent Client Protocol (version 1): JSON-RPC on stdin and stdout, spoken by many agents.
//!
//! One process serves one conversation. [`mod@codec`] encodes commands, [`session`] opens the conversation, and
//! [`prompts`] runs its turns. [`updates`] decodes reports of the agent, [`permissions`] its requests for permission,
//! [`files`] its requests for files, and [`terminals`] those for commands. No IO and no clock.
//!
//! Agents deviate from the protocol. What is common to several is handled by the codec; what is special to one is a
//! field of its [`AcpAgent`], in the agent's own folder.

mod calls;
mod codec;
mod errors;
mod files;
mod permissions;
mod profile;
mod prompts;
mod rpc;
mod session;
mod settings;
mod state;
mod terminals;
mod turn;
mod updates;
mod usage;

pub(super) use self::profile::{AcpAgent, ReplayEnd};
use std::path::Path;

use super::protocol::{Codec, Protocol, RunStart, Transport, UntrustedProject};
use crate::domain::launch::Launch;
use crate::domain::run::RunFailure;

impl Protocol for AcpAgent {
    fn transport(&self) -> Transport {
        Transport::Lines
    }

    fn reduced_interface(&self) -> Option<&'static str> {
        Some("its client protocol")
    }

    fn launch(&self, opening: &RunStart) -> Launch {
        let args = self.args.iter().map(|&arg| arg.to_owned()).chain(opening.extra.iter().cloned()).collect();
        Launch { program: self.agent.name().to_owned(), args, cwd: opening.cwd.clone() }
    }

    fn ended(&self, code: Option<i32>, stderr: &str) -> RunFailure {
        ended(self.agent.label(), code, stderr)
    }

    fn untrusted_project(&self, vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
        self.folder_rules?.untrusted_project(vars, cwd)
    }

    fn codec(&self) -> Box<dyn Codec> {
        codec(*self)
    }
}

/// Creates the codec of a conversation with an agent.
pub(super) fn codec(agent: AcpAgent) -> Box<dyn Codec> {
    Box::new(codec::AcpCodec::new(agent))
}

/// Reason why the process of the agent with this label ended by itself.
pub(super) fn ended(label: &str, code: Option<i32>, stderr: &str) -> RunFailure {
    // Versions before the protocol reject its option or its command.
    let unknown = |line: &&str| {
        ["unknown argument", "unrecognized subcommand", "unexpected argument"]
            .iter()
            .any(|words| line.to_ascii_lowercase().contains(words))
    };
    match stderr.lines().find(unknown) {
        Some(line) => RunFailure::UnsupportedVersion(format!("This version of {label} is too old for salon: {line}")),
        None => RunFailure::Crashed { code, stderr: stderr.to_owned() },
    }
}

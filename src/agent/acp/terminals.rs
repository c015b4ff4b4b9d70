//! Requests of the agent to run commands: they are executed by the transport, within the session's directory.

use agent_client_protocol_schema::v1::{
    CreateTerminalRequest, KillTerminalRequest, ReleaseTerminalRequest, TerminalOutputRequest,
    WaitForTerminalExitRequest,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::codec::AcpCodec;
use super::rpc;
use crate::agent::protocol::{CodecStep, FileError, Outgoing};
use crate::agent::terminal_request::{TerminalCommand, TerminalExit, TerminalRequest, TerminalResult};
use crate::domain::Time;

impl AcpCodec {
    /// Decodes a request about a command. Returns false if the method is none of them.
    pub(super) fn terminal_requested(
        &mut self,
        id: &Value,
        method: &str,
        params: &Value,
        step: &mut CodecStep,
    ) -> bool {
        let request = match method {
            "terminal/create" => read(params).map(|request| self.created(request)),
            "terminal/output" => {
                read(params).map(|request: TerminalOutputRequest| TerminalRequest::Output(request.terminal_id.0))
            }
            "terminal/wait_for_exit" => read(params)
                .map(|request: WaitForTerminalExitRequest| TerminalRequest::WaitForExit(request.terminal_id.0)),
            "terminal/kill" => {
                read(params).map(|request: KillTerminalRequest| TerminalRequest::Kill(request.terminal_id.0))
            }
            "terminal/release" => {
                read(params).map(|request: ReleaseTerminalRequest| TerminalRequest::Release(request.terminal_id.0))
            }
            _ => return false,
        };
        match request {
            Ok(request) => {
                self.client_requests += 1;
                self.terminals.insert(self.client_requests, id.clone());
                step.outgoing.push(Outgoing::Terminal { id: self.client_requests, request });
            }
            Err(reason) => rpc::reject(id, rpc::INVALID_PARAMS, &reason, step),
        }
        true
    }

    fn created(&self, request: CreateTerminalRequest) -> TerminalRequest {
        TerminalRequest::Create(TerminalCommand {
            root: self.opening.as_ref().map(|opening| opening.cwd.clone()).unwrap_or_default(),
            command: request.command,
            args: request.args,
            env: request.env.into_iter().map(|variable| (variable.name, variable.value)).collect(),
            cwd: request.cwd,
            limit: request.output_byte_limit,
        })
    }

    /// Answers a request that was executed.
    pub(super) fn terminal_executed(
        &mut self,
        id: u64,
        result: Result<&TerminalResult, &FileError>,
        now: Time,
        step: &mut CodecStep,
    ) {
        let Some(id) = self.terminals.remove(&id) else { return };
        match result {
            Ok(TerminalResult::Created(terminal)) => rpc::respond(&id, &json!({"terminalId": terminal}), step),
            Ok(TerminalResult::Output { id: terminal, text, truncated, exit }) => {
                let mut answer = json!({"output": text, "truncated": truncated});
                if let Some(exit) = exit {
                    answer["exitStatus"] = exit_status(exit);
                }
                rpc::respond(&id, &answer, step);
                let shown = self.calls.terminal_output(terminal, text).into_iter().collect();
                self.tool_events(shown, now, step);
            }
            Ok(TerminalResult::Exited(exit)) => rpc::respond(&id, &exit_status(exit), step),
            Ok(TerminalResult::Done) => rpc::respond(&id, &json!({}), step),
            Err(FileError::Refused(text)) => rpc::reject(&id, rpc::INVALID_PARAMS, text, step),
            Err(FileError::NotFound(text)) => rpc::reject(&id, rpc::NOT_FOUND, text, step),
            Err(FileError::Failed(text)) => rpc::reject(&id, rpc::INTERNAL_ERROR, text, step),
        }
    }
}

fn read<T: DeserializeOwned>(params: &Value) -> Result<T, String> {
    serde_json::from_value(params.clone()).map_err(|error| error.to_string())
}

fn exit_status(exit: &TerminalExit) -> Value {
    json!({"exitCode": exit.code, "signal": exit.signal.map(|signal| signal.to_string())})
}

//! Requests of the agent for files: they are executed by the transport, within the session's directory.

use agent_client_protocol_schema::v1::{ReadTextFileRequest, WriteTextFileRequest};
use serde_json::{Value, json};

use super::codec::{AcpCodec, PendingFile};
use super::rpc;
use crate::agent::protocol::{CodecStep, FileError, FileOperation, FileRequest, Outgoing};

impl AcpCodec {
    pub(super) fn read_requested(&mut self, id: &Value, params: &Value, step: &mut CodecStep) {
        match serde_json::from_value::<ReadTextFileRequest>(params.clone()) {
            Ok(request) => {
                let operation = FileOperation::Read { line: request.line, limit: request.limit };
                self.file_requested(id, request.path, operation, step);
            }
            Err(error) => rpc::reject(id, rpc::INVALID_PARAMS, &error.to_string(), step),
        }
    }

    pub(super) fn write_requested(&mut self, id: &Value, params: &Value, step: &mut CodecStep) {
        match serde_json::from_value::<WriteTextFileRequest>(params.clone()) {
            Ok(request) => self.file_requested(id, request.path, FileOperation::Write(request.content), step),
            Err(error) => rpc::reject(id, rpc::INVALID_PARAMS, &error.to_string(), step),
        }
    }

    fn file_requested(&mut self, id: &Value, path: std::path::PathBuf, operation: FileOperation, step: &mut CodecStep) {
        let Some(root) = self.opening.as_ref().map(|opening| opening.cwd.clone()) else { return };
        self.client_requests += 1;
        let is_read = matches!(operation, FileOperation::Read { .. });
        self.files.insert(self.client_requests, PendingFile { id: id.clone(), is_read });
        step.outgoing.push(Outgoing::File { id: self.client_requests, request: FileRequest { root, path, operation } });
    }

    pub(super) fn file_executed(&mut self, id: u64, result: Result<&str, &FileError>, step: &mut CodecStep) {
        let Some(pending) = self.files.remove(&id) else { return };
        match result {
            Ok(text) if pending.is_read => rpc::respond(&pending.id, &json!({"content": text}), step),
            Ok(_) => rpc::respond(&pending.id, &json!({}), step),
            Err(FileError::Refused(text)) => rpc::reject(&pending.id, rpc::INVALID_PARAMS, text, step),
            // Agents recognise a new file by these words.
            Err(FileError::NotFound(text)) => {
                rpc::reject(&pending.id, rpc::NOT_FOUND, &format!("Resource not found: {text}"), step);
            }
            Err(FileError::Failed(text)) => rpc::reject(&pending.id, rpc::INTERNAL_ERROR, text, step),
        }
    }
}

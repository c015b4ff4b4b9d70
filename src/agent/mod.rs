//! Everything that is specific to one agent: session directories, record formats, command lines, protocols.
//!
//! One folder per agent and one row in [`FORMATS`]. No layer above refers to an agent's file names or fields.
//! Readers open files and databases read-only, and never fail as a whole: they return what could be read, and an
//! [`Issue`](crate::domain::Issue) for each file or record that could not.

pub mod archive;
pub mod entry_table;
pub mod environment;
pub mod format;
pub mod inventory;
pub mod line_repair;
pub mod protocol;
pub mod source;
pub mod terminal_request;
pub mod texts;
mod unknown_record;
pub mod unread;

mod acp;
mod claude;
mod codex;
mod configured;
mod file_checkpoint;
mod folder;
mod folder_rules;
mod folder_stamps;
mod fork_record;
mod gemini;
mod goose;
mod json;
mod json_rpc;
mod json_settings;
mod jsonl;
mod nesting;
mod opencode;
mod pages;
mod pi;
mod project_settings;
mod prompt_history;
mod purged_transcript;
mod qwen;
mod record_lists;
pub mod recorded;
mod session_files;
mod side_text;
pub mod sqlite;
mod tolerant_json;
mod tool_input;
mod usual_form;
mod usual_tables;

pub use environment::Environment;
pub use file_checkpoint::FileCheckpoint;
pub use folder_stamps::FolderStamps;
pub use fork_record::fork_record;
pub use format::{
    BranchPosition, FileBackup, Fork, ForkCut, Format, MarkKind, RefreshOutcome, RpcExchange, SourceSessions,
    SourceSummary, SummaryCursor, SummaryNote, SummaryProgress, TextLimit, TranscriptBranch, TranscriptReader,
};
pub use protocol::Protocol;
pub use session_files::AtRiskFiles;
pub use source::{Discovery, FileStamp, Source, SourceRoot, archive_directory};
pub use texts::Texts;

use crate::domain::Agent;
use jsonl::JsonlFormat;

/// The table of agents.
pub static FORMATS: [&dyn Format; 7] = [
    &JsonlFormat(claude::Claude),
    &opencode::OpenCode,
    &JsonlFormat(codex::Codex),
    &gemini::Gemini,
    &qwen::QwenCode,
    &goose::Goose,
    &recorded::RecordedSessions,
];

/// The protocol of an agent; `None` if salon cannot run it.
pub fn protocol(agent: Agent) -> Option<&'static dyn Protocol> {
    match agent {
        Agent::Claude => Some(&claude::Stream),
        Agent::OpenCode => Some(&opencode::Serve),
        Agent::Codex => Some(&codex::AppServer),
        Agent::Gemini => Some(&gemini::ACP),
        Agent::Qwen => Some(&qwen::ACP),
        Agent::Goose => Some(&goose::ACP),
        Agent::Configured(agent) => configured::protocol(agent),
    }
}

/// The format of an agent.
pub fn format(agent: Agent) -> &'static dyn Format {
    FORMATS.into_iter().find(|format| format.reads(agent)).expect("every agent has a row in FORMATS")
}

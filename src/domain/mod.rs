//! Shared data types and pure rules. No IO, no clock, no async.

pub mod agent;
pub mod annotation;
pub mod approval;
pub mod catalog;
pub mod changes;
pub mod configured_agent;
pub mod event;
pub mod launch;
pub mod live_status;
pub mod outline;
pub mod price;
pub mod prompt;
pub mod query;
pub mod run;
pub mod run_request;
pub mod search;
pub mod session;
pub mod time;
pub mod tokens;
pub mod tool;
pub mod tool_name;
pub mod transcript;
pub mod transcript_event;
pub mod units;
pub mod usage;
pub mod usage_report;
pub mod worktree;

pub use agent::Agent;
pub use event::{Delta, EntryKey, Event, EventBody};
pub use session::{Flags, Issue, Session, SessionKey, SessionState, Title, TitleSource};
pub use time::Time;
pub use tokens::Tokens;
pub use transcript::{Entry, EntryKind, Role, Tool, ToolStatus};

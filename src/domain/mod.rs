//! The language of the program: plain data and pure rules. No IO, no clock, no async.

pub mod agent;
pub mod approval;
pub mod catalog;
pub mod event;
pub mod found;
pub mod launch;
pub mod live;
pub mod prompt;
pub mod query;
pub mod run;
pub mod session;
pub mod time;
pub mod transcript;

pub use agent::Agent;
pub use event::{Body, Event, Key, Piece};
pub use session::{Flags, Issue, Session, SessionKey, State, Title, TitleSource, Tokens};
pub use time::Time;
pub use transcript::{Entry, EntryKind, Role, Tool, ToolStatus};

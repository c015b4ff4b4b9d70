//! A conversation with a run: its transcript, what it does now, and what the user writes to it.

use super::reader::Reader;
use crate::domain::run::RunId;

/// A conversation.
#[derive(Debug)]
pub struct Chat {
    /// The transcript with what the run adds to it.
    pub reader: Reader,
    /// The run; `None` before there is one.
    pub run: Option<RunId>,
}

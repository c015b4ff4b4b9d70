//! The overlay in which a new session is begun: agent, directory, model, mode, first prompt.

use crate::domain::Agent;

/// What was chosen so far.
#[derive(Debug)]
pub struct NewSession {
    /// Whose program.
    pub agent: Agent,
}

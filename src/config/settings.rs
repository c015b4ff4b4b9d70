//! stub
use crate::domain::Agent;
use std::collections::BTreeMap;
use std::path::PathBuf;
/// stub
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// stub
    pub roots: BTreeMap<Agent, Vec<PathBuf>>,
}
impl Settings {
    /// stub
    pub fn read(_text: &str) -> (Self, Vec<String>) {
        (Self::default(), Vec::new())
    }
}

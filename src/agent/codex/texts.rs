//! Search texts of Codex's rollouts: the lines that make entries.
//!
//! Records that Codex writes twice count once, except for a command's output, because the model's copy may be
//! truncated.

use std::io;

use super::Codex;
use super::head::RolloutHead;
use super::paths;
use crate::agent::Source;
use crate::agent::texts::{LineDecoder, RecordLayout, SourceDecoder, Texts};

impl Texts for Codex {
    fn layout(&self, source: &Source) -> RecordLayout {
        if source.kind == paths::NAMES { RecordLayout::Nothing } else { RecordLayout::Lines }
    }

    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder> {
        let head = RolloutHead::read(&source.path)?;
        Ok(SourceDecoder { session: head.thread.as_str().into(), decode: Box::new(LineDecoder(head.dialect())) })
    }
}

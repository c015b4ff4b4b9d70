//! What search reads of Codex's rollouts: the lines that are shown. What Codex tells twice counts once, except for a
//! command's output, of which the model's copy may be cut.

use std::io;

use super::Codex;
use super::files;
use super::head::Head;
use crate::agent::Unit;
use crate::agent::texts::{Decoder, Layout, Lines, Texts};

impl Texts for Codex {
    fn layout(&self, unit: &Unit) -> Layout {
        if unit.kind == files::NAMES { Layout::Nothing } else { Layout::Lines }
    }

    fn decoder(&self, unit: &Unit) -> io::Result<Decoder> {
        let head = Head::read(&unit.path)?;
        Ok(Decoder { session: head.thread.as_str().into(), decode: Box::new(Lines(head.dialect())) })
    }
}

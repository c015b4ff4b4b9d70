//! Which tool a call's output belongs to, where the output's own record does not tell: looked up only when asked.

use std::collections::HashMap;
use std::fs::File;
use std::ops::ControlFlow;

use super::blocks::{Blocks, lines};
use crate::agent::Unit;
use crate::agent::texts::{Decoder, Layout, Record, Texts, Wanted};

/// Tools by the id of their call, of one unit.
#[derive(Debug)]
pub struct Calls {
    tools: HashMap<String, String>,
}

impl Calls {
    /// Reads all calls of a unit. What cannot be read has no calls.
    pub fn new(texts: &dyn Texts, decoder: &Decoder, unit: &Unit) -> Self {
        let mut tools = HashMap::new();
        let mut learn = |record: &Record<'_>| {
            decoder.decode.texts(record, Wanted::Talk, &mut |text| {
                if !text.call.is_empty() && !text.tool.is_empty() {
                    tools.insert(text.call.to_owned(), text.tool.to_owned());
                }
            });
        };
        match texts.layout(unit) {
            Layout::Nothing => {}
            Layout::Records => {
                let walked = texts.records(unit, 0, &mut |record| {
                    learn(record);
                    ControlFlow::Continue(())
                });
                drop(walked);
            }
            Layout::Lines => {
                let file = File::open(&unit.path).ok();
                let mut blocks = file.map(|file| Blocks::new(file, 0, Vec::new()));
                while let Some(Ok(Some((offset, block)))) = blocks.as_mut().map(Blocks::next_block) {
                    for (at, line) in lines(block) {
                        let session = &*decoder.session;
                        learn(&Record { session, id: "", hint: "", offset: offset + at as u64, bytes: line });
                    }
                }
            }
        }
        Self { tools }
    }

    /// The tool of a call; empty where it is not known.
    pub fn tool(&self, call: &str) -> String {
        self.tools.get(call).cloned().unwrap_or_default()
    }
}

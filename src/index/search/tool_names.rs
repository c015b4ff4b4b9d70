//! Tool names of calls, for outputs whose own record lacks the name; read on demand.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::line_blocks::{LineBlocks, lines};
use crate::agent::Source;
use crate::agent::texts::{RecordLayout, SourceDecoder, StoredRecord, TextScope, Texts};
use crate::stdx::files;

/// Tool names of one source by call id.
#[derive(Debug, Default)]
pub(super) struct ToolNames {
    tools: HashMap<String, String>,
}

impl ToolNames {
    /// Reads all calls of a source. An unreadable part has none.
    pub(super) fn new(texts: &dyn Texts, decoder: &SourceDecoder, source: &Source) -> Self {
        let mut tools = HashMap::new();
        let mut collect = |record: &StoredRecord<'_>| {
            decoder.decode.texts(record, TextScope::Indexed, &mut |text| {
                if !text.call.is_empty() && !text.tool.is_empty() {
                    tools.insert(text.call.to_owned(), text.tool.to_owned());
                }
            });
        };
        match texts.layout(source) {
            RecordLayout::Nothing | RecordLayout::SideText => {}
            RecordLayout::Records => {
                let walked = texts.records(source, 0, &mut |record| {
                    collect(record);
                    ControlFlow::Continue(())
                });
                drop(walked);
            }
            RecordLayout::Lines => {
                let file = files::open(&source.path).ok();
                let mut blocks = file.map(|file| LineBlocks::new(file, 0, Vec::new()));
                while let Some(Ok(Some((offset, block)))) = blocks.as_mut().map(LineBlocks::next_block) {
                    for (at, line) in lines(block) {
                        let session = &*decoder.session;
                        collect(&StoredRecord { session, id: "", hint: "", offset: offset + at as u64, bytes: line });
                    }
                }
            }
        }
        Self { tools }
    }

    /// Returns the tool of a call; empty if it is unknown.
    pub(super) fn tool(&self, call: &str) -> String {
        self.tools.get(call).cloned().unwrap_or_default()
    }
}

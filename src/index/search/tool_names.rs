//! Tool names of calls, for outputs whose own record lacks the name; read on demand.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::agent::Source;
use crate::agent::texts::{RecordLayout, SourceDecoder, StoredRecord, TextScope, Texts};
use crate::stdx::files;
use crate::stdx::lines::LineReader;

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
                let lines = files::open(&source.path).and_then(|file| LineReader::from_offset(file, 0));
                let (mut lines, session) = (lines.ok(), &*decoder.session);
                while let Some(Ok(Some(line))) = lines.as_mut().map(LineReader::next_line) {
                    collect(&StoredRecord { session, id: "", hint: "", offset: line.offset, bytes: line.bytes });
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

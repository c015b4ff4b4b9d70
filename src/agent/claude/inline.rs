//! Sub-agents of early versions (up to 1.0.x), whose conversations are in the file of the session that started them.
//!
//! Their records are marked `isSidechain`. Each conversation begins with a record without a parent, whose prompt equals
//! the prompt of the tool call that started it. Each becomes a session of its own, named after its first record.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use memchr::memmem;
use serde_json::Value;

use super::record::TranscriptRecord;
use crate::agent::Source;
use crate::agent::json::repair;
use crate::agent::jsonl::{Dialect, JsonStr, RecordParent, SourceIdentity, summary};
use crate::domain::{Agent, Session, SessionKey};
use crate::stdx::files;
use crate::stdx::lines::LineReader as FileLines;

/// Marker of a sidechain's lines; lines without a marker are skipped.
const SIDECHAIN_MARKER: &[u8] = br#""isSidechain":true"#;
/// Markers of lines with a call that may start a sub-agent.
const CALL_MARKERS: [&[u8]; 2] = [br#""name":"Task""#, br#""name":"Agent""#];

/// The conversation of a sub-agent.
#[derive(Debug)]
pub(super) struct Sidechain {
    /// Id of its session.
    pub id: Arc<str>,
    /// Offset and length of each of its lines, ascending.
    pub lines: Vec<(u64, u64)>,
    /// The call that started it, if a call has the same prompt.
    call: Option<Call>,
    prompt: String,
}

/// A tool call that starts a sub-agent.
#[derive(Clone, Debug)]
struct Call {
    id: String,
    description: String,
    prompt: String,
}

/// Finds all conversations of sub-agents in a session's file, in the order in which they began.
pub(super) fn sidechains(path: &Path) -> io::Result<Vec<Sidechain>> {
    let (mut sidechains, mut calls) = (Vec::<Sidechain>::new(), Vec::new());
    let mut sidechain_of: HashMap<u64, usize> = HashMap::new();
    let marker = memmem::Finder::new(SIDECHAIN_MARKER);
    let starts = CALL_MARKERS.map(memmem::Finder::new);
    let mut lines = FileLines::from_offset(files::open(path)?, 0)?;
    while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
        if marker.find(line.bytes).is_some() {
            let Some(record) = TranscriptRecord::read(line.bytes).ok().filter(|record| record.sidechain) else {
                continue;
            };
            let Some(uuid) = record.uuid else { continue };
            let known = match record.parent {
                Some(RecordParent::Id(parent)) => sidechain_of.get(&parent).copied(),
                Some(RecordParent::Root | RecordParent::Previous) | None => None,
            };
            let at = known.unwrap_or_else(|| {
                let prompt = record.prompt().map(|text| text.decode().into_owned()).unwrap_or_default();
                sidechains.push(Sidechain { id: session_id(uuid), lines: Vec::new(), call: None, prompt });
                sidechains.len() - 1
            });
            sidechain_of.insert(uuid.hash(), at);
            sidechains[at].lines.push((line.offset, line.len));
        } else if starts.iter().any(|start| start.find(line.bytes).is_some()) {
            calls.extend(calls_in(line.bytes));
        }
    }
    for chain in &mut sidechains {
        let call = calls.iter().position(|call| call.prompt == chain.prompt);
        chain.call = call.map(|at| calls.remove(at));
    }
    Ok(sidechains)
}

/// Builds the sessions of a file's sub-agents, whose lines have this `dialect`. Their usage is included in the parent
/// session's.
pub(super) fn sessions(dialect: &dyn Dialect, source: &Source, parent: &Session) -> Vec<Session> {
    // Errors are already reported by the summary of the file.
    let (Ok(file), Ok(sidechains)) = (files::open(&source.path), sidechains(&source.path)) else { return Vec::new() };
    let session = |chain: Sidechain| {
        let identity = SourceIdentity {
            key: SessionKey::new(Agent::Claude, chain.id),
            subagent: true,
            parent: Some(parent.key.id.clone()),
            title: chain.call.map(|call| call.description).filter(|text| !text.is_empty()),
        };
        let mut session = summary::summarise_lines(dialect, &file, &chain.lines).ok()?.session(source, &identity);
        session.bytes = chain.lines.iter().map(|(_, len)| len + 1).sum();
        session.complete = true;
        // The summary of the file counts it.
        session.usage = Arc::default();
        Some(session)
    };
    sidechains.into_iter().filter_map(session).collect()
}

/// Maps tool calls to the sub-agents' sessions in the file that they started.
pub(super) fn links(path: &Path) -> HashMap<String, Arc<str>> {
    let sidechains = sidechains(path).unwrap_or_default().into_iter();
    sidechains.filter_map(|chain| Some((chain.call?.id, chain.id))).collect()
}

fn session_id(root: JsonStr<'_>) -> Arc<str> {
    format!("agent-{}", root.decode()).into()
}

fn calls_in(line: &[u8]) -> Vec<Call> {
    let record: Value = serde_json::from_slice(line).unwrap_or_default();
    let blocks = record["message"]["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let call = |block: &Value| Call {
        id: text(&block["id"]),
        description: text(&block["input"]["description"]),
        prompt: text(&block["input"]["prompt"]),
    };
    let starts = |block: &&Value| matches!(block["name"].as_str(), Some("Task" | "Agent"));
    blocks.iter().filter(starts).map(call).collect()
}

//! Sub-agents of early versions (to 1.0.x): their conversations stand in the file of the session that started them.
//!
//! Their records are marked `isSidechain`; each conversation begins with a record without a parent, whose prompt is the
//! one of the tool call that started it. Each becomes a session of its own, named after its first record.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use memchr::memmem;
use serde_json::Value;

use super::super::jsonl::{Identity, Parent, Text, summary};
use super::lines::{Lines, Record};
use crate::agent::Unit;
use crate::domain::{Agent, Session, SessionKey};
use crate::stdx::lines::Lines as FileLines;

/// Only lines that hold one of these are looked at.
const SIDE: &[u8] = br#""isSidechain":true"#;
const CALLS: [&[u8]; 2] = [br#""name":"Task""#, br#""name":"Agent""#];

/// One conversation of a sub-agent.
#[derive(Debug)]
pub struct Chain {
    /// The session that it is shown as.
    pub id: Arc<str>,
    /// Offset and length of each of its lines, ascending.
    pub lines: Vec<(u64, u64)>,
    /// The call that started it, where one has its prompt.
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

/// All conversations of sub-agents in a session's file, in the order in which they began.
pub fn chains(path: &Path) -> io::Result<Vec<Chain>> {
    let (mut chains, mut calls) = (Vec::<Chain>::new(), Vec::new());
    let mut chain_of: HashMap<u64, usize> = HashMap::new();
    let side = memmem::Finder::new(SIDE);
    let starts = CALLS.map(memmem::Finder::new);
    let mut lines = FileLines::from_offset(File::open(path)?, 0)?;
    while let Some(line) = lines.next_line()? {
        if side.find(line.bytes).is_some() {
            let Some(record) = Record::read(line.bytes).ok().filter(|record| record.sidechain) else { continue };
            let Some(uuid) = record.uuid else { continue };
            let above = match record.parent {
                Some(Parent::Id(parent)) => chain_of.get(&parent).copied(),
                Some(Parent::Root | Parent::Previous) | None => None,
            };
            let at = above.unwrap_or_else(|| {
                let prompt = record.prompt().map(|text| text.decode().into_owned()).unwrap_or_default();
                chains.push(Chain { id: name(uuid), lines: Vec::new(), call: None, prompt });
                chains.len() - 1
            });
            chain_of.insert(uuid.hash(), at);
            chains[at].lines.push((line.offset, line.len));
        } else if starts.iter().any(|start| start.find(line.bytes).is_some()) {
            calls.extend(calls_in(line.bytes));
        }
    }
    for chain in &mut chains {
        let call = calls.iter().position(|call| call.prompt == chain.prompt);
        chain.call = call.map(|at| calls.remove(at));
    }
    Ok(chains)
}

/// The sessions of a file's sub-agents. Their usage is a part of the session's own.
pub fn sessions(unit: &Unit, parent: &Session) -> Vec<Session> {
    // What cannot be read now was told by the summary of the file.
    let (Ok(file), Ok(chains)) = (File::open(&unit.path), chains(&unit.path)) else { return Vec::new() };
    let session = |chain: Chain| {
        let identity = Identity {
            key: SessionKey::new(Agent::Claude, chain.id),
            subagent: true,
            parent: Some(parent.key.id.clone()),
            title: chain.call.map(|call| call.description).filter(|text| !text.is_empty()),
        };
        let facts = summary::some(&Lines { subagent: true, ..Lines::default() }, &file, &chain.lines).ok()?;
        let mut session = facts.session(unit, &identity);
        session.bytes = chain.lines.iter().map(|(_, len)| len + 1).sum();
        session.complete = true;
        Some(session)
    };
    chains.into_iter().filter_map(session).collect()
}

/// A file's sub-agents by the calls that started them.
pub fn links(path: &Path) -> HashMap<String, Arc<str>> {
    let chains = chains(path).unwrap_or_default().into_iter();
    chains.filter_map(|chain| Some((chain.call?.id, chain.id))).collect()
}

fn name(root: Text<'_>) -> Arc<str> {
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

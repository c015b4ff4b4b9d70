//! Selection of the shown branch of a file's conversation tree. Pure; identifies records by hash only.
//!
//! Nearly all conversations are linear, and are recognised as linear while they are read. A few ids are stored, so that
//! a summary can continue after an append. The tree of all records is built only if a record leaves the branch.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{LineMetadata, RecordLink, RecordParent};

/// Maximum record ids stored of the reply at the tip, because it may contain parallel calls and their results.
const MEMBERS: usize = 32;

/// Maximum ids stored of the newest records, because a leaf names one of the last few.
const RECENT: usize = 4;

/// A record's position in the conversation tree.
#[derive(Clone, Copy, Debug)]
pub struct ChainRecord {
    /// Relation to the conversation.
    pub link: RecordLink,
    /// Id hash of the newest leaf, if the record names one.
    pub leaf: Option<u64>,
    /// Number of entries that it yields.
    pub entries: u32,
    /// Number of turns that it begins.
    pub turns: u32,
}

impl ChainRecord {
    /// Extracts a line's position in the tree; `None` for a line that does not affect the tree.
    pub fn of(metadata: &LineMetadata<'_>) -> Option<Self> {
        let leaf = metadata.rare.as_ref().and_then(|rare| rare.leaf);
        let entries = u32::try_from(metadata.marks.len()).unwrap_or(u32::MAX);
        let matters = match metadata.link {
            RecordLink::Aside => leaf.is_some(),
            RecordLink::Linear => entries > 0,
            RecordLink::Node { .. } => true,
        };
        // A line outside the conversation yields no entries, whatever marks the dialect set.
        let entries = if metadata.link == RecordLink::Aside { 0 } else { entries };
        matters.then_some(Self { link: metadata.link, leaf, entries, turns: metadata.turns })
    }
}

/// The end of the shown branch: enough state to decide if the next record extends it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BranchTip {
    /// Id hash of the newest record; 0: none yet.
    last: u64,
    /// Group of the reply that it belongs to or follows; 0: none.
    group: u64,
    /// Id hashes of that reply's records, including its tools' results.
    members: Vec<u64>,
    /// True if records with entries followed that reply.
    left: bool,
    /// Id hashes of the newest records, to detect a leaf that names an older one.
    recent: Vec<u64>,
    /// True if there are records outside the shown branch.
    branched: bool,
}

impl BranchTip {
    /// Appends a record that extends the shown branch. Returns false if the record leaves the branch, or may leave it; then
    /// the tree must be built.
    pub fn extend(&mut self, record: &ChainRecord) -> bool {
        if let Some(leaf) = record.leaf
            && self.branched
            && !self.recent.contains(&leaf)
        {
            return false;
        }
        let RecordLink::Node { id, parent, group, result } = record.link else { return true };
        let member = group != 0 && group == self.group;
        let follows = match parent {
            RecordParent::Previous => true,
            RecordParent::Root => self.last == 0,
            RecordParent::Id(parent) => {
                let inside = self.members.contains(&parent);
                self.last == 0 || parent == self.last || (inside && (result || !self.left))
            }
        };
        if !(follows || member) || self.recent.contains(&id) {
            return false;
        }
        if group != 0 && !member {
            self.group = group;
            self.members.clear();
            self.left = false;
        }
        let joins = group != 0 || (result && self.group != 0);
        if joins {
            push_bounded(&mut self.members, id, MEMBERS);
        } else if record.entries > 0 {
            self.left = true;
        }
        self.last = id;
        push_bounded(&mut self.recent, id, RECENT);
        true
    }
}

fn push_bounded(ids: &mut Vec<u64>, id: u64, max: usize) {
    if ids.len() >= max {
        ids.remove(0);
    }
    ids.push(id);
}

/// The shown branch of a conversation tree.
#[derive(Debug)]
pub struct ActiveBranch {
    /// True for each record on the shown branch, in file order.
    pub records: Vec<bool>,
    /// Number of branches, the shown one included.
    pub branches: usize,
    /// Index of the newest record on the shown branch.
    pub newest: Option<usize>,
    /// State from which a summary can continue.
    pub tip: BranchTip,
}

/// A node: a record, or a whole reply with its results.
#[derive(Clone, Copy, Debug)]
struct Node {
    parent: Option<usize>,
    entries: u32,
    newest: usize,
    /// True if the node or one of its descendants has entries.
    has_entries: bool,
    shown: bool,
}

/// Builds the tree of all records and chooses the branch to show. It ends at the newest leaf that the agent named after
/// the last record, else at the newest record.
pub fn choose(records: &[ChainRecord]) -> ActiveBranch {
    let (mut nodes, of_record) = build(records);
    let tip = tip_of(records, &nodes, &of_record);
    let mut at = tip;
    while let Some(node) = at.filter(|&node| !nodes[node].shown) {
        nodes[node].shown = true;
        at = nodes[node].parent;
    }
    let shown: Vec<bool> = records
        .iter()
        .zip(&of_record)
        .map(|(record, node)| match record.link {
            RecordLink::Aside => false,
            RecordLink::Linear => true,
            RecordLink::Node { .. } => node.is_some_and(|node| nodes[node].shown),
        })
        .collect();
    let newest = (0..records.len()).rev().find(|&at| shown[at] && records[at].link != RecordLink::Linear);
    let mut end = BranchTip::default();
    for (record, _) in records.iter().zip(&shown).filter(|(record, shown)| **shown && record.leaf.is_none()) {
        // All shown records extend the branch by definition; those that `extend` rejects are linked to the previous one.
        if !end.extend(record)
            && let RecordLink::Node { id, group, result, .. } = record.link
        {
            let link = RecordLink::Node { id, parent: RecordParent::Previous, group, result };
            end.extend(&ChainRecord { link, ..*record });
        }
    }
    end.branched = true;
    ActiveBranch { branches: branches(&mut nodes), records: shown, newest, tip: end }
}

/// Builds the nodes, and the node of each record (`None`: no node, or a second copy of a record).
fn build(records: &[ChainRecord]) -> (Vec<Node>, Vec<Option<usize>>) {
    let mut nodes: Vec<Node> = Vec::new();
    let mut of_record = vec![None; records.len()];
    let mut by_id: HashMap<u64, usize> = HashMap::with_capacity(records.len());
    let mut by_group: HashMap<u64, usize> = HashMap::new();
    let mut groups: Vec<bool> = Vec::new();
    let mut previous = None;
    for (at, record) in records.iter().enumerate() {
        let RecordLink::Node { id, parent, group, result } = record.link else { continue };
        if by_id.contains_key(&id) {
            continue;
        }
        let parent = match parent {
            RecordParent::Root => None,
            RecordParent::Previous => previous,
            RecordParent::Id(id) => by_id.get(&id).copied().or(previous),
        };
        let joined = match by_group.get(&group) {
            Some(&node) if group != 0 => Some(node),
            _ => parent.filter(|&node| result && groups[node]),
        };
        let node = joined.unwrap_or_else(|| {
            nodes.push(Node { parent, entries: 0, newest: at, has_entries: false, shown: false });
            groups.push(group != 0);
            nodes.len() - 1
        });
        if group != 0 {
            by_group.insert(group, node);
        }
        nodes[node].entries += record.entries;
        nodes[node].newest = at;
        by_id.insert(id, node);
        of_record[at] = Some(node);
        previous = Some(node);
    }
    (nodes, of_record)
}

fn tip_of(records: &[ChainRecord], nodes: &[Node], of_record: &[Option<usize>]) -> Option<usize> {
    let last = of_record.iter().rposition(Option::is_some)?;
    let newest = of_record[last];
    let by_id = |leaf: u64| {
        let found = records.iter().position(|record| matches!(record.link, RecordLink::Node { id, .. } if id == leaf));
        found.and_then(|at| of_record[at])
    };
    let named = records[last..].iter().rev().find_map(|record| record.leaf).and_then(by_id);
    let Some(leaf) = named else { return newest };
    // An agent records the leaf late, so its newest descendant counts. A parent node always precedes its children.
    let mut below = vec![false; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        below[at] = at == leaf || node.parent.is_some_and(|parent| below[parent]);
    }
    (0..nodes.len()).filter(|&node| below[node]).max_by_key(|&node| nodes[node].newest)
}

/// Counts leaves, except branches without any entry (attachments, bookkeeping).
fn branches(nodes: &mut [Node]) -> usize {
    let mut forks: HashMap<Option<usize>, usize> = HashMap::new();
    for at in (0..nodes.len()).rev() {
        let Node { parent, entries, has_entries, .. } = nodes[at];
        if entries == 0 && !has_entries {
            continue;
        }
        if let Some(parent) = parent {
            nodes[parent].has_entries = true;
        }
        *forks.entry(parent).or_default() += 1;
    }
    1 + forks.values().map(|children| children - 1).sum::<usize>()
}

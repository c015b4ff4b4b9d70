//! Selection of the shown branch of a file's conversation tree. Pure; identifies records by hash only.
//!
//! Nearly all conversations are linear, and are recognised as linear while they are read. A few ids are stored, so that
//! a summary can continue after an append. The tree of all records is built only if a record leaves the branch.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{LineMetadata, RecordLink, RecordParent};
use crate::domain::{EntryKind, Time};

/// Maximum record ids stored of the reply at the tip, because it may contain parallel calls and their results.
const MEMBERS: usize = 32;

/// Maximum branches that are listed, because a damaged file may have thousands.
const MAX_BRANCHES: usize = 256;

/// Maximum ids stored of the newest records, because a leaf names one of the last few.
const RECENT: usize = 4;

/// A record's position in the conversation tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainRecord {
    /// Relation to the conversation.
    pub link: RecordLink,
    /// Id hash of the newest leaf, if the record names one.
    pub leaf: Option<u64>,
    /// Number of entries that it yields.
    pub entries: u32,
    /// Number of turns that it begins.
    pub turns: u32,
    /// True if it belongs to the conversation itself: a prompt, an answer, a tool's result. A notice, progress or
    /// context is not, and never decides which branch is shown.
    pub spoken: bool,
    /// Time of the record.
    pub time: Option<Time>,
    /// Hash of the content, if records with one id may be fragments of one message; else 0.
    pub content: u64,
}

impl ChainRecord {
    /// Extracts a line's position in the tree; `None` for a line that does not affect the tree.
    pub(crate) fn of(metadata: &LineMetadata<'_>) -> Option<Self> {
        let leaf = metadata.rare.as_ref().and_then(|rare| rare.leaf);
        let entries = u32::try_from(metadata.marks.len()).unwrap_or(u32::MAX);
        let matters = match metadata.link {
            RecordLink::Aside => leaf.is_some(),
            RecordLink::Linear => entries > 0,
            RecordLink::Node { .. } => true,
        };
        // A line outside the conversation yields no entries, whatever marks the dialect set.
        let entries = if metadata.link == RecordLink::Aside { 0 } else { entries };
        let spoken = metadata.begins_branch
            || !metadata.results.is_empty()
            || metadata.marks.iter().any(|mark| mark.kind != EntryKind::Notice);
        matters.then_some(Self {
            link: metadata.link,
            leaf,
            entries,
            turns: metadata.turns,
            spoken,
            time: metadata.time,
            content: metadata.content,
        })
    }

    /// Position of a prompt that was sent from a queue within a turn.
    pub(crate) fn inserted(entries: u32, time: Option<Time>) -> Self {
        Self { link: RecordLink::Linear, leaf: None, entries, turns: 1, spoken: true, time, content: 0 }
    }

    /// Position of a line outside the conversation.
    pub(crate) fn aside(time: Option<Time>) -> Self {
        Self { link: RecordLink::Aside, leaf: None, entries: 0, turns: 0, spoken: false, time, content: 0 }
    }
}

/// The end of the shown branch: enough state to decide if the next record extends it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BranchTip {
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
    pub(crate) fn extend(&mut self, record: &ChainRecord) -> bool {
        if let Some(leaf) = record.leaf
            && self.branched
            && !self.recent.contains(&leaf)
        {
            return false;
        }
        let RecordLink::Node { id, parent, group, result } = record.link else { return true };
        let member = group != 0 && group == self.group;
        let follows = match parent {
            // A record without a parent continues the conversation in file order.
            RecordParent::Previous => true,
            // A second beginning may be that of a copy.
            RecordParent::Root => self.last == 0 || record.turns == 0,
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
pub(crate) struct ActiveBranch {
    /// True for each record on the shown branch, in file order.
    pub records: Vec<bool>,
    /// All branches, in the order in which they began.
    pub branches: Vec<BranchSpan>,
    /// Index of the shown one among them.
    pub shown: usize,
    /// Index of the newest record on the shown branch.
    pub newest: Option<usize>,
    /// State from which a summary can continue.
    pub tip: BranchTip,
}

/// A branch of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BranchSpan {
    /// Index of its newest record, which identifies it.
    pub newest: usize,
    /// Index of the first record that belongs to no earlier branch.
    pub first: usize,
    /// Number of its entries.
    pub entries: usize,
}

/// A node: a record, or a whole reply with its results.
#[derive(Clone, Copy, Debug)]
struct Node {
    parent: Option<usize>,
    entries: u32,
    /// Indices of its first and newest record.
    first: usize,
    newest: usize,
    spoken: bool,
    /// True if one of its descendants is spoken.
    spoken_below: bool,
}

/// The tree of all records.
#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    /// Node of each record; `None` for no node, or a second copy of a record.
    of_record: Vec<Option<usize>>,
}

/// Builds the tree of all records and chooses the branch to show. The `wanted` one is first, then the newest leaf that
/// the agent named after the last record, then the branch with the newest spoken record.
pub(crate) fn choose(records: &[ChainRecord], wanted: Option<usize>) -> ActiveBranch {
    let tree = Tree::build(records);
    let leaves = tree.leaves();
    let tip = wanted.and_then(|wanted| leaves.get(wanted).copied()).or_else(|| tree.tip(records));
    let on_path = tree.branch_of(tip);
    let shown = tree.records_on(&on_path, records);
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
    let linear: usize = { records.iter() }
        .filter(|record| record.link == RecordLink::Linear)
        .map(|record| record.entries as usize)
        .sum();
    let branches = tree.spans(&leaves, linear);
    let shown_branch = leaves.iter().position(|&leaf| on_path[leaf]).unwrap_or_default();
    ActiveBranch { branches, shown: shown_branch, records: shown, newest, tip: end }
}

/// Finds the records that name a parent which is not in the file: it is lost, and they follow the record before them.
pub(crate) fn missing_parents(records: &[ChainRecord]) -> Vec<usize> {
    let ids: HashSet<u64> = { records.iter() }
        .filter_map(|record| match record.link {
            RecordLink::Node { id, .. } => Some(id),
            RecordLink::Aside | RecordLink::Linear => None,
        })
        .collect();
    let is_missing = |record: &ChainRecord| matches!(record.link, RecordLink::Node { parent: RecordParent::Id(parent), .. } if !ids.contains(&parent));
    records.iter().enumerate().filter(|(_, record)| is_missing(record)).map(|(at, _)| at).collect()
}

/// True if the first record names a parent, which can only be lost.
pub(crate) fn begins_with_child(records: &[ChainRecord]) -> bool {
    let first = records.iter().find(|record| matches!(record.link, RecordLink::Node { .. }));
    first.is_some_and(|first| matches!(first.link, RecordLink::Node { parent: RecordParent::Id(_), .. }))
}

/// The branches of a conversation, of which several are looked at.
#[derive(Debug)]
pub(crate) struct BranchTree<'a> {
    records: &'a [ChainRecord],
    tree: Tree,
    leaves: Vec<usize>,
}

impl<'a> BranchTree<'a> {
    /// Builds the tree of all records.
    pub(crate) fn new(records: &'a [ChainRecord]) -> Self {
        let tree = Tree::build(records);
        let leaves = tree.leaves();
        Self { records, tree, leaves }
    }

    /// Returns true for each record on a branch, in file order.
    pub(crate) fn records(&self, branch: usize) -> Vec<bool> {
        self.tree.records_on(&self.tree.branch_of(self.leaves.get(branch).copied()), self.records)
    }
}

impl Tree {
    fn build(records: &[ChainRecord]) -> Self {
        let mut tree = Self { nodes: Vec::new(), of_record: vec![None; records.len()] };
        let mut by_id: HashMap<u64, usize> = HashMap::with_capacity(records.len());
        let mut fragments: HashSet<(u64, u64)> = HashSet::new();
        let mut by_group: HashMap<u64, usize> = HashMap::new();
        let mut groups: Vec<bool> = Vec::new();
        let (mut previous, mut last_spoken) = (None, None);
        for (at, record) in records.iter().enumerate() {
            let RecordLink::Node { id, parent, group, result } = record.link else { continue };
            let is_new = record.content != 0 && fragments.insert((id, record.content));
            if let Some(&node) = by_id.get(&id) {
                if is_new {
                    tree.add(node, at, record);
                    previous = Some(node);
                }
                continue;
            }
            let named = match parent {
                RecordParent::Root | RecordParent::Previous => None,
                RecordParent::Id(id) => by_id.get(&id).copied(),
            };
            let wrong = |node: usize| record.spoken && tree.is_dead_end(node);
            let parent = match named.filter(|&node| !wrong(node)) {
                Some(node) => Some(node),
                // Without a usable parent it continues the conversation in file order.
                None => tree.end_of_conversation(previous, last_spoken),
            };
            let joined = match by_group.get(&group) {
                Some(&node) if group != 0 => Some(node),
                _ => parent.filter(|&node| result && groups[node]),
            };
            let node = joined.unwrap_or_else(|| {
                let (spoken, spoken_below) = (false, false);
                tree.nodes.push(Node { parent, entries: 0, first: at, newest: at, spoken, spoken_below });
                groups.push(group != 0);
                tree.nodes.len() - 1
            });
            if group != 0 {
                by_group.insert(group, node);
            }
            by_id.insert(id, node);
            tree.add(node, at, record);
            previous = Some(node);
            if record.spoken {
                last_spoken = Some(node);
            }
        }
        tree
    }

    /// Adds a record to a node.
    fn add(&mut self, node: usize, at: usize, record: &ChainRecord) {
        self.nodes[node].entries += record.entries;
        self.nodes[node].newest = at;
        self.of_record[at] = Some(node);
        if record.spoken {
            self.mark_spoken(node);
        }
    }

    fn mark_spoken(&mut self, node: usize) {
        self.nodes[node].spoken = true;
        let mut at = self.nodes[node].parent;
        while let Some(node) = at.filter(|&node| !self.nodes[node].spoken_below) {
            self.nodes[node].spoken_below = true;
            at = self.nodes[node].parent;
        }
    }

    /// Nearest node upwards, the node included, that is spoken.
    fn spoken_ancestor(&self, node: usize) -> Option<usize> {
        let mut at = Some(node);
        while let Some(node) = at.filter(|&node| !self.nodes[node].spoken) {
            at = self.nodes[node].parent;
        }
        at
    }

    /// True for progress or a notice that nothing follows, beside an answer that the conversation went on with: a
    /// record that names it as its parent was linked wrongly, after a retry.
    fn is_dead_end(&self, node: usize) -> bool {
        let Node { spoken, spoken_below, .. } = self.nodes[node];
        !spoken && !spoken_below && self.spoken_ancestor(node).is_some_and(|spoken| self.nodes[spoken].spoken_below)
    }

    /// Node that a record without a usable parent follows: the previous one, unless that is beside the conversation.
    fn end_of_conversation(&self, previous: Option<usize>, last_spoken: Option<usize>) -> Option<usize> {
        let beside = previous.is_some_and(|previous| self.spoken_ancestor(previous) != last_spoken);
        if beside { last_spoken } else { previous }
    }

    /// Last nodes of the branches, in the order in which the branches began. A notice, or context, makes no branch.
    fn leaves(&self) -> Vec<usize> {
        let mut leaves: Vec<usize> =
            (0..self.nodes.len()).filter(|&at| self.nodes[at].spoken && !self.nodes[at].spoken_below).collect();
        // The first record that belongs to no earlier branch tells when a branch began.
        let mut began: Vec<(usize, usize)> = Vec::new();
        let mut taken = vec![false; self.nodes.len()];
        leaves.sort_unstable();
        for leaf in leaves {
            let (mut at, mut first) = (Some(leaf), leaf);
            while let Some(node) = at.filter(|&node| !taken[node]) {
                taken[node] = true;
                first = node;
                at = self.nodes[node].parent;
            }
            began.push((self.nodes[first].first, leaf));
        }
        began.sort_unstable();
        began.into_iter().map(|(_, leaf)| leaf).collect()
    }

    fn spans(&self, leaves: &[usize], linear: usize) -> Vec<BranchSpan> {
        let mut taken = vec![false; self.nodes.len()];
        let mut span = |&leaf: &usize| {
            let on_branch = self.branch_of(Some(leaf));
            let nodes = || (0..self.nodes.len()).filter(|&at| on_branch[at]);
            let first = nodes().find(|&at| !taken[at]).map_or(0, |at| self.nodes[at].first);
            let entries = nodes().map(|at| self.nodes[at].entries as usize).sum::<usize>() + linear;
            let newest = nodes().map(|at| self.nodes[at].newest).max().unwrap_or_default();
            nodes().for_each(|at| taken[at] = true);
            BranchSpan { newest, first, entries }
        };
        // A file may have thousands of branches; more than these no user steps through.
        leaves.iter().take(MAX_BRANCHES).map(&mut span).collect()
    }

    /// Nodes of the branch that ends at `tip`: its path, and what is beside it without being spoken.
    fn branch_of(&self, tip: Option<usize>) -> Vec<bool> {
        let mut on_branch = vec![false; self.nodes.len()];
        let mut at = tip;
        while let Some(node) = at.filter(|&node| !on_branch[node]) {
            on_branch[node] = true;
            at = self.nodes[node].parent;
        }
        // A parent always precedes its children.
        for at in 0..self.nodes.len() {
            let Node { parent, spoken, spoken_below, .. } = self.nodes[at];
            on_branch[at] |= !spoken && !spoken_below && parent.is_none_or(|parent| on_branch[parent]);
        }
        on_branch
    }

    /// Returns true for each record on the branch with these nodes, in file order.
    fn records_on(&self, nodes: &[bool], records: &[ChainRecord]) -> Vec<bool> {
        let is_on = |(record, node): (&ChainRecord, &Option<usize>)| match record.link {
            RecordLink::Aside => false,
            RecordLink::Linear => true,
            RecordLink::Node { .. } => node.is_some_and(|node| nodes[node]),
        };
        records.iter().zip(&self.of_record).map(is_on).collect()
    }

    fn tip(&self, records: &[ChainRecord]) -> Option<usize> {
        let last = self.of_record.iter().rposition(Option::is_some)?;
        let spoken = (0..self.nodes.len()).filter(|&node| self.nodes[node].spoken);
        let newest = spoken.max_by_key(|&node| self.nodes[node].newest).or(self.of_record[last]);
        let by_id = |leaf: u64| {
            let is_leaf = |record: &ChainRecord| matches!(record.link, RecordLink::Node { id, .. } if id == leaf);
            records.iter().position(is_leaf).and_then(|at| self.of_record[at])
        };
        let named = records[last..].iter().rev().find_map(|record| record.leaf).and_then(by_id);
        let Some(leaf) = named.and_then(|leaf| self.spoken_ancestor(leaf)) else { return newest };
        // An agent records the leaf late, so its newest descendant counts. A parent node always precedes its children.
        let mut below = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            below[at] = at == leaf || node.parent.is_some_and(|parent| below[parent]);
        }
        let spoken = (0..self.nodes.len()).filter(|&node| below[node] && self.nodes[node].spoken);
        spoken.max_by_key(|&node| self.nodes[node].newest)
    }
}

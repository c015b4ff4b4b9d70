//! Which records of a file are on the shown branch of its conversation. Pure; knows records by number only.
//!
//! Nearly all conversations are a line, and are recognised as one while they are read: a few ids are remembered, so
//! that a summary can go on after an append. Only where a record leaves the line is the tree built, from all records.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Link, Parent, Skim};

/// How many ids are remembered of the reply at the tip: calls made at once, and their results.
const MEMBERS: usize = 32;

/// How many ids are remembered of the newest records.
const RECENT: usize = 4;

/// What the tree must know of a record.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// How it is linked.
    pub link: Link,
    /// The newest leaf, as the agent tells it there.
    pub leaf: Option<u64>,
    /// How many entries it makes.
    pub entries: u32,
    /// How many turns it begins.
    pub turns: u32,
}

impl Record {
    /// What the tree must know of a line, if it must know anything.
    pub fn of(skim: &Skim<'_>) -> Option<Self> {
        let leaf = skim.rare.as_ref().and_then(|rare| rare.leaf);
        let entries = u32::try_from(skim.marks.len()).unwrap_or(u32::MAX);
        let matters = match skim.link {
            Link::Aside => leaf.is_some(),
            Link::Linear => entries > 0,
            Link::Node { .. } => true,
        };
        // A line that stands aside makes no entries, whatever the dialect says.
        let entries = if skim.link == Link::Aside { 0 } else { entries };
        matters.then_some(Self { link: skim.link, leaf, entries, turns: skim.turns })
    }
}

/// The end of the shown branch: enough to tell whether the next record extends it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tip {
    /// The newest record; 0: none yet.
    last: u64,
    /// The reply that it belongs to or follows; 0: none.
    group: u64,
    /// The records of that reply, its tools' results included.
    members: Vec<u64>,
    /// Records with entries came after that reply.
    left: bool,
    /// The newest records, for telling that a leaf is an old one.
    recent: Vec<u64>,
    /// There are records beside the shown branch.
    branched: bool,
}

impl Tip {
    /// Takes a record that extends the shown branch. `false`: it leaves the branch, or may; only the tree can tell.
    pub fn extend(&mut self, record: &Record) -> bool {
        if let Some(leaf) = record.leaf
            && self.branched
            && !self.recent.contains(&leaf)
        {
            return false;
        }
        let Link::Node { id, parent, group, result } = record.link else { return true };
        let member = group != 0 && group == self.group;
        let follows = match parent {
            Parent::Previous => true,
            Parent::Root => self.last == 0,
            Parent::Id(parent) => {
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
            remember(&mut self.members, id, MEMBERS);
        } else if record.entries > 0 {
            self.left = true;
        }
        self.last = id;
        remember(&mut self.recent, id, RECENT);
        true
    }
}

fn remember(ids: &mut Vec<u64>, id: u64, most: usize) {
    if ids.len() >= most {
        ids.remove(0);
    }
    ids.push(id);
}

/// The shown branch of a tree.
#[derive(Debug)]
pub struct Shown {
    /// For each record, whether it is shown.
    pub records: Vec<bool>,
    /// Number of branches, the shown one included.
    pub branches: usize,
    /// The newest record on the shown branch.
    pub newest: Option<usize>,
    /// From where a summary can go on.
    pub tip: Tip,
}

/// A node: a record, or a whole reply with its results.
#[derive(Clone, Copy, Debug)]
struct Node {
    parent: Option<usize>,
    entries: u32,
    newest: usize,
    /// A branch with entries begins below it, or it has entries itself.
    alive: bool,
    shown: bool,
}

/// Builds the tree of all records and chooses the branch to show: the one of the newest leaf that the agent named
/// after the last record, else the one of the newest record.
pub fn choose(records: &[Record]) -> Shown {
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
            Link::Aside => false,
            Link::Linear => true,
            Link::Node { .. } => node.is_some_and(|node| nodes[node].shown),
        })
        .collect();
    let newest = (0..records.len()).rev().find(|&at| shown[at] && records[at].link != Link::Linear);
    let mut end = Tip::default();
    for (record, _) in records.iter().zip(&shown).filter(|(record, shown)| **shown && record.leaf.is_none()) {
        // Everything shown extends the branch by definition; what `extend` cannot see is linked by force.
        if !end.extend(record)
            && let Link::Node { id, group, result, .. } = record.link
        {
            let link = Link::Node { id, parent: Parent::Previous, group, result };
            end.extend(&Record { link, ..*record });
        }
    }
    end.branched = true;
    Shown { branches: branches(&mut nodes), records: shown, newest, tip: end }
}

/// The nodes, and which node each record belongs to (none: no node, or a second copy of a record).
fn build(records: &[Record]) -> (Vec<Node>, Vec<Option<usize>>) {
    let mut nodes: Vec<Node> = Vec::new();
    let mut of_record = vec![None; records.len()];
    let mut by_id: HashMap<u64, usize> = HashMap::with_capacity(records.len());
    let mut by_group: HashMap<u64, usize> = HashMap::new();
    let mut groups: Vec<bool> = Vec::new();
    let mut previous = None;
    for (at, record) in records.iter().enumerate() {
        let Link::Node { id, parent, group, result } = record.link else { continue };
        if by_id.contains_key(&id) {
            continue;
        }
        let parent = match parent {
            Parent::Root => None,
            Parent::Previous => previous,
            Parent::Id(id) => by_id.get(&id).copied().or(previous),
        };
        let joined = match by_group.get(&group) {
            Some(&node) if group != 0 => Some(node),
            _ => parent.filter(|&node| result && groups[node]),
        };
        let node = joined.unwrap_or_else(|| {
            nodes.push(Node { parent, entries: 0, newest: at, alive: false, shown: false });
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

fn tip_of(records: &[Record], nodes: &[Node], of_record: &[Option<usize>]) -> Option<usize> {
    let last = of_record.iter().rposition(Option::is_some)?;
    let newest = of_record[last];
    let by_id = |leaf: u64| {
        let found = records.iter().position(|record| matches!(record.link, Link::Node { id, .. } if id == leaf));
        found.and_then(|at| of_record[at])
    };
    let told = records[last..].iter().rev().find_map(|record| record.leaf).and_then(by_id);
    let Some(leaf) = told else { return newest };
    // An agent tells the leaf late: what has followed it since is meant. A parent is always made before its child.
    let mut below = vec![false; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        below[at] = at == leaf || node.parent.is_some_and(|parent| below[parent]);
    }
    (0..nodes.len()).filter(|&node| below[node]).max_by_key(|&node| nodes[node].newest)
}

/// Counts leaves, not counting those that begin and end without an entry (attachments, bookkeeping).
fn branches(nodes: &mut [Node]) -> usize {
    let mut forks: HashMap<Option<usize>, usize> = HashMap::new();
    for at in (0..nodes.len()).rev() {
        let Node { parent, entries, alive, .. } = nodes[at];
        if entries == 0 && !alive {
            continue;
        }
        if let Some(parent) = parent {
            nodes[parent].alive = true;
        }
        *forks.entry(parent).or_default() += 1;
    }
    1 + forks.values().map(|children| children - 1).sum::<usize>()
}

//! Ports for the servers of a worktree: ten in a row that are free on the loopback device.

use std::net::{Ipv4Addr, TcpListener};

/// Number of ports of a worktree.
const COUNT: u16 = 10;

/// Range of first ports. It is below those that systems give to outgoing connections.
const FIRST: std::ops::Range<u16> = 20_000..32_000;

/// Returns the first of ten free ports that no other worktree has. `seed` selects where the search begins, so that
/// worktrees of several users rarely meet.
pub(super) fn free_block(seed: u64, taken: &[u16]) -> Option<u16> {
    let blocks = (FIRST.end - FIRST.start) / COUNT;
    let begin = u16::try_from(seed % u64::from(blocks)).unwrap_or(0);
    let first = |at: u16| FIRST.start + (begin + at) % blocks * COUNT;
    (0..blocks).map(first).find(|first| !taken.contains(first) && (*first..first + COUNT).all(is_free))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

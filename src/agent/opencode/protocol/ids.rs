//! Generates ids in OpenCode's format: they ascend with time, and messages are ordered by id.
//!
//! The server accepts ids from clients, so a prompt's entry has its final key from the first moment.

use crate::domain::prompt::PromptId;
use crate::domain::{EntryKey, Time};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Ids of a prompt's message and of the part with its text.
pub(super) fn of_prompt(session: &str, id: PromptId, now: Time) -> (String, String) {
    (ascending_id("msg", 1, session, id, now), ascending_id("prt", 2, session, id, now))
}

/// Lower bound of the ids of messages from a time on.
pub(super) fn first_message(now: Time) -> String {
    format!("msg_{:012x}", time_digits(now, 0))
}

fn time_digits(now: Time, counter: i64) -> i64 {
    now.millis().wrapping_mul(0x1000).wrapping_add(counter) & 0xffff_ffff_ffff
}

/// Twelve hexadecimal digits of time, then fourteen hashed characters that make the id unique.
fn ascending_id(prefix: &str, counter: i64, session: &str, id: PromptId, now: Time) -> String {
    let time = time_digits(now, counter);
    let mut seed = EntryKey::new(&format!("{prefix} {session} {} {}", id.0, now.millis()), 0).raw();
    let suffix = (0..14).map(|_| {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        char::from(ALPHABET[usize::try_from((seed >> 33) % 62).unwrap_or(0)])
    });
    format!("{prefix}_{time:012x}{}", suffix.collect::<String>())
}

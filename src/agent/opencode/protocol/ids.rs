//! Ids as OpenCode makes them: they rise with time, and a message's place is where its id sorts.
//!
//! The server takes ids from its clients; so a prompt's entry has, from the first moment, the key that it will have on
//! disk.

use crate::domain::prompt::PromptId;
use crate::domain::{Key, Time};

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Ids of a prompt's message and of the part that holds its text.
pub fn of_prompt(session: &str, id: PromptId, now: Time) -> (String, String) {
    (rising("msg", 1, session, id, now), rising("prt", 2, session, id, now))
}

/// Twelve hexadecimal digits of time, then fourteen letters that nobody else makes up.
fn rising(prefix: &str, counter: i64, session: &str, id: PromptId, now: Time) -> String {
    let time = now.millis().wrapping_mul(0x1000).wrapping_add(counter) & 0xffff_ffff_ffff;
    let mut seed = Key::new(&format!("{prefix} {session} {} {}", id.0, now.millis()), 0).raw();
    let letters = (0..14).map(|_| {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        char::from(LETTERS[usize::try_from((seed >> 33) % 62).unwrap_or(0)])
    });
    format!("{prefix}_{time:012x}{}", letters.collect::<String>())
}

//! What several screens are made of. Widgets know text, widths and looks; they know nothing of sessions.

pub mod diff;
pub mod highlight;
mod languages;
pub mod markdown;
pub mod rich;
mod table;

//! What several screens are made of. Widgets know text, widths and looks; they know nothing of sessions.

mod cells;
pub mod diff;
mod field;
pub mod highlight;
mod languages;
pub mod markdown;
mod overlay;
pub mod rich;
mod table;

pub(super) use cells::{Align, line_of, put, put_line, split_left, split_right, wrapped};
pub(super) use field::field;
pub(super) use overlay::{divider, overlay};

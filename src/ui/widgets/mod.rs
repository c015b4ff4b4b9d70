//! What several screens are made of. Widgets know text, widths and looks; they know nothing of sessions.

mod cells;
mod field;
mod overlay;
pub mod rich;

pub(super) use cells::{Align, line_of, put, put_line, split_left, split_right};
pub(super) use field::field;
pub(super) use overlay::{divider, overlay};

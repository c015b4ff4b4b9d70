//! Widgets shared by screens: text, layout and styles. They must not depend on sessions.

mod cells;
pub mod diff;
mod field;
pub mod highlight;
pub mod hyperlink;
pub mod markdown;
mod overlay;
pub mod styled_line;
mod table;
mod text_area;

pub(super) use cells::{Align, line_of, put, put_line, split_left, split_right, wrapped};
pub(super) use field::field;
pub(super) use overlay::{divider, overlay, overlay_width};
pub(super) use text_area::text_area;

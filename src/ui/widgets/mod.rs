//! What several screens are made of. Widgets know text, widths and looks; they know nothing of sessions.

pub mod rich;

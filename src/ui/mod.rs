//! The state drawn into cells: `draw(&App, &mut ViewCache) -> Drawn`. Reads the state, changes nothing.

pub mod entry;
pub mod reader;
pub mod style;
pub mod widgets;

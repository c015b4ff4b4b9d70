//! The state drawn into cells: `draw(&App, &mut ViewCache) -> Drawn`. Reads the state, changes nothing.

pub mod reader;

use crate::app::App;
use crate::app::msg::Drawn;

/// stub
#[derive(Debug, Default)]
pub struct ViewCache;

/// stub
pub fn draw(frame: &mut ratatui::Frame, app: &App, _cache: &mut ViewCache) -> Drawn {
    let area = frame.area();
    for (row, session) in app.home.list.shown().iter().filter_map(crate::app::home::list::Row::session).enumerate() {
        if row < usize::from(area.height) {
            frame.buffer_mut().set_stringn(0, row as u16, &*session.title.text, usize::from(area.width), ratatui::style::Style::default());
        }
    }
    Drawn { list_rows: usize::from(area.height), ..Drawn::default() }
}

//! The state drawn into cells: `draw(&App, &mut ViewCache) -> Drawn`. Reads the state, changes nothing. One file per
//! screen, pane or overlay.

pub mod entry;
pub mod reader;
pub mod style;
pub mod widgets;

mod approval;
mod chat;
mod columns;
mod dialog;
mod empty;
mod header;
mod help;
mod home;
mod inbox;
mod issues;
mod new_session;
mod palette;
mod picker;
mod preview;
mod search;
mod search_empty;
mod search_line;
mod search_results;
mod sessions;
mod split;
mod status;
mod workspaces;

use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::App;
use crate::app::layer::Layer;
use crate::app::msg::{Area, Drawn, Target};

/// What drawing keeps between frames, only to be quick: it can be dropped at any time.
#[derive(Debug)]
pub struct ViewCache {
    /// The time zone in which times are shown.
    zone: TimeZone,
    /// Transcripts that were laid out.
    reader: reader::Cache,
}

impl Default for ViewCache {
    fn default() -> Self {
        Self::new(TimeZone::UTC)
    }
}

impl ViewCache {
    /// An empty one, for times in this zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, reader: reader::Cache::default() }
    }
}

/// One frame in the making: where to draw, and what was found out on the way.
struct Canvas<'a> {
    app: &'a App,
    buffer: &'a mut Buffer,
    drawn: Drawn,
    cursor: Option<Position>,
    /// What is being drawn has the keys: it is not the pinned one of two conversations.
    active: bool,
}

impl Canvas<'_> {
    /// Tells the mouse what lies in an area.
    fn target(&mut self, area: Rect, target: Target) {
        let area = Area { x: area.x, y: area.y, width: area.width, height: area.height };
        self.drawn.regions.push((area, target));
    }
}

/// Draws the interface, and tells what only drawing can know.
pub fn draw(frame: &mut Frame, app: &App, cache: &mut ViewCache) -> Drawn {
    let area = frame.area();
    let mut canvas = Canvas { app, buffer: frame.buffer_mut(), drawn: Drawn::default(), cursor: None, active: true };
    draw_layers(&mut canvas, area, cache);
    let Canvas { drawn, cursor, .. } = canvas;
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    drawn
}

/// The topmost screen, and the overlays that lie over it.
fn draw_layers(canvas: &mut Canvas, area: Rect, cache: &mut ViewCache) {
    let app = canvas.app;
    let [header, body, status, footer] = rows(area);
    let screen = app.layers.iter().rposition(Layer::is_screen);
    match app.screen() {
        Some(Layer::Search(search)) => search::draw(canvas, header.union(body), search, cache),
        Some(layer) => split::draw(canvas, header.union(body).union(status), layer, cache),
        None => {
            header::draw(canvas, header);
            home::draw(canvas, body, cache);
        }
    }
    if app.screen().is_some() {
        header::draw_badge(canvas, header);
    }
    for layer in app.layers.iter().skip(screen.map_or(0, |at| at + 1)) {
        match layer {
            Layer::Reader(_) | Layer::Chat(_) | Layer::Search(_) => {}
            Layer::Help(help) => help::draw(canvas, body, help),
            Layer::Palette(palette) => palette::draw(canvas, body, palette),
            Layer::Dialog(dialog) => dialog::draw(canvas, body, dialog),
            Layer::Issues(issues) => issues::draw(canvas, body, issues),
            Layer::Inbox(inbox) => inbox::draw(canvas, body, inbox),
            Layer::Picker(picker) => picker::draw(canvas, body, picker),
            Layer::NewSession(new) => new_session::draw(canvas, body, new),
        }
    }
    status::draw(canvas, status);
    status::draw_hints(canvas, footer);
}

/// Header, body, status line and hints; a low screen goes without, the body last.
fn rows(area: Rect) -> [Rect; 4] {
    let header = u16::from(area.height >= 6);
    let footer = u16::from(area.height >= 5);
    let status = u16::from(area.height >= 3);
    let body = area.height - header - footer - status;
    let mut y = area.y;
    [header, body, status, footer].map(|height| {
        let row = Rect { y, height, ..area };
        y += height;
        row
    })
}

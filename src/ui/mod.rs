//! User interface: draws the state into a frame of cells, one file per screen, pane or overlay.
//!
//! `draw(&App, &mut ViewCache) -> LayoutFeedback` only reads the state; it must not change it.

pub mod encoded_picture;
pub mod entry;
pub mod inline_pictures;
pub mod picture;
pub mod reader;
pub mod style;
pub mod widgets;

mod annotate;
mod approval;
mod backends;
mod canvas;
mod changes;
mod changes_cache;
mod chat;
mod columns;
mod coverage;
mod dialog;
mod empty;
mod export;
mod header;
mod help;
mod home;
mod home_path;
mod inbox;
mod issues;
mod new_session;
mod note;
mod numbers;
mod palette;
mod picker;
mod preview;
mod search;
mod search_empty;
mod search_line;
mod search_results;
mod session_title;
mod sessions;
mod split;
mod stats;
mod status;
mod title;
mod trash;
mod workspace_name;
mod workspaces;

use canvas::Canvas;
pub use canvas::ViewCache;
use ratatui::Frame;
use ratatui::layout::Rect;
pub use title::title;

use crate::app::App;
use crate::app::layer::Layer;
use crate::app::msg::LayoutFeedback;

/// Draws the interface; returns sizes and positions that are known only after layout.
pub fn draw(frame: &mut Frame, app: &App, cache: &mut ViewCache) -> LayoutFeedback {
    let area = frame.area();
    let mut canvas = Canvas {
        app,
        buffer: frame.buffer_mut(),
        feedback: LayoutFeedback::default(),
        cursor: None,
        picture: None,
        active: true,
        bands: Vec::new(),
    };
    cache.inline_pictures().begin(|ticket| app.stack.open_transcript(ticket).is_some());
    draw_layers(&mut canvas, area, cache);
    cache.inline_pictures().find_visible(canvas.buffer);
    canvas.even_bands();
    canvas.split_clusters();
    let Canvas { feedback, cursor, picture, .. } = canvas;
    match picture {
        Some(place) => picture::draw_pixels(frame.buffer_mut(), place, cache),
        // Its pixels may be large.
        None if !app.stack.layers.iter().any(|layer| matches!(layer, Layer::Picture(_))) => cache.picture = None,
        None => {}
    }
    cache.inline_pictures().draw(frame.buffer_mut());
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    feedback
}

/// Draws the topmost screen and the overlays above it.
fn draw_layers(canvas: &mut Canvas, area: Rect, cache: &mut ViewCache) {
    let app = canvas.app;
    let [header, body, status, footer] = rows(area);
    let screen = app.stack.layers.iter().rposition(Layer::is_screen);
    match app.stack.screen() {
        Some(Layer::Search(search)) => search::draw(canvas, header.union(body), search, cache),
        Some(Layer::Stats(page)) => stats::draw(canvas, header.union(body), page),
        Some(Layer::Changes(changes)) => changes::draw(canvas, header.union(body), changes, cache),
        Some(layer) => split::draw(canvas, header.union(body).union(status), layer, cache),
        None => {
            header::draw(canvas, header);
            home::draw(canvas, body, cache);
        }
    }
    if app.stack.screen().is_some() {
        header::draw_badge(canvas, header);
    }
    for layer in app.stack.layers.iter().skip(screen.map_or(0, |at| at + 1)) {
        // An overlay covers an image below it.
        canvas.picture = None;
        match layer {
            Layer::Reader(_) | Layer::Chat(_) | Layer::Search(_) | Layer::Stats(_) | Layer::Changes(_) => {}
            Layer::Help(help) => help::draw(canvas, body, help),
            Layer::Palette(palette) => palette::draw(canvas, body, palette),
            Layer::Dialog(dialog) => dialog::draw(canvas, body, dialog),
            Layer::Issues(issues) => issues::draw(canvas, body, issues),
            Layer::Backends(backends) => backends::draw(canvas, body, backends),
            // A low screen has no row for anything else.
            Layer::Inbox(inbox) if body.height < inbox::MIN_HEIGHT_WITH_LIST => {
                inbox::draw(canvas, header.union(body), inbox);
            }
            Layer::Inbox(inbox) => inbox::draw(canvas, body, inbox),
            Layer::Picker(picker) => picker::draw(canvas, body, picker),
            Layer::NewSession(new) => new_session::draw(canvas, body, new),
            Layer::Annotate(form) => annotate::draw(canvas, body, form),
            Layer::Note(form) => note::draw(canvas, body, form),
            Layer::Export(form) => export::draw(canvas, body, form),
            Layer::Trash(page) => trash::draw(canvas, body, page),
            Layer::Picture(picture) => picture::draw(canvas, header.union(body), picture, cache),
        }
    }
    status::draw(canvas, status);
    status::draw_hints(canvas, footer);
}

/// Splits the screen into header, body, status line and hints. A low screen has only some of them.
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

//! Search screen: query line, summary, results, and a preview of the selected hit.

use ratatui::layout::Rect;

use super::canvas::{Canvas, ViewCache};
use super::home::with_margin;
use super::widgets::{divider, split_left};
use super::{preview, search_empty, search_line, search_results};
use crate::app::home::Pane;
use crate::app::search::SearchScreen;

/// Draws the screen.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, search: &SearchScreen, cache: &mut ViewCache) {
    let head = area.height.min(2);
    search_line::draw(canvas, Rect { height: head, ..area }, search);
    let body = Rect { y: area.y + head, height: area.height - head, ..area };
    let shown = canvas.app.panes().shows(Pane::Preview) && search.results.selected().is_some();
    let (list, rest) = split_left(body, if shown { body.width / 2 } else { body.width });
    canvas.feedback.list_rows = list.height.into();
    if search.results.rows().is_empty() {
        search_empty::draw(canvas, list, search);
    } else {
        let matcher = cache.reader.matcher_of(&search.highlighted_query());
        search_results::draw(canvas, list, search, matcher.as_deref());
    }
    if let Some(hit) = search.results.selected().filter(|_| shown) {
        let (line, pane) = split_left(rest, 1);
        divider(canvas, line);
        let pane = with_margin(pane);
        preview::draw_beside(canvas, pane, (&hit.session, search.preview.reader(&hit.session.key)), cache);
    }
    search_line::draw_completions(canvas, body, search);
}

//! Calendar of usage: a column per week, a row per weekday, and a shade per day.

use jiff::ToSpan;
use jiff::civil::Date;
use ratatui::layout::Rect;

use crate::app::stats::StatsPage;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put};

/// Shades from no usage to the most; they differ also without colours.
const SHADES: [&str; 5] = ["·", "░", "▒", "▓", "█"];

/// Columns of the weekdays' names.
const NAMES: u16 = 4;

/// Columns of a week.
const WEEK: u16 = 2;

/// Maximum number of weeks: half a year.
const MAX_WEEKS: u16 = 26;

/// Names of the weekdays; every other one is shown.
const WEEKDAYS: [&str; 7] = ["Mon", "", "Wed", "", "Fri", "", "Sun"];

/// Returns the columns that the calendar uses of a given room.
pub(super) fn width(room: u16) -> u16 {
    NAMES + (room.saturating_sub(NAMES) / WEEK).min(MAX_WEEKS) * WEEK
}

/// Draws the heading, the days and the months.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    let theme = canvas.app.theme();
    let weeks = (area.width.saturating_sub(NAMES) / WEEK).min(MAX_WEEKS);
    let monday = page.today.checked_sub(i64::from(page.today.weekday().to_monday_zero_offset()).days());
    let monday = monday.unwrap_or(page.today);
    let first = monday.checked_sub((i64::from(weeks) - 1).weeks()).unwrap_or(monday);
    let used = |day: Date| page.report.calendar.get(&day).map_or(0, |figures| figures.tokens.total());
    let most = page.report.calendar.range(first..).map(|(_, figures)| figures.tokens.total()).max().unwrap_or(0);
    put(canvas.buffer, line_of(area, 0), &format!("Last {weeks} weeks"), style(theme.muted), Align::Left);
    for (row, name) in WEEKDAYS.iter().enumerate() {
        put(canvas.buffer, line_of(area, row + 1), name, style(theme.faint), Align::Left);
    }
    for (at, day) in first.series(1.day()).take_while(|day| *day <= page.today).enumerate() {
        let (week, row) = (u16::try_from(at / 7).unwrap_or(weeks), at % 7);
        let cell = line_of(Rect { x: area.x + NAMES + week * WEEK, width: 1, ..area }, row + 1);
        let shade = shade(used(day), most);
        let look = if shade == 0 { theme.faint } else { theme.success };
        put(canvas.buffer, cell, SHADES[shade], style(look), Align::Left);
    }
    draw_months(canvas, line_of(area, 8), first, weeks);
}

/// Writes the names of months below the weeks in which they begin.
fn draw_months(canvas: &mut Canvas, area: Rect, first: Date, weeks: u16) {
    let theme = canvas.app.theme();
    let mut free = area.x + NAMES;
    for (week, monday) in (0..weeks).zip(first.series(1.week())) {
        let x = area.x + NAMES + week * WEEK;
        if monday.day() <= 7 && x >= free && x + 3 <= area.right() {
            let name = monday.strftime("%b").to_string();
            put(canvas.buffer, Rect { x, width: 3, ..area }, &name, style(theme.faint), Align::Left);
            free = x + 4;
        }
    }
}

/// Returns the shade of a day. The square root keeps quiet days apart beside a busy one.
fn shade(value: u64, most: u64) -> usize {
    let share = u128::from(value) * 16 / u128::from(most.max(1));
    match share {
        _ if value == 0 => 0,
        0..1 => 1,
        1..4 => 2,
        4..9 => 3,
        _ => 4,
    }
}

//! Sections of the session list: by urgency, then by the day of the last activity.

use jiff::tz::TimeZone;
use jiff::{ToSpan, civil};

use crate::domain::{SessionState, Time};

/// Section of the session list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListSection {
    /// Sessions that wait for the user.
    NeedsYou,
    /// Sessions with an open turn.
    Working,
    /// Sessions whose turn ended since the user last looked at them.
    Done,
    /// Sessions that are open in a living process.
    Idle,
    /// Past sessions of the current day.
    Today,
    /// Past sessions of the day before.
    Yesterday,
    /// Past sessions since Monday.
    ThisWeek,
    /// Past sessions since the first of the month.
    ThisMonth,
    /// Past sessions of an earlier month.
    Month {
        /// Year.
        year: i16,
        /// Month, from 1.
        month: i8,
    },
    /// Past sessions in an order other than that of activity.
    Past,
}

impl ListSection {
    /// Section of a session that is not past, or whose end was not seen. `None` for other past sessions.
    pub fn of_state(state: SessionState, unseen: bool) -> Option<Self> {
        match state {
            SessionState::NeedsYou => Some(Self::NeedsYou),
            SessionState::Working => Some(Self::Working),
            SessionState::Idle | SessionState::Past if unseen => Some(Self::Done),
            SessionState::Idle => Some(Self::Idle),
            SessionState::Past => None,
        }
    }

    /// Rank of the section: by urgency; all past sessions have the same.
    pub fn rank(self) -> u8 {
        match self {
            Self::NeedsYou => 0,
            Self::Working => 1,
            Self::Done => 2,
            Self::Idle => 3,
            Self::Today | Self::Yesterday | Self::ThisWeek | Self::ThisMonth | Self::Month { .. } | Self::Past => 4,
        }
    }

    /// Heading of the section.
    pub fn heading(self) -> String {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        match self {
            Self::NeedsYou => "Needs you".to_owned(),
            Self::Working => "Working".to_owned(),
            Self::Done => "Done, not seen".to_owned(),
            Self::Idle => "Idle".to_owned(),
            Self::Today => "Today".to_owned(),
            Self::Yesterday => "Yesterday".to_owned(),
            Self::ThisWeek => "This week".to_owned(),
            Self::ThisMonth => "This month".to_owned(),
            Self::Month { year, month } => {
                let index = usize::try_from(month).unwrap_or_default().wrapping_sub(1);
                format!("{} {year}", MONTHS.get(index).copied().unwrap_or_default())
            }
            Self::Past => "Past".to_owned(),
        }
    }
}

/// Maximum earlier months with a section of their own, because agents have existed for a shorter time.
const MONTHS: i32 = 120;

/// Sections of past sessions, by the time of their last activity, for one day of the user's calendar.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// Starts of the sections, newest first. The last one has no end.
    starts: Vec<(Time, ListSection)>,
    /// End of the day for which the sections were computed.
    next_day: Time,
}

impl Default for Calendar {
    fn default() -> Self {
        Self::new(Time::default(), TimeZone::UTC)
    }
}

impl Calendar {
    /// Creates the sections of the day of `now`.
    pub fn new(now: Time, zone: TimeZone) -> Self {
        let today = now.timestamp().to_zoned_datetime(zone.clone()).date();
        let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).unwrap_or(today);
        let month = today.first_of_month();
        let yesterday = today.yesterday().unwrap_or(today);
        let mut days =
            vec![(today, ListSection::Today), (yesterday, ListSection::Yesterday), (monday, ListSection::ThisWeek)];
        days.push((month, ListSection::ThisMonth));
        days.extend((1..=MONTHS).map_while(|back| {
            let first = month.checked_sub(back.months()).ok()?;
            Some((first, ListSection::Month { year: first.year(), month: first.month() }))
        }));
        // A section that begins after a newer one is empty: in the first days of a week, or of a month.
        let mut starts: Vec<(Time, ListSection)> = Vec::with_capacity(days.len());
        for (day, section) in days {
            let start = start_of(day, &zone);
            if starts.last().is_none_or(|(newer, _)| start < *newer) {
                starts.push((start, section));
            }
        }
        let next_day = today.tomorrow().map_or(now, |day| start_of(day, &zone));
        Self { zone, starts, next_day }
    }

    /// Moves to the day of `now`. Returns true if that is another day.
    pub fn advance(&mut self, now: Time) -> bool {
        let passed = now >= self.next_day || self.starts.first().is_some_and(|(today, _)| now < *today);
        if passed {
            *self = Self::new(now, self.zone.clone());
        }
        passed
    }

    /// Time zone of the days.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// End of the day, at which the sections change.
    pub fn next_day(&self) -> Time {
        self.next_day
    }

    /// Section of a time. Times in the future are today's.
    pub fn section(&self, time: Option<Time>) -> ListSection {
        let time = time.unwrap_or_default();
        let at = self.starts.partition_point(|(start, _)| *start > time);
        let found = self.starts.get(at).or(self.starts.last());
        found.map_or(ListSection::Past, |(_, section)| *section)
    }
}

fn start_of(day: civil::Date, zone: &TimeZone) -> Time {
    let start = day.to_zoned_datetime(zone.clone()).map(|start| start.timestamp().as_millisecond());
    Time::from_millis(start.unwrap_or(i64::MAX))
}

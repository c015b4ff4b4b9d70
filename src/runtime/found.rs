//! What the index tells, as messages for the state: neither layer knows the other.

use crate::app::Msg;
use crate::app::msg::{Opened, Ticket, TranscriptMsg};
use crate::index::{self, Event, TranscriptEvent, WatchState};

/// The message of an event; nothing, where there is nothing to show.
pub fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Catalog(change) => Some(Msg::Catalog(change)),
        Event::Live(signs) => Some(Msg::Live(signs)),
        Event::Transcript(ticket, event) => Some(Msg::Transcript(Ticket(ticket), transcript(event))),
        Event::Ranked { query, keys } => Some(Msg::Ranked { query, keys }),
        Event::Found { query, found } => Some(Msg::Found { query, found }),
        Event::Values { field, typed, values } => Some(Msg::Values { field, typed, values }),
        Event::Indexed(progress) => Some(Msg::Indexed(progress)),
        Event::Watch(WatchState::Native { .. }) => None,
        Event::Watch(WatchState::Poll { reason }) => {
            Some(Msg::Notice { text: format!("changes are looked for every few seconds: {reason}"), error: true })
        }
    }
}

fn transcript(event: TranscriptEvent) -> TranscriptMsg {
    match event {
        TranscriptEvent::Tail(entries) => TranscriptMsg::Tail(entries),
        TranscriptEvent::Opened(whole) => TranscriptMsg::Opened(opened(whole)),
        TranscriptEvent::Page { from, entries } => TranscriptMsg::Page { from, entries },
        TranscriptEvent::Grown { from, opened: whole } => TranscriptMsg::Grown { from, opened: opened(whole) },
        TranscriptEvent::Found { query, entries, complete } => TranscriptMsg::Found { query, entries, complete },
        TranscriptEvent::Located { place, entry } => TranscriptMsg::Located { place, entry },
        TranscriptEvent::Gone => TranscriptMsg::Gone,
        TranscriptEvent::Failed(reason) => TranscriptMsg::Failed(reason),
    }
}

fn opened(whole: index::Opened) -> Opened {
    let index::Opened { len, branches, prompts, errors, issues } = whole;
    Opened { len, branches, prompts, errors, issues }
}

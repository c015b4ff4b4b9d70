//! Converts index events to app messages, because neither layer depends on the other.

use crate::app::Msg;
use crate::app::msg::RequestTicket;
use crate::index::{IndexEvent, WatchState};

/// Returns the message of an event; `None` if there is nothing to show.
pub(super) fn message(event: IndexEvent) -> Option<Msg> {
    match event {
        IndexEvent::Catalog(change) => Some(Msg::Catalog(change)),
        IndexEvent::Live(signs) => Some(Msg::Live(signs)),
        IndexEvent::Transcript(ticket, event) => Some(Msg::Transcript(RequestTicket(ticket), event)),
        IndexEvent::Ranked { query, keys } => Some(Msg::Ranked { query, keys }),
        IndexEvent::Search { query, update } => Some(Msg::SearchUpdate { query, update }),
        IndexEvent::Values { field, typed, values } => Some(Msg::Values { field, typed, values }),
        IndexEvent::Indexed(progress) => Some(Msg::IndexProgress(progress)),
        IndexEvent::Watch(WatchState::Native { .. }) => None,
        IndexEvent::Watch(WatchState::Poll { reason }) => {
            Some(Msg::Notice { text: format!("Polling for changes every few seconds: {reason}"), error: true })
        }
    }
}

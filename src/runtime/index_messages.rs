//! Converts index events to app messages, because neither layer depends on the other.

use crate::app::Msg;
use crate::app::msg::{RequestTicket, TranscriptInfo, TranscriptMsg};
use crate::index::{self, IndexEvent, TranscriptEvent, WatchState};

/// Returns the message of an event; `None` if there is nothing to show.
pub fn message(event: IndexEvent) -> Option<Msg> {
    match event {
        IndexEvent::Catalog(change) => Some(Msg::Catalog(change)),
        IndexEvent::Live(signs) => Some(Msg::Live(signs)),
        IndexEvent::Transcript(ticket, event) => Some(Msg::Transcript(RequestTicket(ticket), transcript(event))),
        IndexEvent::Ranked { query, keys } => Some(Msg::Ranked { query, keys }),
        IndexEvent::Search { query, update } => Some(Msg::SearchUpdate { query, update }),
        IndexEvent::Values { field, typed, values } => Some(Msg::Values { field, typed, values }),
        IndexEvent::Indexed(progress) => Some(Msg::IndexProgress(progress)),
        IndexEvent::Watch(WatchState::Native { .. }) => None,
        IndexEvent::Watch(WatchState::Poll { reason }) => {
            Some(Msg::Notice { text: format!("polling for changes every few seconds: {reason}"), error: true })
        }
    }
}

fn transcript(event: TranscriptEvent) -> TranscriptMsg {
    match event {
        TranscriptEvent::Tail(entries) => TranscriptMsg::Tail(entries),
        TranscriptEvent::Opened(info) => TranscriptMsg::Opened(opened(info)),
        TranscriptEvent::Page { from, entries } => TranscriptMsg::Page { from, entries },
        TranscriptEvent::Grown { from, opened: info } => TranscriptMsg::Grown { from, opened: opened(info) },
        TranscriptEvent::Found { query, entries, complete } => TranscriptMsg::Found { query, entries, complete },
        TranscriptEvent::Located { place, entry } => TranscriptMsg::Located { location: place, entry },
        TranscriptEvent::Gone => TranscriptMsg::Gone,
        TranscriptEvent::Failed(reason) => TranscriptMsg::Failed(reason),
    }
}

fn opened(info: index::OpenedTranscript) -> TranscriptInfo {
    let index::OpenedTranscript { len, branches, prompts, errors, issues } = info;
    TranscriptInfo { len, branches, prompts, errors, issues }
}

//! Notices of the codecs.

use crate::agent::protocol::ProtocolSignal;
use crate::domain::event::NoticeLevel;
use crate::domain::{EntryKey, Event, EventBody};

/// A notice that is not in the transcript.
pub(super) fn notice(id: &str, level: NoticeLevel, text: String) -> ProtocolSignal {
    ProtocolSignal::Event(Event { key: EntryKey::new(id, 0), time: None, body: EventBody::Notice { level, text } })
}

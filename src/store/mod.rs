//! `state.db`: what salon itself must remember. The only writer of it.

pub mod outbox;

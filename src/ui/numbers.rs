//! Numbers as text.

pub(super) use crate::domain::units::{bytes, count, thousands};

//! JSON as agents write it: a pull parser for scans, and a tolerant decoder for what a strict parser refuses.
//!
//! Scans use [`JsonCursor`], which validates little. Decoding uses [`parse`], which first tries `serde_json`, then reads
//! what is there: half characters and invalid UTF-8 become U+FFFD, and values nested too deeply become text. A record
//! that is not one whole value is split and completed by [`repair`]. [`time`] and [`count`] accept what agents and their
//! users' scripts have written in place of a timestamp or a count.

pub(super) mod cursor;
pub(super) mod repair;
mod scalar;
mod unescape;
mod value;

pub(super) use cursor::{JsonCursor, JsonStr, MalformedJson};
pub(super) use scalar::{count, time};
pub(super) use value::{flattened, parse};

//! Screens as a person sees them, at three sizes: 120×40, 80×24 and 40×10.

mod approvals;
mod chat;
pub mod chat_harness;
mod clusters;
mod home;
pub mod live;
mod margins;
mod overlays;
pub mod stage;

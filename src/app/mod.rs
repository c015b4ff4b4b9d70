//! State and decisions. Pure and synchronous: [`App::update`] takes a message and returns effects; it never awaits,
//! never touches a file, never asks the clock.

pub mod action;
pub mod effect;

pub mod msg;
pub mod reader;

pub use action::Action;
pub use effect::Effect;
pub use msg::Msg;

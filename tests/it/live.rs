//! Runs of agents, driven through the scripted one: `salon::live` from outside.

mod decide;
mod outbox;
mod processes;
mod recovery;
mod runs;
mod stage;
mod viewers;

//! Live runs with the scripted agent: black-box tests of `salon::live`.

mod delivery;
mod harness;
mod outbox;
mod policy;
mod processes;
mod recovery;
mod runs;
mod viewers;

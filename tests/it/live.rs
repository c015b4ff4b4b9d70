//! Live runs with the scripted agent: black-box tests of `salon::live`.

mod acp;
mod auto_continue;
mod budget;
mod continuations;
mod delivery;
mod every_agent;
mod harness;
mod outbox;
mod policy;
mod pool;
mod processes;
mod recovery;
mod replaced;
mod runs;
mod service;
mod timers;
mod trust;
mod viewers;

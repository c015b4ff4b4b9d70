//! `salon config`: the configuration in effect.
use super::args::PlainArgs;
use super::context::Context;
use super::failure::Failure;
use std::process::ExitCode;
/// Prints it.
pub fn run(_context: &Context, _args: &PlainArgs) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}

//! Parse, run, exit code.

fn main() -> std::process::ExitCode {
    salon::cli::run(std::env::args_os())
}

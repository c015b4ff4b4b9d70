//! Entry point: runs the command line and returns its exit code.

fn main() -> std::process::ExitCode {
    salon::cli::run(std::env::args_os())
}

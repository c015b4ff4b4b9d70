//! Arguments of `serve`.

use clap::Args;

/// Arguments of `serve`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each field is an independent flag")]
pub struct ServeArgs {
    /// Serve one client over stdin and stdout instead of the socket
    #[arg(long, conflicts_with_all = ["detach", "stop"])]
    pub stdio: bool,

    /// With --stdio, the runs of the background process, which is started when it is needed
    #[arg(long, requires = "stdio")]
    pub shared: bool,

    /// Start it in the background and return
    #[arg(long, conflicts_with = "stop")]
    pub detach: bool,

    /// Stop the running one with its agents; queued prompts are held
    #[arg(long)]
    pub stop: bool,

    /// Leave the session of the terminal
    #[arg(long, hide = true)]
    pub in_background: bool,
}

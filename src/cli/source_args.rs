//! Arguments of the commands that manage other machines and containers.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// Arguments of `source`.
#[derive(Args, Debug)]
pub struct SourceArgs {
    /// Command
    #[command(subcommand)]
    pub command: SourceCommand,
}

/// Commands of `source`.
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// Add a machine or container to the configuration
    Add(AddSourceArgs),
    /// List the configured machines and containers
    List(ListSourcesArgs),
    /// Name hosts of ~/.ssh/config and running containers that could be added; contacts none of them
    Discover(ListSourcesArgs),
    /// Remove a machine or container from the configuration; nothing changes there
    Remove(NamedSourceArgs),
    /// Connect to machines and containers, and report what is found
    Test(TestSourcesArgs),
    /// Start the container of a source, or answer what ssh asks: a passphrase, a code, or the key of a new host
    Connect(NamedSourceArgs),
    /// Copy salon to a machine or container, into ~/.local/share/salon/bin
    Install(InstallSourceArgs),
}

impl SourceCommand {
    /// Returns true if the output is JSON.
    pub fn json(&self) -> bool {
        match self {
            Self::Add(args) => args.json,
            Self::List(args) | Self::Discover(args) => args.json,
            Self::Remove(args) | Self::Connect(args) => args.json,
            Self::Install(args) => args.json,
            Self::Test(args) => args.json,
        }
    }
}

/// Arguments of `source add`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("way").required(true))]
pub struct AddSourceArgs {
    /// Name, which is written before the ids of its sessions
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Destination of ssh, such as me@box or a host of ~/.ssh/config
    #[arg(long, value_name = "DESTINATION", group = "way")]
    pub ssh: Option<String>,

    /// Name of a Docker container
    #[arg(long, value_name = "CONTAINER", group = "way")]
    pub docker: Option<String>,

    /// Name of a Podman container
    #[arg(long, value_name = "CONTAINER", group = "way")]
    pub podman: Option<String>,

    /// Name of a Kubernetes pod
    #[arg(long, value_name = "POD", group = "way")]
    pub kubectl: Option<String>,

    /// Name of a service of Docker Compose
    #[arg(long, value_name = "SERVICE", group = "way")]
    pub compose: Option<String>,

    /// Folder of a development container
    #[arg(long, value_name = "FOLDER", group = "way")]
    pub devcontainer: Option<PathBuf>,

    /// Folder of the project of the service; the current one if it is not given
    #[arg(long, value_name = "FOLDER", requires = "compose")]
    pub directory: Option<PathBuf>,

    /// Path of salon there, if it is not in PATH
    #[arg(long, value_name = "PATH")]
    pub program: Option<String>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `source list` and `source discover`.
#[derive(Args, Debug)]
pub struct ListSourcesArgs {
    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `source remove` and `source connect`.
#[derive(Args, Debug)]
pub struct NamedSourceArgs {
    /// Name of the source
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `source install`.
#[derive(Args, Debug)]
pub struct InstallSourceArgs {
    /// Name of the source
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Program for that system and processor, such as the static one of a release, instead of this salon
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `source test`.
#[derive(Args, Debug)]
pub struct TestSourcesArgs {
    /// Names of sources; all if there is none
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Print one JSON object
    #[arg(short, long)]
    pub json: bool,
}

//! Arguments of `annotations`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::annotation_args::ChangeOutputArgs;

/// Arguments of `annotations`.
#[derive(Args, Debug)]
pub struct AnnotationsArgs {
    /// Action
    #[command(subcommand)]
    pub action: AnnotationsAction,
}

impl AnnotationsArgs {
    /// Returns true if the output is JSON.
    pub fn json(&self) -> bool {
        match &self.action {
            AnnotationsAction::Export(_) => true,
            AnnotationsAction::Import(args) => args.output.json,
        }
    }
}

/// Action on all annotations.
#[derive(Debug, Subcommand)]
pub enum AnnotationsAction {
    /// Print names, stars, tags and notes of all sessions as one JSON object
    Export(ExportedOutputArgs),
    /// Add the names, stars, tags and notes of an exported file
    Import(ImportArgs),
}

/// Arguments of `annotations export`.
#[derive(Args, Debug)]
pub struct ExportedOutputArgs {
    /// Print one JSON object, which is always done
    #[arg(short, long)]
    pub json: bool,
}

/// Arguments of `annotations import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// Exported file; `-` for stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,

    /// Output options
    #[command(flatten)]
    pub output: ChangeOutputArgs,
}

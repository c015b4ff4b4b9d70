//! Arguments of `export`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint};

use crate::domain::EntryKind;
use crate::domain::document::DocumentFormat;

/// Arguments of `export`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each field is an independent flag")]
pub struct ExportArgs {
    /// IDs of the sessions
    #[arg(value_name = "ID", required_unless_present = "query")]
    pub ids: Vec<String>,

    /// Select the sessions that match this query instead
    #[arg(long, value_name = "QUERY", conflicts_with = "ids")]
    pub query: Option<String>,

    /// Format of the documents
    #[arg(short, long, value_name = "FORMAT", default_value = "md", value_parser = format())]
    pub format: DocumentFormat,

    /// File of the document, or directory of several; without it, or with `-`, one document goes to stdout
    #[arg(short, long, value_name = "FILE | DIR", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,

    /// Only write entries of these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind())]
    pub include: Vec<EntryKind>,

    /// Write keys, tokens and passwords instead of masking them
    #[arg(long, visible_alias = "reveal-secrets")]
    pub no_mask: bool,

    /// Replace files that exist
    #[arg(long, requires = "output")]
    pub force: bool,

    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print what was written as one JSON object
    #[arg(short, long)]
    pub json: bool,
}

fn format() -> impl TypedValueParser<Value = DocumentFormat> {
    PossibleValuesParser::new(DocumentFormat::ALL.map(DocumentFormat::name))
        .map(|name| DocumentFormat::ALL.into_iter().find(|format| format.name() == name).unwrap_or_default())
}

fn kind() -> impl TypedValueParser<Value = EntryKind> {
    PossibleValuesParser::new(EntryKind::ALL.map(EntryKind::name))
        .try_map(|name| EntryKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or("unknown kind of entries"))
}

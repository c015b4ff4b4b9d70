//! `salon config`: prints the effective configuration, each key with its default and description.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::args::OutputArgs;
use super::context::CliContext;
use super::error::CliError;
use super::json::{IssueJson, SCHEMA_VERSION};
use super::output;
use crate::config::describe::{DescribedSetting, describe};

#[derive(Serialize)]
struct Answer<'a> {
    schema_version: u32,
    #[serde(serialize_with = "super::json::lossy")]
    path: &'a Path,
    settings: Vec<Setting<'a>>,
    issues: Vec<IssueJson<'a>>,
}

#[derive(Serialize)]
struct Setting<'a> {
    key: &'a str,
    value: &'a toml::Value,
    default: &'a toml::Value,
    description: &'a str,
}

/// Prints the effective configuration as JSON or as a valid `config.toml`.
pub(super) fn run(context: &CliContext, args: &OutputArgs) -> Result<ExitCode, CliError> {
    let described = describe(&context.config_text);
    let mut out = output::stdout();
    if args.json {
        let settings = described.iter().map(Setting::from).collect();
        let issues = context.issues.iter().map(IssueJson::from).collect();
        output::json(
            &mut out,
            &Answer { schema_version: SCHEMA_VERSION, path: &context.config_file, settings, issues },
        )?;
    } else {
        print(&mut out, &described)?;
        out.flush()?;
        let mut err = io::stderr().lock();
        for issue in &context.issues {
            writeln!(err, "salon: {}", IssueJson::from(issue).to_line())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, described: &[DescribedSetting]) -> io::Result<()> {
    let mut table = String::new();
    for setting in described {
        let (of, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
        if of != table {
            writeln!(out, "[{of}]\n")?;
            of.clone_into(&mut table);
        }
        writeln!(out, "# {}", setting.about)?;
        if setting.value != setting.default {
            writeln!(out, "# Default: {}", setting.default)?;
        }
        writeln!(out, "{name} = {}\n", setting.value)?;
    }
    Ok(())
}

impl<'a> From<&'a DescribedSetting> for Setting<'a> {
    fn from(described: &'a DescribedSetting) -> Self {
        let DescribedSetting { key, value, default, about } = described;
        Self { key, value, default, description: about }
    }
}

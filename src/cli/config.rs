//! `salon config`: the configuration in effect, every key with its default and what it is for.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::args::PlainArgs;
use super::context::Context;
use super::failure::Failure;
use super::json::{Issue, SCHEMA_VERSION};
use super::output;
use crate::config::describe::{Described, describe};

#[derive(Serialize)]
struct Answer<'a> {
    schema_version: u32,
    path: &'a Path,
    settings: Vec<Setting<'a>>,
    issues: Vec<Issue<'a>>,
}

#[derive(Serialize)]
struct Setting<'a> {
    key: &'a str,
    value: &'a toml::Value,
    default: &'a toml::Value,
    description: &'a str,
}

/// Prints it: as a `config.toml` in which every line is what is in force.
pub fn run(context: &Context, args: &PlainArgs) -> Result<ExitCode, Failure> {
    let described = describe(&context.config_text);
    let mut out = output::stdout();
    if args.json {
        let settings = described.iter().map(Setting::from).collect();
        let issues = context.issues.iter().map(Issue::from).collect();
        output::json(
            &mut out,
            &Answer { schema_version: SCHEMA_VERSION, path: &context.config_file, settings, issues },
        )?;
    } else {
        print(&mut out, &described)?;
        out.flush()?;
        let mut err = io::stderr().lock();
        for issue in &context.issues {
            writeln!(err, "salon: {}", Issue::from(issue).words())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, described: &[Described]) -> io::Result<()> {
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

impl<'a> From<&'a Described> for Setting<'a> {
    fn from(described: &'a Described) -> Self {
        let Described { key, value, default, about } = described;
        Self { key, value, default, description: about }
    }
}

//! `salon source`: adds, lists, removes and tests other machines and containers.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde::Serialize;
use toml::{Table, Value};

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::source_args::{AddSourceArgs, NamedSourceArgs, SourceArgs, SourceCommand, TestSourcesArgs};
use super::source_discover::FoundSource;
use super::{output, remote, source_discover, source_install};
use crate::config::paths::create_private_dir;
use crate::config::sources;
use crate::domain::remote::{LIMITED, RemoteSource, RemoteState};
use crate::remote::collect::CollectedSource;
use crate::remote::command;
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::text::one_line;

#[derive(Serialize)]
struct SourceJson<'a> {
    name: &'a str,
    kind: &'static str,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

#[derive(Serialize)]
struct SourcesJson<'a> {
    schema_version: u32,
    sources: Vec<SourceJson<'a>>,
}

/// Runs a command on sources.
pub(super) fn run(context: &CliContext, args: &SourceArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        SourceCommand::Add(args) => add(context, args),
        SourceCommand::List(args) => {
            let sources: Vec<_> = context.settings.sources.iter().map(describe).collect();
            if sources.is_empty() && !args.json {
                output::note("there is no source; salon source discover finds machines and containers")?;
            }
            print(sources, args.json)
        }
        SourceCommand::Discover(args) => {
            let found = source_discover::discover(context);
            let row = |found: &FoundSource| SourceJson {
                name: "",
                kind: found.kind,
                target: found.target.clone(),
                state: None,
                reason: None,
                sessions: None,
                duration_ms: None,
            };
            print(found.iter().map(row).collect(), args.json)?;
            if found.is_empty() && !args.json {
                output::note("no host of ~/.ssh/config and no running container is found")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        SourceCommand::Remove(args) => remove(context, args),
        SourceCommand::Test(args) => test(context, args),
        SourceCommand::Connect(args) => connect(context, args),
        SourceCommand::Install(args) => {
            let source = named(context, &args.name)?;
            let version = source_install::install(source, args.program.as_deref(), &context.paths.programs())?;
            print(vec![SourceJson { state: Some("installed"), reason: Some(version), ..describe(source) }], args.json)
        }
    }
}

fn describe(source: &RemoteSource) -> SourceJson<'_> {
    let (kind, target) = (source.transport.kind(), source.transport.target());
    SourceJson { name: &source.name, kind, target, state: None, reason: None, sessions: None, duration_ms: None }
}

fn print(sources: Vec<SourceJson>, json: bool) -> Result<ExitCode, CliError> {
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &SourcesJson { schema_version: SCHEMA_VERSION, sources })?;
        return Ok(ExitCode::SUCCESS);
    }
    for source in &sources {
        let name = Some(source.name.to_owned()).filter(|name| !name.is_empty());
        let mut cells: Vec<_> = name.into_iter().chain([source.kind.to_owned(), one_line(&source.target)]).collect();
        cells.extend(source.state.map(str::to_owned));
        cells.extend(source.sessions.map(|count| output::counted(count, "session")));
        cells.extend(source.duration_ms.map(|millis| format!("{millis} ms")));
        cells.extend(source.reason.as_deref().map(one_line));
        writeln!(out, "{}", cells.join("\t"))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the source with a name.
fn named<'a>(context: &'a CliContext, name: &str) -> Result<&'a RemoteSource, CliError> {
    let found = context.settings.sources.iter().find(|source| *source.name == *name);
    found.ok_or_else(|| CliError::new(CliErrorCode::NotFound, no_source(name)))
}

fn no_source(name: &str) -> String {
    format!("there is no source \"{name}\"; salon source list shows all")
}

/// Appends a table to the configuration, whose other text stays as it is.
fn add(context: &CliContext, args: &AddSourceArgs) -> Result<ExitCode, CliError> {
    let wrong = |reason: String| CliError::new(CliErrorCode::Usage, format!("{}: {reason}", args.name));
    if context.settings.sources.iter().any(|source| *source.name == *args.name) {
        return Err(wrong("there is a source with this name; remove it first".to_owned()));
    }
    let folder = |folder: &Path| -> Result<_, CliError> {
        let path = std::path::absolute(folder).and_then(|path| path.canonicalize());
        let path = path.map_err(|error| wrong(format!("{}: {error}", folder.display())))?;
        Ok(Some(path.to_string_lossy().into_owned()))
    };
    let directory = match (&args.compose, &args.directory) {
        (None, _) => None,
        (Some(_), directory) => folder(directory.as_deref().unwrap_or(Path::new(".")))?,
    };
    let devcontainer = args.devcontainer.as_deref().map_or(Ok(None), folder)?;
    let ways = [("ssh", &args.ssh), ("docker", &args.docker), ("podman", &args.podman), ("kubectl", &args.kubectl)];
    let ways = ways.into_iter().chain([("compose", &args.compose), ("devcontainer", &devcontainer)]);
    let mut table = Table::new();
    for (name, value) in ways.chain([("directory", &directory), ("program", &args.program)]) {
        if let Some(value) = value {
            table.insert(name.to_owned(), Value::String(value.clone()));
        }
    }
    let source = sources::read(&args.name, &Value::Table(table.clone())).map_err(wrong)?;
    let (before, end) = (context.config_text.as_str(), if context.config_text.is_empty() { "" } else { "\n" });
    let text = format!("{}{end}[sources.{}]\n{table}", ensure_line_end(before), toml_key(&args.name));
    write(context, &text, |table| defined(table, &args.name))?;
    print(vec![describe(&source)], args.json)
}

/// Removes a table from the configuration.
fn remove(context: &CliContext, args: &NamedSourceArgs) -> Result<ExitCode, CliError> {
    let source = named(context, &args.name)?;
    let headings = [format!("[sources.{}]", args.name), format!("[sources.{}]", toml_key(&args.name))];
    let mut kept = String::new();
    let mut is_removed = false;
    for line in context.config_text.split_inclusive('\n') {
        let line_text = line.trim();
        if line_text.starts_with('[') {
            is_removed = headings.iter().any(|heading| line_text == heading);
        }
        if !is_removed {
            kept.push_str(line);
        }
    }
    write(context, &kept, |table| !defined(table, &args.name))?;
    print(vec![describe(source)], args.json)
}

/// Writes the configuration, if the result is as it should be.
fn write(context: &CliContext, text: &str, is_right: impl Fn(&Table) -> bool) -> Result<(), CliError> {
    let file = &context.config_file;
    if !text.parse::<Table>().is_ok_and(|table| is_right(&table)) {
        let message = format!("{} has another form than expected; edit it yourself", file.display());
        return Err(CliError::new(CliErrorCode::Failed, message));
    }
    let failed = |error: std::io::Error| CliError::new(CliErrorCode::Failed, format!("{}: {error}", file.display()));
    // What could not be read is not replaced by what is known of it.
    if let Err(error) = files::read_text(file, SizeLimit::CONFIG)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    // A link to a file elsewhere stays one.
    let target = file.canonicalize().unwrap_or_else(|_| file.clone());
    let dir = target.parent().map(Path::to_owned).unwrap_or_default();
    create_private_dir(&dir).map_err(failed)?;
    let mut temporary = tempfile::NamedTempFile::new_in(&dir).map_err(failed)?;
    temporary.write_all(text.as_bytes()).and_then(|()| temporary.as_file().sync_all()).map_err(failed)?;
    temporary.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
}

fn defined(table: &Table, name: &str) -> bool {
    table.get("sources").and_then(Value::as_table).is_some_and(|sources| sources.contains_key(name))
}

/// Writes a name as a key: a dot must be quoted.
fn toml_key(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

fn ensure_line_end(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// Starts the container of a source, or opens a connection of ssh that salon shares.
fn connect(context: &CliContext, args: &NamedSourceArgs) -> Result<ExitCode, CliError> {
    let source = named(context, &args.name)?;
    let Some(argv) = command::prepare(source) else {
        let message = format!("{} cannot be started or unlocked from here", source.name);
        return Err(CliError::new(CliErrorCode::Unavailable, message));
    };
    create_private_dir(&context.paths.runtime)?;
    let mut program = Command::new(&argv[0]);
    program.args(&argv[1..]);
    if args.json {
        // Only the report is output.
        program.stdout(std::io::stderr());
    }
    let failed = |error| CliError::new(CliErrorCode::Unavailable, format!("cannot start {}: {error}", argv[0]));
    if !program.status().map_err(failed)?.success() {
        return Err(CliError::new(CliErrorCode::Unavailable, format!("{} is not connected", source.name)));
    }
    test(context, &TestSourcesArgs { names: vec![args.name.clone()], json: args.json })
}

/// Connects to sources and reports what is found.
fn test(context: &CliContext, args: &TestSourcesArgs) -> Result<ExitCode, CliError> {
    let sources = &context.settings.sources;
    let is_known = |name: &&String| sources.iter().any(|source| *source.name == ***name);
    if let Some(unknown) = args.names.iter().find(|name| !is_known(name)) {
        return Err(CliError::new(CliErrorCode::NotFound, no_source(unknown)));
    }
    let wanted = |source: &&RemoteSource| args.names.is_empty() || args.names.iter().any(|name| *name == *source.name);
    let mut reports = Vec::new();
    let mut is_good = true;
    for source in sources.iter().filter(wanted) {
        let before = context.clock.now();
        let collected = remote::begin(context, vec![source.clone()], None)?.wait()?;
        let Some(found) = collected.first() else { continue };
        is_good &= found.status.state.is_connected() && found.is_complete;
        reports.push(report(source, found, remote::millis(before, context.clock.now())));
    }
    print(reports, args.json)?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report<'a>(source: &'a RemoteSource, found: &CollectedSource, duration: u64) -> SourceJson<'a> {
    let reason = match &found.status.state {
        RemoteState::Offline { failure, .. } => Some(failure.to_string()),
        RemoteState::Limited => Some(LIMITED.to_owned()),
        RemoteState::Connecting | RemoteState::Connected => None,
    };
    let is_connected = found.status.state.is_connected();
    SourceJson {
        state: Some(found.status.state.label()),
        reason,
        sessions: is_connected.then_some(found.sessions.len()),
        duration_ms: is_connected.then_some(duration),
        ..describe(source)
    }
}

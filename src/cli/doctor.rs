//! `salon doctor`: reports roots, installed agents, the cache, the file watcher, and problems.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::args::DoctorArgs;
use super::backends::{self, BackendJson};
use super::context::CliContext;
use super::error::CliError;
use super::json::{IssueJson, SCHEMA_VERSION};
use super::model_lists::{self, ModelListJson};
use super::output::OutputStyle;
use super::sessions::LoadedSessions;
use super::{output, sessions, state};
use crate::agent::{self, inventory::Inventory};
use crate::domain::{Agent, Issue, units};
use crate::index::{self, Index, IndexEvent, RootReport, WatchState};
use crate::runtime::programs;
use crate::stdx::program;
use crate::stdx::text::{self, one_line};
use crate::store::preferences;

/// Maximum time to wait for the index to start watching files.
const WATCH_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    version: &'static str,
    roots: Vec<Root>,
    agents: Vec<Installed>,
    cache: Cache,
    watch: Watch,
    backends: Vec<BackendJson>,
    model_lists: Vec<ModelListJson>,
    issues: Vec<IssueJson<'a>>,
}

#[derive(Serialize)]
struct Root {
    agent: &'static str,
    #[serde(serialize_with = "super::json::lossy")]
    path: PathBuf,
    found: bool,
    sessions: usize,
    format: Option<String>,
    /// True for copies of kept sessions.
    #[serde(skip)]
    is_archive: bool,
}

impl Root {
    /// Describes the sessions: `21 sessions (jsonl)`.
    fn contents(&self) -> String {
        match (self.found, &self.format) {
            (false, _) => "not found".to_owned(),
            (true, None) if self.is_archive => "copies of kept sessions".to_owned(),
            (true, None) => "no sessions".to_owned(),
            (true, Some(format)) => format!("{} ({format})", units::count(self.sessions, "session", "sessions")),
        }
    }
}

#[derive(Serialize)]
struct Installed {
    agent: &'static str,
    program: Option<String>,
    version: Option<String>,
}

#[derive(Serialize)]
struct Cache {
    #[serde(serialize_with = "super::json::lossy")]
    path: PathBuf,
    bytes: u64,
    age_ms: Option<i64>,
    sessions: usize,
}

#[derive(Serialize)]
struct Watch {
    kind: Option<&'static str>,
    paths: usize,
}

/// Checks the installation and prints a report.
pub(super) fn run(context: &CliContext, args: &DoctorArgs) -> Result<ExitCode, CliError> {
    if args.unknown {
        return unknown(context, args);
    }
    // Before the sessions are loaded, which updates the cache.
    let age_ms = cache_age(&context.paths.cache);
    let mut loaded = LoadedSessions::read(context);
    let found = index::report(&loaded.roots, &loaded.all);
    let (agents, watch) = std::thread::scope(|scope| {
        let agents = scope.spawn(|| installed(context.environment.var("PATH")));
        let watch = watch(context, &found);
        (agents.join().unwrap_or_default(), watch)
    });
    let unread = loaded.roots.iter().flat_map(|root| agent::unread::find(root, &loaded.units));
    let problem = state::problem(context);
    // One row about the database says more than two.
    loaded.issues.retain(|issue| problem.as_ref().is_none_or(|problem| problem.path != issue.path));
    let unread: Vec<Issue> = unread.chain(problem).collect();
    // A report without them is better than none.
    let choices = preferences::read_all(&context.paths.state_db()).unwrap_or_default();
    let now = context.clock.now();
    let report = Report {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        roots: roots(&loaded, &found),
        agents,
        cache: cache(&loaded, &context.paths.cache, age_ms),
        watch,
        backends: backends::of_choices(&choices, now),
        model_lists: model_lists::of_choices(&choices, now),
        issues: loaded.issues.iter().chain(&unread).map(IssueJson::from).collect(),
    };
    if args.json {
        output::json(&mut output::stdout(), &report)?;
    } else {
        print(context.style, &report)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct UnknownReport<'a> {
    schema_version: u32,
    version: &'static str,
    unknown: Vec<UnknownJson<'a>>,
}

#[derive(Serialize)]
struct UnknownJson<'a> {
    agent: &'static str,
    kind: &'a str,
    field: Option<&'a str>,
    count: u64,
}

/// Prints the kinds and fields that this version does not know.
fn unknown(context: &CliContext, args: &DoctorArgs) -> Result<ExitCode, CliError> {
    let loaded = LoadedSessions::read(context);
    let mut inventory = Inventory::default();
    loaded.units.iter().for_each(|source| inventory.add(source));
    let unknown = inventory.unknown().map(|(unknown, count)| UnknownJson {
        agent: unknown.agent.name(),
        kind: &unknown.kind,
        field: unknown.field.as_deref(),
        count,
    });
    let unknown: Vec<UnknownJson<'_>> = unknown.collect();
    let mut out = output::stdout();
    if args.json {
        let version = env!("CARGO_PKG_VERSION");
        output::json(&mut out, &UnknownReport { schema_version: SCHEMA_VERSION, version, unknown })?;
        return Ok(ExitCode::SUCCESS);
    }
    if unknown.is_empty() {
        writeln!(out, "This version knows all kinds and fields of the records.")?;
    }
    for UnknownJson { agent, kind, field, count } in unknown {
        let field = field.map(|field| format!("  field {field}")).unwrap_or_default();
        writeln!(out, "{agent:<9} {kind}{field}  {count}")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn roots(loaded: &LoadedSessions, found: &[RootReport]) -> Vec<Root> {
    let of = |root: &RootReport| Root {
        agent: root.agent.name(),
        path: root.path.clone(),
        found: root.found,
        sessions: root.sessions,
        format: storage(loaded, root.agent, &root.path),
        is_archive: loaded.roots.iter().any(|of| of.path == root.path && of.origin.is_some()),
    };
    found.iter().map(of).collect()
}

/// Storage format of a root's sessions, derived from file extensions.
fn storage(loaded: &LoadedSessions, agent: Agent, root: &Path) -> Option<String> {
    let of_root = loaded.all.iter().filter(|session| session.key.agent == agent && session.path.starts_with(root));
    let kinds: BTreeSet<&str> = of_root
        .filter_map(|session| match session.path.extension()?.to_str()? {
            "db" => Some("sqlite"),
            "jsonl" => Some("jsonl"),
            "json" => Some("json"),
            "zst" => Some("zst"),
            _ => None,
        })
        .collect();
    (!kinds.is_empty()).then(|| kinds.into_iter().collect::<Vec<_>>().join("+"))
}

fn installed(path: Option<&str>) -> Vec<Installed> {
    let agents = Agent::all().into_iter();
    let found: Vec<_> = agents.map(|agent| (agent, program::find(agent.program(), path))).collect();
    // The version of a configured agent is unknown until it runs: its program may have no option for it.
    let has_version = |agent: Agent| !matches!(agent, Agent::Configured(_));
    let queries: Vec<_> = found
        .iter()
        .filter(|(agent, _)| has_version(*agent))
        .filter_map(|(agent, file)| Some((file.clone()?, agent::format(*agent).version_args())))
        .collect();
    let mut versions = programs::versions(&queries).into_iter();
    found
        .into_iter()
        .map(|(agent, program)| {
            let version = program.as_ref().filter(|_| has_version(agent)).and_then(|_| versions.next().flatten());
            let program = program.map(|file| file.to_string_lossy().into_owned());
            Installed { agent: agent.name(), program, version }
        })
        .collect()
}

fn cache(loaded: &LoadedSessions, dir: &Path, age_ms: Option<i64>) -> Cache {
    let path = loaded.cache.clone().unwrap_or_else(|| dir.to_owned());
    let bytes = files(dir).map(|file| file.len()).sum();
    Cache { path, bytes, age_ms, sessions: loaded.all.len() }
}

/// Milliseconds since the cache was last written; `None` if there is no cache.
fn cache_age(dir: &Path) -> Option<i64> {
    let newest = files(dir).filter_map(|file| file.modified().ok()).max()?;
    i64::try_from(newest.elapsed().unwrap_or_default().as_millis()).ok()
}

fn files(dir: &Path) -> impl Iterator<Item = std::fs::Metadata> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).filter(std::fs::Metadata::is_file)
}

/// Starts the index to find out how it watches files.
fn watch(context: &CliContext, found: &[RootReport]) -> Watch {
    let (index, mut events) = Index::start(sessions::options(context));
    let watching = async {
        while let Some(event) = events.recv().await {
            if let IndexEvent::Watch(state) = event {
                return Some(state);
            }
        }
        None
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok();
    let state = runtime.and_then(|runtime| {
        runtime.block_on(async { tokio::time::timeout(WATCH_TIMEOUT, watching).await.ok().flatten() })
    });
    index.stop();
    match state {
        Some(WatchState::Native { paths }) => Watch { kind: Some("native"), paths },
        Some(WatchState::Poll { .. }) => {
            Watch { kind: Some("poll"), paths: found.iter().filter(|root| root.found).count() }
        }
        None => Watch { kind: None, paths: 0 },
    }
}

fn print(style: OutputStyle, report: &Report) -> io::Result<()> {
    let mut out = output::stdout();
    writeln!(out, "salon {}\n\n{}", report.version, style.bold("Roots"))?;
    let roots: Vec<_> = report.roots.iter().map(|root| (root, root.contents())).collect();
    let width = roots.iter().map(|(_, contents)| contents.len()).max().unwrap_or(0);
    for (root, contents) in &roots {
        writeln!(out, "  {:<9} {contents:<width$}  {}", root.agent, root.path.display())?;
    }
    writeln!(out, "\n{}", style.bold("Agents on PATH"))?;
    let version = |program: &Installed| program.version.clone().unwrap_or_else(|| "unknown version".to_owned());
    let installed = report.agents.iter().filter(|program| program.program.is_some());
    let width = installed.map(|program| text::width(&version(program))).max().unwrap_or(0);
    for program in &report.agents {
        match &program.program {
            None => writeln!(out, "  {:<9} not found", program.agent)?,
            Some(file) => writeln!(out, "  {:<9} {:<width$}  {file}", program.agent, version(program))?,
        }
    }
    let Cache { path, bytes, age_ms, sessions } = &report.cache;
    let written = |age| format!("written {}", output::age_ago(age));
    let age = age_ms.map_or_else(|| "created just now".to_owned(), written);
    let heading = style.bold("Cache");
    writeln!(
        out,
        "\n{heading}\n  {}  {}, {}, {age}",
        path.display(),
        units::count(*sessions, "session", "sessions"),
        units::bytes(*bytes)
    )?;
    let kind = report.watch.kind.unwrap_or("unknown");
    writeln!(out, "\n{}\n  {kind}, {}", style.bold("Watch"), units::count(report.watch.paths, "path", "paths"))?;
    let missing = missing(report);
    backends::print(&mut out, style, &report.backends)?;
    model_lists::print(&mut out, style, &report.model_lists)?;
    if report.issues.is_empty() && missing.is_empty() {
        writeln!(out, "\n{}", style.green("No problems found."))?;
    } else {
        writeln!(out, "\n{}", style.yellow("Problems"))?;
        for line in missing.iter().map(|line| (*line).to_owned()).chain(report.issues.iter().map(IssueJson::to_line)) {
            writeln!(out, "  {}", one_line(&line))?;
        }
    }
    out.flush()
}

/// Names what is needed for salon to be of use and was not found.
fn missing(report: &Report) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if report.agents.iter().all(|agent| agent.program.is_none()) {
        missing.push("No agent is on PATH: sessions can be read and searched, but not started or continued.");
    }
    if report.roots.iter().all(|root| root.sessions == 0) {
        missing.push("No sessions were found. `salon demo` shows the screen on invented ones.");
    }
    missing
}

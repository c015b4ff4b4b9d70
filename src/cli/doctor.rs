//! `salon doctor`: which roots were found, which agents are installed, what the cache holds, what is wrong.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::args::PlainArgs;
use super::context::Context;
use super::failure::Failure;
use super::history::History;
use super::json::{Issue, SCHEMA_VERSION};
use super::{history, output};
use crate::agent;
use crate::domain::Agent;
use crate::index;
use crate::runtime::programs;
use crate::stdx::text::one_line;

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    version: &'static str,
    roots: Vec<Root>,
    agents: Vec<Program>,
    cache: Cache,
    watch: Watch,
    issues: Vec<Issue<'a>>,
}

#[derive(Serialize)]
struct Root {
    agent: &'static str,
    path: PathBuf,
    found: bool,
    sessions: usize,
    format: Option<String>,
}

#[derive(Serialize)]
struct Program {
    agent: &'static str,
    program: Option<PathBuf>,
    version: Option<String>,
}

#[derive(Serialize)]
struct Cache {
    path: PathBuf,
    bytes: u64,
    age_ms: Option<i64>,
    sessions: usize,
}

#[derive(Serialize)]
struct Watch {
    kind: &'static str,
    paths: usize,
}

/// Tells what was found.
pub fn run(context: &Context, args: &PlainArgs) -> Result<ExitCode, Failure> {
    // As it was found: reading the history below brings it up to date.
    let cache = cache(context);
    let history = History::read(context);
    let report = Report {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        roots: roots(&history),
        agents: installed(context.environment.var("PATH")),
        cache: Cache { sessions: history.all.len(), ..cache },
        watch: watch(context),
        issues: history.issues.iter().map(Issue::from).collect(),
    };
    if args.json {
        output::json(&mut output::stdout(), &report)?;
    } else {
        answer(&report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn roots(history: &History) -> Vec<Root> {
    let of = |root: &index::RootReport| Root {
        agent: root.agent.name(),
        path: root.path.clone(),
        found: root.found,
        sessions: root.sessions,
        format: storage(history, root.agent, &root.path),
    };
    history.roots.iter().map(of).collect()
}

/// How a root's sessions are stored, by what their files are.
fn storage(history: &History, agent: Agent, root: &Path) -> Option<String> {
    let of_root = history.all.iter().filter(|session| session.key.agent == agent && session.path.starts_with(root));
    let kinds: BTreeSet<&str> = of_root
        .filter_map(|session| match session.path.extension()?.to_str()? {
            "db" => Some("sqlite"),
            "jsonl" => Some("jsonl"),
            "json" => Some("json"),
            _ => None,
        })
        .collect();
    (!kinds.is_empty()).then(|| kinds.into_iter().collect::<Vec<_>>().join("+"))
}

fn installed(path: Option<&str>) -> Vec<Program> {
    let found = Agent::ALL.map(|agent| (agent, programs::find(agent.name(), path)));
    let asked: Vec<_> =
        found.iter().filter_map(|(agent, file)| Some((file.clone()?, agent::format(*agent).version_args()))).collect();
    let mut versions = programs::versions(&asked).into_iter();
    found
        .into_iter()
        .map(|(agent, program)| {
            let version = program.as_ref().and_then(|_| versions.next().flatten());
            Program { agent: agent.name(), program, version }
        })
        .collect()
}

fn cache(context: &Context) -> Cache {
    let path = context.paths.cache.clone();
    let files: Vec<_> = std::fs::read_dir(&path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .collect();
    let newest = files.iter().filter_map(|file| file.modified().ok()).max();
    let age_ms = newest.and_then(|time| i64::try_from(time.elapsed().unwrap_or_default().as_millis()).ok());
    Cache { path, bytes: files.iter().map(std::fs::Metadata::len).sum(), age_ms, sessions: 0 }
}

fn watch(_context: &Context) -> Watch {
    Watch { kind: "native", paths: 0 }
}

fn answer(report: &Report) -> io::Result<()> {
    let mut out = output::stdout();
    writeln!(out, "salon {}\n\nRoots", report.version)?;
    for root in &report.roots {
        let what = match (root.found, &root.format) {
            (false, _) => "not there".to_owned(),
            (true, None) => "no sessions".to_owned(),
            (true, Some(format)) => format!("{} sessions ({format})", root.sessions),
        };
        writeln!(out, "  {:<9} {}  {what}", root.agent, root.path.display())?;
    }
    writeln!(out, "\nAgents on PATH")?;
    for program in &report.agents {
        match &program.program {
            None => writeln!(out, "  {:<9} not found", program.agent)?,
            Some(file) => {
                let version = program.version.as_deref().unwrap_or("does not tell its version");
                writeln!(out, "  {:<9} {version}  {}", program.agent, file.display())?;
            }
        }
    }
    let Cache { path, bytes, age_ms, sessions } = &report.cache;
    let age = age_ms.map_or_else(|| "made just now".to_owned(), |age| format!("{} s old", age / 1000));
    writeln!(out, "\nCache\n  {}  {sessions} sessions, {} KiB, {age}", path.display(), bytes / 1024)?;
    writeln!(out, "\nWatch\n  {}, {} paths", report.watch.kind, report.watch.paths)?;
    if report.issues.is_empty() {
        writeln!(out, "\nNothing is wrong.")?;
    } else {
        writeln!(out, "\nIssues")?;
        for issue in &report.issues {
            writeln!(out, "  {}", one_line(&issue.words()))?;
        }
    }
    out.flush()
}

/// What the index is told; here so that `doctor` asks exactly what the others ask.
#[expect(unused, reason = "replaced when the index can tell its watch")]
fn options(context: &Context) -> index::Options {
    history::options(context)
}

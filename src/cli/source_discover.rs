//! `salon source discover`: names machines and containers that could be added. Nothing is contacted or changed.

use std::path::Path;
use std::process::{Command, Stdio};

use super::context::CliContext;
use crate::domain::remote::ContainerEngine;
use crate::stdx::files::{self, SizeLimit};

/// A machine or container that could be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundSource {
    /// Name of the setting.
    pub kind: &'static str,
    /// Destination or container.
    pub target: String,
}

/// Returns the hosts that the configuration of ssh names, and the running containers.
pub(super) fn discover(context: &CliContext) -> Vec<FoundSource> {
    let mut found = Vec::new();
    // Without a configuration there are no named hosts.
    let text = files::read_text(&context.environment.home.join(".ssh/config"), SizeLimit::CONFIG).unwrap_or_default();
    found.extend(hosts(&text).into_iter().map(|target| FoundSource { kind: "ssh", target }));
    for engine in [ContainerEngine::Docker, ContainerEngine::Podman] {
        let program = crate::stdx::program::find(engine.program(), context.environment.var("PATH"));
        let names = program.map(|program| containers(&program)).unwrap_or_default();
        found.extend(names.into_iter().map(|target| FoundSource { kind: engine.program(), target }));
    }
    let is_known = |source: &FoundSource| {
        let mut configured = context.settings.sources.iter().map(|source| &source.transport);
        configured.any(|transport| transport.kind() == source.kind && transport.target() == source.target)
    };
    found.retain(|source| !is_known(source));
    found
}

/// Hosts of a configuration of ssh, without patterns.
fn hosts(text: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next().is_some_and(|word| word.eq_ignore_ascii_case("host")) {
            let names = words.take_while(|word| !word.starts_with('#'));
            hosts.extend(names.filter(|name| !name.contains(['*', '?', '!'])).map(str::to_owned));
        }
    }
    hosts
}

/// Names of the running containers; none if the engine does not answer.
fn containers(program: &Path) -> Vec<String> {
    let mut list = Command::new(program);
    list.args(["ps", "--format", "{{.Names}}"]).stdin(Stdio::null()).stderr(Stdio::null());
    let Ok(output) = list.output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
    if output.status.success() { names.collect() } else { Vec::new() }
}

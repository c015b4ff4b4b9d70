//! Session filter of a command, built from its options.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::context::CliContext;
use super::session_args::ScopeArgs;
use crate::domain::SessionKey;
use crate::domain::catalog::CatalogFilter;
use crate::index::Workspaces;
use crate::runtime::env;
use crate::store::registry;

/// Builds the filter from options; each command decides about `show_hidden`.
pub(super) fn filter(context: &CliContext, scope: &ScopeArgs, show_hidden: bool) -> CatalogFilter {
    let now = context.clock.now();
    let here = scope.here.then(env::current_dir).flatten();
    CatalogFilter {
        workspace: here.map(|dir| Workspaces::default().of(&dir.to_string_lossy().into())),
        show_hidden,
        own: own_sessions(context),
        contained: HashSet::new(),
        agents: scope.agents.clone(),
        dir: scope.dir.as_deref().map(|dir| absolute(context, dir).to_string_lossy().into_owned()),
        since: scope.since.map(|when| when.time(now)),
        until: scope.until.map(|when| when.time(now)),
    }
}

/// Returns the filter of the sessions that lists show by default.
pub(super) fn visible(context: &CliContext) -> CatalogFilter {
    CatalogFilter { own: own_sessions(context), ..CatalogFilter::default() }
}

/// Returns the sessions of salon's runs. Reads `state.db` without creating or changing it.
fn own_sessions(context: &CliContext) -> HashSet<SessionKey> {
    // A list without the registry is better than none.
    registry::read_sessions(&context.paths.state_db()).unwrap_or_default().into_iter().collect()
}

/// Resolves a directory to the form that sessions use: canonical, or only absolute if it does not exist.
fn absolute(context: &CliContext, dir: &Path) -> PathBuf {
    let dir = context.environment.expand(dir);
    let dir = env::current_dir().unwrap_or_default().join(dir);
    dir.canonicalize().unwrap_or_else(|_| dir.components().collect())
}

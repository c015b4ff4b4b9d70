//! Which sessions a command is about, from its options.

use std::path::{Path, PathBuf};

use super::args::Scope;
use super::context::Context;
use crate::domain::catalog::Filter;
use crate::index::Workspaces;
use crate::runtime::surroundings;

/// The filter that the options mean; `show_hidden` is the command's to say.
pub fn filter(context: &Context, scope: &Scope, show_hidden: bool) -> Filter {
    let now = context.clock.now();
    let here = scope.here.then(surroundings::current_dir).flatten();
    Filter {
        workspace: here.map(|dir| Workspaces::default().of(&dir.to_string_lossy().into())),
        show_hidden,
        own: std::collections::HashSet::new(),
        agents: scope.agents.clone(),
        dir: scope.dir.as_deref().map(|dir| absolute(context, dir).to_string_lossy().into_owned()),
        since: scope.since.map(|when| when.time(now)),
        until: scope.until.map(|when| when.time(now)),
    }
}

/// A directory as sessions name it: absolute, without `.` and `..`, links kept where it does not exist.
fn absolute(context: &Context, dir: &Path) -> PathBuf {
    let dir = context.environment.expand(dir);
    let dir = surroundings::current_dir().unwrap_or_default().join(dir);
    dir.canonicalize().unwrap_or_else(|_| dir.components().collect())
}

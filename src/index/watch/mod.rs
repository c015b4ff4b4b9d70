//! Notices changes on disk through the system's notifications. Says which paths changed, not what that means.
//!
//! Roots that do not exist yet are awaited at their nearest existing ancestor. Where the system has no notification left to
//! give, it says so and ends: then the index polls.

mod targets;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use self::targets::Targets;
use super::message::WatchState;
use super::options::Watching;
use crate::agent::Root;

/// What was noticed.
#[derive(Debug)]
pub(super) enum Sighting {
    /// Something happened to these paths.
    Paths(Vec<PathBuf>),
    /// Something happened, and it is not known to what: look at everything.
    Everything,
    /// How changes are noticed from now on.
    State(WatchState),
}

enum Raw {
    Event(notify::Result<notify::Event>),
    Stop,
}

/// The watch; ends when it is dropped.
pub(super) struct Watch(Sender<Raw>);

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself, having had to give up.
        drop(self.0.send(Raw::Stop));
    }
}

/// Begins to watch, on a thread of its own, since adding watches to a large tree takes a while.
pub(super) fn start(roots: &[Root], how: Watching, tell: impl Fn(Sighting) + Send + 'static) -> Watch {
    let (sender, raw) = channel();
    let targets = Targets::new(roots);
    let events = sender.clone();
    let work = move || {
        let reason = match how {
            Watching::Native => match run(targets, events, &raw, &tell) {
                Ok(()) => return,
                Err(error) => explain(&error),
            },
            Watching::Refused => "the system gives no notifications".to_owned(),
        };
        tell(Sighting::State(WatchState::Poll { reason }));
    };
    if let Err(error) = std::thread::Builder::new().name("index-watch".into()).spawn(work) {
        tracing::error!(%error, "there is no thread to watch for changes");
    }
    Watch(sender)
}

fn explain(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the limit of inotify watches is reached (raise fs.inotify.max_user_watches)".to_owned()
        }
        notify::ErrorKind::Generic(_)
        | notify::ErrorKind::Io(_)
        | notify::ErrorKind::PathNotFound
        | notify::ErrorKind::WatchNotFound
        | notify::ErrorKind::InvalidConfig(_) => error.to_string(),
    }
}

/// Watches until it is told to stop, or cannot go on.
fn run(
    mut targets: Targets,
    events: Sender<Raw>,
    raw: &Receiver<Raw>,
    tell: &impl Fn(Sighting),
) -> Result<(), notify::Error> {
    // The receiver lives as long as the watcher.
    let mut watcher = notify::recommended_watcher(move |event| drop(events.send(Raw::Event(event))))?;
    arm(&mut targets, &mut watcher)?;
    tell(Sighting::State(WatchState::Native { paths: targets.armed() }));
    // What changed while watches were added was perhaps not seen.
    tell(Sighting::Everything);
    while let Ok(Raw::Event(event)) = raw.recv() {
        let event = event?;
        if event.need_rescan() {
            tell(Sighting::Everything);
        }
        if !tells_of_change(event.kind) {
            continue;
        }
        if event.paths.iter().any(|path| targets.hang_on(path)) && comes_or_goes(event.kind) {
            event.paths.iter().for_each(|path| targets.disarm(path, |path| drop(watcher.unwatch(path))));
            arm(&mut targets, &mut watcher)?;
            tell(Sighting::State(WatchState::Native { paths: targets.armed() }));
            tell(Sighting::Everything);
        }
        let paths: Vec<_> = event.paths.into_iter().filter(|path| targets.cover(path)).collect();
        if !paths.is_empty() {
            tell(Sighting::Paths(paths));
        }
    }
    Ok(())
}

/// Brings the watches to where the targets are now. Repeated until nothing changes, since a directory may come into
/// being between the look and the watch.
fn arm(targets: &mut Targets, watcher: &mut RecommendedWatcher) -> Result<(), notify::Error> {
    loop {
        let plan = targets.plan();
        if plan.is_empty() {
            return Ok(());
        }
        for path in plan.remove {
            // It may have gone by itself, with its directory.
            drop(watcher.unwatch(&path));
        }
        for (path, tree) in plan.add {
            let mode = if tree { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            match watcher.watch(&path, mode) {
                Ok(()) => {}
                // Gone again since the look, or not for us to see: the next look plans anew.
                Err(error) if is_absence(&error) => targets.lost(&path),
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_absence(error: &notify::Error) -> bool {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => matches!(error.kind(), NotFound | PermissionDenied),
        notify::ErrorKind::Generic(_)
        | notify::ErrorKind::WatchNotFound
        | notify::ErrorKind::InvalidConfig(_)
        | notify::ErrorKind::MaxFilesWatch => false,
    }
}

/// Reading is no change; salon reads a lot itself.
fn tells_of_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn comes_or_goes(kind: EventKind) -> bool {
    matches!(kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
}

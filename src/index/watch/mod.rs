//! Watches files through the system's notifications. Reports changed paths without interpreting them.
//!
//! Missing roots are watched at their nearest existing ancestor. When the system has no watches left, the watcher
//! reports that and ends; then the index polls.

mod targets;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use self::targets::WatchTargets;
use super::message::WatchState;
use super::options::WatchMode;
use crate::agent::SourceRoot;

/// File system event.
#[derive(Debug)]
pub(super) enum FsEvent {
    /// These paths changed.
    Paths(Vec<PathBuf>),
    /// Unknown paths changed; everything must be rescanned.
    Everything,
    /// The way of change detection is now this one.
    State(WatchState),
}

enum WatchMessage {
    Event(notify::Result<notify::Event>),
    Stop,
}

/// Handle to the watcher thread; ends it when dropped.
pub(super) struct Watch(Sender<WatchMessage>);

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread may have ended already after an error.
        drop(self.0.send(WatchMessage::Stop));
    }
}

/// Starts the watcher on its own thread, since adding watches to a large tree takes a while.
pub(super) fn start(roots: &[SourceRoot], mode: WatchMode, sink: impl Fn(FsEvent) + Send + 'static) -> Watch {
    let (sender, raw) = channel();
    let targets = WatchTargets::new(roots);
    let events = sender.clone();
    let work = move || {
        let reason = match mode {
            WatchMode::Native => match run(targets, events, &raw, &sink) {
                Ok(()) => return,
                Err(error) => explain(&error),
            },
            WatchMode::Refused => "file system notifications are unavailable".to_owned(),
        };
        sink(FsEvent::State(WatchState::Poll { reason }));
    };
    if let Err(error) = std::thread::Builder::new().name("index-watch".into()).spawn(work) {
        tracing::error!(%error, "cannot start the watcher thread");
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

/// Watches until a stop message or an error.
fn run(
    mut targets: WatchTargets,
    events: Sender<WatchMessage>,
    raw: &Receiver<WatchMessage>,
    sink: &impl Fn(FsEvent),
) -> Result<(), notify::Error> {
    // The receiver lives as long as the watcher.
    let mut watcher = notify::recommended_watcher(move |event| drop(events.send(WatchMessage::Event(event))))?;
    set_watches(&mut targets, &mut watcher)?;
    sink(FsEvent::State(WatchState::Native { paths: targets.watched() }));
    // Changes before the last watch was added may be missed.
    sink(FsEvent::Everything);
    while let Ok(WatchMessage::Event(event)) = raw.recv() {
        let event = event?;
        if event.need_rescan() {
            sink(FsEvent::Everything);
        }
        if !is_change(event.kind) {
            continue;
        }
        if event.paths.iter().any(|path| targets.concern(path)) && is_create_or_remove(event.kind) {
            event.paths.iter().for_each(|path| targets.discard(path, |path| drop(watcher.unwatch(path))));
            set_watches(&mut targets, &mut watcher)?;
            sink(FsEvent::State(WatchState::Native { paths: targets.watched() }));
            sink(FsEvent::Everything);
        }
        let paths: Vec<_> = event.paths.into_iter().filter(|path| targets.cover(path)).collect();
        if !paths.is_empty() {
            sink(FsEvent::Paths(paths));
        }
    }
    Ok(())
}

/// Updates the watches to the current targets. Repeats until nothing changes, since a directory may be created between
/// the check and the watch.
fn set_watches(targets: &mut WatchTargets, watcher: &mut RecommendedWatcher) -> Result<(), notify::Error> {
    loop {
        let plan = targets.plan();
        if plan.is_empty() {
            return Ok(());
        }
        for path in plan.remove {
            // The watch may be gone already, with its directory.
            drop(watcher.unwatch(&path));
        }
        for (path, tree) in plan.add {
            let mode = if tree { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            match watcher.watch(&path, mode) {
                Ok(()) => {}
                // Removed since the check, or not readable: the next plan takes that into account.
                Err(error) if is_absence(&error) => targets.failed(&path),
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

/// Returns false for reads, since salon itself reads a lot.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn is_create_or_remove(kind: EventKind) -> bool {
    matches!(kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
}

//! Sessions of a machine without salon: a shell script there reads the files of agents, and an index here shows copies of
//! them.
//!
//! Only agents that keep sessions in files can be read so. The list has the newest files, of which the long ones are copied
//! by their ends; a session that is opened is copied as a whole, and followed while it is open. A search covers the copies.

mod mirror;
mod shell;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::RemoteOptions;
use crate::domain::Session;
use crate::serve::shared;
use crate::serve::{ServeReader, ServeWriter};
use mirror::{CopyPlan, Mirror, PartialCopies};
pub(super) use shell::SCRIPT;
use shell::{FileFacts, RemoteShell};

/// Maximum files, the newest first.
const MAX_FILES: usize = 2_000;

/// Name of the home directory over there in paths.
const HOME: &str = "~";

/// Files that are read with one round trip.
const BATCH: usize = 32;

/// Maximum bytes that are requested with one round trip.
const MAX_BATCH_BYTES: u64 = 16 << 20;

/// Time after which the list is shown although copies are missing.
const FIRST_COPIES: Duration = Duration::from_secs(8);

/// Interval between two checks of the files of open sessions.
const OPEN_INTERVAL: Duration = Duration::from_secs(2);

/// Interval between two lists of files.
const LIST_INTERVAL: Duration = Duration::from_mins(1);

/// Bytes that wait in each direction between the index and its client.
const BUFFER: usize = 256 << 10;

/// Request about the copies.
#[derive(Debug)]
enum CopyRequest {
    /// Copy the whole file, and follow it.
    Follow(PathBuf),
    /// Follow the file no longer.
    Unfollow(PathBuf),
    /// List the files again.
    Refresh,
}

/// Handle of the copies. The task ends with the connection.
#[derive(Debug)]
pub(super) struct FileCopies {
    requests: mpsc::UnboundedSender<CopyRequest>,
    partial: PartialCopies,
    /// Directory that stands for the home directory over there.
    home: PathBuf,
    /// Files of the open transcripts.
    open: HashMap<u64, PathBuf>,
}

/// Connects to the script. Returns the copies and the directions of a connection to their index.
pub(super) async fn connect(
    reader: impl AsyncRead + Unpin + Send + 'static,
    writer: impl AsyncWrite + Unpin + Send + 'static,
    (host, options): (&str, &RemoteOptions),
) -> io::Result<(FileCopies, ServeReader, ServeWriter)> {
    let mut shell = RemoteShell::begin(reader, writer, options.seed).await?;
    let cache = options.cache_dir.as_ref().map(|dir| dir.join("remote").join(format!("{host}.copies")));
    let mut copier = Copier { mirror: Mirror::open(cache)?, pending: VecDeque::new(), followed: HashSet::new() };
    copier.list(&mut shell).await?;
    let until = Instant::now() + FIRST_COPIES;
    while !copier.pending.is_empty() && Instant::now() < until {
        copier.copy(&mut shell).await?;
    }
    copier.mirror.save()?;
    let (requests, receiver) = mpsc::unbounded_channel();
    let (home, partial) = (copier.mirror.home(), copier.mirror.partial.clone());
    let (near, far) = tokio::io::duplex(BUFFER);
    let (index, zone) = (copier.mirror.index(), options.zone.clone());
    let served_home = home.clone();
    tokio::spawn(async move {
        let streams = tokio::io::split(far);
        tokio::select! {
            () = shared::serve_copies((served_home, index), (zone, std::time::Instant::now), streams) => {}
            // The client notices the end of its connection; the script's program says why.
            ended = copier.follow(&mut shell, receiver) => drop(ended),
        }
        if let Err(error) = copier.mirror.save() {
            tracing::warn!(%error, "the states of copies were not written");
        }
    });
    let (reader, writer) = tokio::io::split(near);
    let copies = FileCopies { requests, partial, home, open: HashMap::new() };
    Ok((copies, Box::new(reader), Box::new(writer)))
}

impl FileCopies {
    /// Adapts a session of the copies: its path is that of the original, and counts of partial copies are lower bounds.
    pub(super) fn adapt(&self, session: &mut Session) {
        let Ok(path) = session.path.strip_prefix(&self.home).map(Path::to_owned) else { return };
        if self.partial.contains(&path) {
            session.complete = false;
            session.unreadable = 0;
        }
        session.path = Path::new(HOME).join(&path);
    }

    /// Copies the whole file of a session, and follows it until its transcript is closed.
    pub(super) fn opened(&mut self, ticket: u64, session: &Session) {
        let Ok(path) = session.path.strip_prefix(HOME) else { return };
        self.open.insert(ticket, path.to_owned());
        self.request(CopyRequest::Follow(path.to_owned()));
    }

    /// Notes that a transcript was closed.
    pub(super) fn closed(&mut self, ticket: u64) {
        let Some(path) = self.open.remove(&ticket) else { return };
        if !self.open.values().any(|open| *open == path) {
            self.request(CopyRequest::Unfollow(path));
        }
    }

    /// Lists the files again.
    pub(super) fn refresh(&self) {
        self.request(CopyRequest::Refresh);
    }

    fn request(&self, request: CopyRequest) {
        // An error means that the connection is lost, which is an event of its own.
        self.requests.send(request).ok();
    }
}

/// Task that keeps the copies up to date.
struct Copier {
    mirror: Mirror,
    /// Files that may have changed, the most urgent first.
    pending: VecDeque<(PathBuf, FileFacts)>,
    /// Files of open sessions.
    followed: HashSet<PathBuf>,
}

impl Copier {
    async fn follow<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        shell: &mut RemoteShell<R, W>,
        mut requests: mpsc::UnboundedReceiver<CopyRequest>,
    ) -> io::Result<()> {
        let (mut list_at, mut check_at) = (Instant::now() + LIST_INTERVAL, Instant::now() + OPEN_INTERVAL);
        loop {
            // A batch is always finished: its answers are in the order of the requests.
            let request = if self.pending.is_empty() {
                tokio::select! {
                    request = requests.recv() => request.map(Some),
                    () = sleep_until(list_at) => Some(None),
                    () = sleep_until(check_at), if !self.followed.is_empty() => Some(None),
                }
            } else {
                self.copy(shell).await?;
                match requests.try_recv() {
                    Ok(request) => Some(Some(request)),
                    Err(mpsc::error::TryRecvError::Empty) => Some(None),
                    Err(mpsc::error::TryRecvError::Disconnected) => None,
                }
            };
            match request {
                None => return Ok(()),
                Some(Some(CopyRequest::Follow(path))) => {
                    self.followed.insert(path.clone());
                    self.check(shell, path).await?;
                }
                Some(Some(CopyRequest::Unfollow(path))) => drop(self.followed.remove(&path)),
                Some(Some(CopyRequest::Refresh)) => list_at = Instant::now(),
                Some(None) => {}
            }
            let now = Instant::now();
            if now >= list_at {
                self.list(shell).await?;
                list_at = Instant::now() + LIST_INTERVAL;
            } else if now >= check_at {
                for path in self.followed.clone() {
                    self.check(shell, path).await?;
                }
                check_at = Instant::now() + OPEN_INTERVAL;
            }
        }
    }

    /// Lists the files, and remembers those that may have changed.
    async fn list<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        shell: &mut RemoteShell<R, W>,
    ) -> io::Result<()> {
        let mut listed = shell.list().await?;
        listed.sort_by(|(a, first), (b, second)| second.modified.cmp(&first.modified).then_with(|| a.cmp(b)));
        listed.truncate(MAX_FILES);
        self.mirror.keep_only(&listed);
        listed.retain(|(path, facts)| self.mirror.plan(path, *facts, self.followed.contains(path)).is_some());
        self.pending = listed.into();
        Ok(())
    }

    /// Puts a followed file first if it has changed.
    async fn check<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        shell: &mut RemoteShell<R, W>,
        path: PathBuf,
    ) -> io::Result<()> {
        let Some(facts) = shell.stat(&path).await? else { return Ok(()) };
        if self.mirror.plan(&path, facts, true).is_some() {
            self.pending.push_front((path, facts));
        }
        Ok(())
    }

    /// Copies the first pending files.
    async fn copy<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        shell: &mut RemoteShell<R, W>,
    ) -> io::Result<()> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH && bytes < MAX_BATCH_BYTES {
            let Some((path, facts)) = self.pending.pop_front() else { break };
            if let Some(plan) = self.mirror.plan(&path, facts, self.followed.contains(&path)) {
                bytes += plan.parts().iter().map(|part| part.to - part.from).sum::<u64>();
                batch.push((path, facts, plan));
            }
        }
        let parts: Vec<_> = batch.iter().flat_map(|(_, _, plan)| plan.parts()).collect();
        let mut read = shell.read(&parts).await?.into_iter();
        let mut whole = Vec::new();
        for (path, facts, plan) in batch {
            let parts: Option<Vec<_>> =
                read.by_ref().take(plan.parts().len()).collect::<Vec<_>>().into_iter().collect();
            // A file that cannot be read is listed again later.
            let Some(parts) = parts else { continue };
            if !self.mirror.apply(&plan, facts, &parts)? {
                whole.extend(self.mirror.plan(&path, facts, true).map(|plan| (facts, plan)));
            }
        }
        for (facts, plan) in whole {
            let parts: Option<Vec<_>> = shell.read(&plan.parts()).await?.into_iter().collect();
            if let (Some(parts), CopyPlan::Whole(_)) = (parts, &plan) {
                self.mirror.apply(&plan, facts, &parts)?;
            }
        }
        Ok(())
    }
}

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
pub use shell::SCRIPT;
use shell::{FileFacts, RemoteShell};

/// Maximum files, the newest first.
const MAX_FILES: usize = 2_000;

/// Name of the home directory over there in paths.
pub(super) const HOME: &str = "~";

/// Files that are read with one round trip.
const BATCH: usize = 32;

/// Bytes that are requested with the first round trip, because the speed of the link is not known yet.
const FIRST_BATCH_BYTES: u64 = 64 << 10;

/// Minimum bytes that are requested with one round trip.
const MIN_BATCH_BYTES: u64 = 16 << 10;

/// Maximum bytes that are requested with one round trip.
const MAX_BATCH_BYTES: u64 = 16 << 20;

/// Maximum factor by which a round trip requests more than the one before.
const MAX_GROWTH: u64 = 16;

/// Maximum bytes of a file that is copied before larger ones.
const MAX_SMALL: u64 = 48 << 10;

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
pub struct FileCopies {
    requests: mpsc::UnboundedSender<CopyRequest>,
    partial: PartialCopies,
    /// Directory that stands for the home directory over there.
    pub(super) home: PathBuf,
    /// Files of the open transcripts.
    open: HashMap<u64, PathBuf>,
}

/// Connects to the script. Returns the copies and the directions of a connection to their index.
pub async fn connect(
    reader: impl AsyncRead + Unpin + Send + 'static,
    writer: impl AsyncWrite + Unpin + Send + 'static,
    (host, options): (&str, &RemoteOptions),
) -> io::Result<(FileCopies, ServeReader, ServeWriter)> {
    let mut shell = RemoteShell::begin(reader, writer, options.seed).await?;
    let cache = options.cache_dir.as_ref().map(|dir| dir.join("remote").join(format!("{host}.copies")));
    let mut copier = Copier::new(Mirror::open(cache)?);
    copier.list(&mut shell).await?;
    let until = Instant::now() + FIRST_COPIES;
    while copier.has_next_within(until.saturating_duration_since(Instant::now())) {
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
    pub fn opened(&mut self, ticket: u64, session: &Session) {
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
    pub fn refresh(&self) {
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
    /// Bytes to request with the next round trip.
    batch_bytes: u64,
    /// Files of which nothing can be copied, as they were then.
    unusable: HashMap<PathBuf, FileFacts>,
}

impl Copier {
    fn new(mirror: Mirror) -> Self {
        let (pending, followed, unusable) = (VecDeque::new(), HashSet::new(), HashMap::new());
        Self { mirror, pending, followed, batch_bytes: FIRST_BATCH_BYTES, unusable }
    }

    fn plan(&self, path: &Path, facts: FileFacts) -> Option<CopyPlan> {
        if self.unusable.get(path) == Some(&facts) {
            return None;
        }
        self.mirror.plan(path, facts, self.followed.contains(path))
    }

    /// Returns true if the first pending file can be copied in a time, as far as the speed of the link is known.
    fn has_next_within(&self, time: Duration) -> bool {
        let Some((path, facts)) = self.pending.front() else { return false };
        let bytes = self.plan(path, *facts).map_or(0, |plan| plan.bytes());
        !time.is_zero() && (bytes <= MAX_SMALL || bytes <= self.batch_bytes.saturating_mul(time.as_secs()))
    }

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
        let older = listed.split_off(listed.len().min(MAX_FILES));
        listed.extend(older.into_iter().filter(|(path, _)| self.followed.contains(path)));
        self.mirror.keep_only(&listed);
        self.unusable.retain(|path, _| listed.iter().any(|(listed, _)| listed == path));
        let changed =
            listed.into_iter().filter_map(|(path, facts)| Some((self.plan(&path, facts)?.bytes(), path, facts)));
        let mut changed: Vec<_> = changed.collect();
        // A large file would delay all others on a slow link.
        changed.sort_by_key(|(bytes, ..)| if *bytes <= MAX_SMALL { 0 } else { *bytes });
        self.pending = changed.into_iter().map(|(_, path, facts)| (path, facts)).collect();
        self.save();
        Ok(())
    }

    fn save(&mut self) {
        if let Err(error) = self.mirror.save() {
            tracing::warn!(%error, "the states of copies were not written");
        }
    }

    /// Puts a followed file first if it has changed.
    async fn check<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        shell: &mut RemoteShell<R, W>,
        path: PathBuf,
    ) -> io::Result<()> {
        let Some(facts) = shell.stat(&path).await? else { return Ok(()) };
        if self.plan(&path, facts).is_some() {
            // Two plans in one batch would copy the same bytes twice.
            self.pending.retain(|(pending, _)| *pending != path);
            self.pending.push_front((path, facts));
        }
        Ok(())
    }

    /// Copies the first pending files.
    async fn copy<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        shell: &mut RemoteShell<R, W>,
    ) -> io::Result<()> {
        let batch = self.next_batch();
        let parts: Vec<_> = batch.iter().flat_map(|(_, _, plan)| plan.parts()).collect();
        let begun = Instant::now();
        let mut read = shell.read(&parts).await?.into_iter();
        let requested = batch.iter().map(|(_, _, plan)| plan.bytes()).sum();
        self.batch_bytes = next_batch_bytes(self.batch_bytes, requested, begun.elapsed());
        let mut long = Vec::new();
        for (path, facts, plan) in batch {
            let parts: Option<Vec<_>> =
                read.by_ref().take(plan.parts().len()).collect::<Vec<_>>().into_iter().collect();
            // A file that cannot be read is listed again later.
            let Some(parts) = parts else { continue };
            if !self.mirror.apply(&plan, facts, &parts)? {
                long.push((path, facts));
            }
        }
        for (path, facts) in long {
            let plan = Mirror::plan_of_long_lines(&path, facts);
            let parts: Option<Vec<_>> = shell.read(&plan.parts()).await?.into_iter().collect();
            let Some(parts) = parts else { continue };
            if !self.mirror.apply(&plan, facts, &parts)? {
                self.unusable.insert(path, facts);
            }
        }
        Ok(())
    }

    /// Takes the first pending files that fit into a round trip, at least one.
    fn next_batch(&mut self) -> Vec<(PathBuf, FileFacts, CopyPlan)> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH
            && let Some((path, facts)) = self.pending.pop_front()
        {
            let Some(plan) = self.plan(&path, facts) else { continue };
            if !batch.is_empty() && bytes + plan.bytes() > self.batch_bytes {
                self.pending.push_front((path, facts));
                break;
            }
            bytes += plan.bytes();
            batch.push((path, facts, plan));
        }
        batch
    }
}

/// Returns the bytes to request with the next round trip, about those of a second. `limit` was that of the last one.
fn next_batch_bytes(limit: u64, requested: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_second = requested.saturating_mul(1000) / millis;
    // A small request takes a round trip whatever the speed.
    let next = if requested < limit / 2 { per_second.max(limit) } else { per_second };
    next.min(limit * MAX_GROWTH).clamp(MIN_BATCH_BYTES, MAX_BATCH_BYTES)
}

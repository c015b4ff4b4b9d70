//! Socket of `salon serve` in the runtime directory: one server per directory, for its own user only.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use tokio::net::{UnixListener, UnixStream};

/// Path of the socket.
pub fn path(runtime: &Path) -> PathBuf {
    runtime.join("serve.sock")
}

/// Fails if a path is too long for the address of a socket, whose limit is about 100 bytes.
pub(super) fn check_length(path: &Path) -> io::Result<()> {
    let message = "its path is too long for a socket; SALON_RUNTIME_DIR selects another directory";
    let address = std::os::unix::net::SocketAddr::from_pathname(path);
    address.map(drop).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Listening socket. Dropping it removes the socket file.
#[derive(Debug)]
pub struct ServeSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Lock that proves that this process owns the socket file.
    _lock: File,
}

impl ServeSocket {
    /// Listens in a directory that exists. Fails with [`io::ErrorKind::AddrInUse`] if another server runs.
    pub fn listen(runtime: &Path) -> io::Result<Self> {
        let path = path(runtime);
        check_length(&path)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.with_extension("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::new(io::ErrorKind::AddrInUse, "another salon serve is running"))?;
        // The lock proves that the owner of a socket file that is left has ended.
        let new = path.with_extension("new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&new)?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
        // Only a socket with its final permissions is found. The lock proves that the owner of one that is left has ended.
        std::fs::rename(&new, &path)?;
        Ok(Self { listener, path, _lock: lock })
    }

    /// Path of the socket file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Accepts the next connection of the same user; others are closed. Cancel safe.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            if is_own_user(&stream) {
                return Ok(stream);
            }
            tracing::warn!("a connection of another user was refused");
        }
    }
}

impl Drop for ServeSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the socket was not removed");
        }
    }
}

/// Returns true if the process at the other end belongs to this user.
pub(super) fn is_own_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::getuid().as_raw())
}

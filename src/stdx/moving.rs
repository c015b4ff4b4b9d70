//! Moving of files and directories, across file systems too. At every moment, one complete version exists.
//!
//! A copy is complete and on disk before anything of the original is removed. Where the original cannot be removed
//! entirely, its missing parts are copied back, so that a failed move leaves it as it was.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::files;

/// Moves a file or directory. After an error, `to` exists only if the original could not be completed again.
pub fn move_path(from: &Path, to: &Path) -> io::Result<()> {
    move_by(from, to, |path| if is_folder(path)? { fs::remove_dir_all(path) } else { fs::remove_file(path) })
}

/// Like [`move_path`], for an original that salon itself created: its permissions do not prevent its removal.
pub fn move_own(from: &Path, to: &Path) -> io::Result<()> {
    move_by(from, to, remove_own)
}

fn move_by(from: &Path, to: &Path, remove: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        renamed => return renamed,
    }
    copy(from, to)?;
    remove(from).or_else(|error| {
        copy_missing(to, from)?;
        remove_own(to)?;
        Err(error)
    })
}

/// Copies what is missing in a directory, or a file that does not exist. Replaces nothing.
pub fn copy_missing(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => copy(from, to),
        Err(error) => Err(error),
        Ok(there) if there.is_dir() && is_folder(from)? => {
            for entry in fs::read_dir(from)? {
                let name = entry?.file_name();
                copy_missing(&from.join(&name), &to.join(&name))?;
            }
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Returns a path within `to` where something else is than at `from`. Files of a directory that exist only on one side are
/// not in the way.
pub fn conflict(from: &Path, to: &Path) -> io::Result<Option<PathBuf>> {
    let there = match fs::symlink_metadata(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        there => there?,
    };
    let own = fs::symlink_metadata(from)?;
    if own.is_dir() && there.is_dir() {
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if let Some(found) = conflict(&from.join(&name), &to.join(&name))? {
                return Ok(Some(found));
            }
        }
        return Ok(None);
    }
    let is_same = if own.is_symlink() && there.is_symlink() {
        fs::read_link(from)? == fs::read_link(to)?
    } else {
        own.is_file() && there.is_file() && own.len() == there.len() && have_same_bytes(from, to)?
    };
    Ok((!is_same).then(|| to.to_owned()))
}

/// Removes a file or directory that salon itself created, whatever the permissions of its folders.
pub fn remove_own(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return fs::remove_file(path);
    }
    if metadata.permissions().mode() & 0o700 != 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    for entry in fs::read_dir(path)? {
        remove_own(&entry?.path())?;
    }
    fs::remove_dir(path)
}

/// Copies a file or directory to a free path, with its times and permissions. After an error nothing is left of the copy.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let part = partial(to);
    // One that a killed process left.
    if fs::symlink_metadata(&part).is_ok() {
        remove_own(&part)?;
    }
    let is_free = || match fs::symlink_metadata(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.and(Err(io::ErrorKind::AlreadyExists.into())),
    };
    // The first error is the one that matters.
    let finished = copy_to_disk(from, &part).and_then(|()| is_free()).and_then(|()| fs::rename(&part, to));
    finished.inspect_err(|_| drop(remove_own(&part)))?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    open(parent).and_then(|parent| parent.sync_all()).inspect_err(|_| drop(remove_own(to)))
}

fn copy_to_disk(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if metadata.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    if metadata.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy_to_disk(&from.join(&name), &to.join(&name))?;
        }
        fs::set_permissions(to, metadata.permissions())?;
    } else if metadata.is_file() {
        fs::copy(from, to)?;
    } else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("{} is no regular file", from.display())));
    }
    let copied = open(to)?;
    copied.set_times(fs::FileTimes::new().set_modified(metadata.modified()?))?;
    copied.sync_all()
}

/// Opens a file or a directory.
fn open(path: &Path) -> io::Result<fs::File> {
    files::open(path).or_else(|_| fs::OpenOptions::new().read(true).open(path))
}

fn partial(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".salon-part");
    path.with_file_name(name)
}

fn is_folder(path: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(path)?.is_dir())
}

fn have_same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    use std::io::{BufReader, Read};
    let (mut a, mut b) = (BufReader::new(files::open(a)?), BufReader::new(files::open(b)?));
    let (mut of_a, mut of_b) = (vec![0; 64 << 10], Vec::new());
    loop {
        let count = a.read(&mut of_a)?;
        of_b.resize(count, 0);
        match b.read_exact(&mut of_b) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if of_a[..count] != of_b[..] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(b.read(&mut [0])? == 0);
        }
    }
}

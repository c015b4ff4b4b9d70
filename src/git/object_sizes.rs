//! Sizes of objects. Git takes seconds to find many of them, and a size never changes: a file of salon's own repository
//! caches them.

use std::collections::HashMap;

use super::error::GitError;
use super::own_repository::{self, OwnRepository};
use super::program::GitCommand;
use super::repository::text;
use crate::stdx::files::{self, SizeLimit};

/// File with a record per object: the beginning of its id, and its size.
const CACHE: &str = "object-sizes";

/// Maximum size of the cache, beyond which it begins again.
const MAX_CACHE: SizeLimit = SizeLimit(64 << 20);

/// Bytes of an id in the cache, which no two objects of a repository share.
const ID_BYTES: usize = 12;

/// Bytes of a size in the cache. Larger ones are not in it.
const SIZE_BYTES: usize = 4;

type IdPrefix = [u8; ID_BYTES];

/// Sizes of objects by id.
pub(super) struct ObjectSizes(HashMap<IdPrefix, u64>);

impl ObjectSizes {
    /// Returns the size of an object; `None` if it does not exist.
    pub(super) fn get(&self, id: &str) -> Option<u64> {
        self.0.get(&prefix(id)?).copied()
    }

    /// Reads the records of a cache. The last one may be cut.
    fn read(content: &[u8]) -> Self {
        let record = |record: &[u8]| {
            let (id, size) = record.split_at(ID_BYTES);
            Some((id.try_into().ok()?, u64::from(u32::from_le_bytes(size.try_into().ok()?))))
        };
        Self(content.chunks_exact(ID_BYTES + SIZE_BYTES).filter_map(record).collect())
    }

    fn content(&self) -> Vec<u8> {
        let small = self.0.iter().filter_map(|(id, size)| Some((id, u32::try_from(*size).ok()?)));
        small.flat_map(|(id, size)| id.iter().copied().chain(size.to_le_bytes())).collect()
    }
}

impl OwnRepository {
    /// Returns the sizes of objects. `new` finds those of a snapshot that is being taken.
    pub(super) fn object_sizes<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
        new: &impl Fn(GitCommand) -> GitCommand,
    ) -> Result<ObjectSizes, GitError> {
        let path = self.path.join(CACHE);
        let mut sizes = ObjectSizes::read(&files::read(&path, MAX_CACHE).unwrap_or_default());
        let unknown = ids.filter(|id| sizes.get(id).is_none());
        let unknown: Vec<u8> = unknown.flat_map(|id| [id.as_bytes(), b"\n"].concat()).collect();
        if unknown.is_empty() {
            return Ok(sizes);
        }
        let command = new(self.command("cat-file").args(["--batch-check=%(objectname) %(objectsize)", "--buffer"]));
        let listed = text(command.input(unknown).run()?, "cat-file")?;
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        sizes.0.extend(pairs.filter_map(|(id, size)| Some((prefix(id)?, size.parse().ok()?))));
        own_repository::write(&path, &sizes.content())?;
        Ok(sizes)
    }
}

/// Returns the beginning of an id as bytes.
fn prefix(id: &str) -> Option<IdPrefix> {
    let mut bytes = [0; ID_BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(id.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

//! Opening of `state.db` for writing. Blocks: not for the event loop.

use crate::config::paths::{Paths, create_private_dir};
use crate::domain::Time;
use crate::store::{self, OpenOutcome, Store};

/// Opens `state.db`, or creates it. The error is the reason why it cannot be used, to be shown after its path.
pub fn open(paths: &Paths, now: Time) -> Result<OpenOutcome, String> {
    create_private_dir(&paths.data).map_err(store::unusable)?;
    let opened = Store::open(&paths.state_db(), now).map_err(store::unusable)?;
    if opened.read_only { Err(store::NEWER.to_owned()) } else { Ok(opened) }
}

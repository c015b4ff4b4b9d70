//! Which sessions exist, kept current: scan, cache, watch, read. Knows agents only through [`crate::agent::Format`].

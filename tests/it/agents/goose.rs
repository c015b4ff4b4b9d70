//! Tests of goose.

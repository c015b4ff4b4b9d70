//! Tests of opencode.

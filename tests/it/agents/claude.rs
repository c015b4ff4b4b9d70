//! Tests of claude.

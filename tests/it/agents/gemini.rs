//! Tests of gemini.

//! Tests of qwen.

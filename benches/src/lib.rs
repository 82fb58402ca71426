//! Criterion and instruction-count benches.

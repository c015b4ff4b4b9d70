//! The shell around the pure core: the loop, the terminal, the effects.

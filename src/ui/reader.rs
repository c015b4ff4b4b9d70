//! The reader: a ledger with a narrow gutter (speaker and time) and the text to the right.

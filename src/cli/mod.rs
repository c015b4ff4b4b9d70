//! The command line, one file a command. Data goes to stdout, all else to stderr.

//! Entry point: configures the memory allocator, runs the command line and returns its exit code.

fn main() -> std::process::ExitCode {
    limit_heaps();
    salon::cli::run(std::env::args_os())
}

/// Limits the heaps of glibc's allocator. By default each thread has its own, whose free pages no other thread uses: 30
/// to 40 MB while a search runs. Other C libraries share theirs.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a setting of the C library, for which no safe function is known")]
fn limit_heaps() {
    /// Maximum heaps, because two threads do most of the work.
    const MAX_HEAPS: libc::c_int = 2;
    // SAFETY: takes two numbers, has no preconditions, and no other thread runs yet. Refusing is harmless.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, MAX_HEAPS) };
}

/// Returns without an effect: the allocator has no such setting.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn limit_heaps() {}

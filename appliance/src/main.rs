//! The binary; everything is in the library.

use std::process::ExitCode;

/// zig, which links for boards, puts an allocator in the place of musl's that rounds up to powers of two: with this one a
/// thousand instances need a quarter less.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    locum::main()
}

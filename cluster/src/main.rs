//! `rustidocs-node [FILE.conf] [--NAME VALUE]…`

use std::process::ExitCode;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cluster::process::main(std::env::args().skip(1))
}

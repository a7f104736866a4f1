//! `rustidocs-server`: the document service.

use std::process::ExitCode;

use doc_service::config::{BadFlags, Flags, Settings, USAGE};
use doc_service::{log, service};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The command line or a setting is wrong (sysexits.h, `EX_USAGE`).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    if let Some(done) = shared::document::engine::serve_if_asked() {
        return done;
    }
    let flags = match Flags::parse(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(BadFlags::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(BadFlags::Version) => {
            println!("rustidocs-server {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Err(bad) => return refuse(&bad),
    };
    let settings = match Settings::new(flags, std::env::var("RUSTIDOCS_PASSWORD").ok()) {
        Ok(settings) => settings,
        Err(bad) => return refuse(&bad),
    };
    if let Err(bad) = log::start(&settings.log) {
        return refuse(&bad);
    }
    match service::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(why: &dyn std::error::Error) -> ExitCode {
    eprint!("rustidocs-server: {why}\n\n{USAGE}");
    ExitCode::from(EXIT_USAGE)
}

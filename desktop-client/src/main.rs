//! The desktop editor's process.

use std::path::PathBuf;
use std::process::ExitCode;

use desktop_client::app;
use desktop_client::command_line::{self, Request, USAGE};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    if let Some(done) = shared::document::engine::serve_if_asked() {
        return done;
    }
    let login = std::env::var("USER").ok();
    let options = match command_line::parse(std::env::args().skip(1), login) {
        Ok(Request::Window(options)) => options,
        Ok(Request::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Request::Version) => {
            println!("rustidocs {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Err(words) => {
            eprintln!("rustidocs: {words}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let filter = EnvFilter::try_from_env("RUSTIDOCS_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match app::run(options, state_folder()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rustidocs: the window cannot be opened: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `$XDG_STATE_HOME`, or what it stands for (XDG Base Directory Specification).
fn state_folder() -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
}

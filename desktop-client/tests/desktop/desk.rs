//! A display, a session bus, windows, keys: what one test sits at.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use shared::testing::process::Process;
use shared::testing::{Cluster, Service, TempFolder, binary, wait};

use crate::sight::Sight;

/// Servers, a display and a bus of one test. Dropped from the top: windows go before what they stand on.
pub(crate) struct Desk {
    display: String,
    bus: String,
    _bus: Process,
    _screen: Process,
    pub(crate) service: Service,
    pub(crate) cluster: Cluster,
    folder: TempFolder,
}

/// Somebody who types on and on. Dropped in the middle of a word.
pub(crate) struct Typist {
    process: Process,
    display: String,
    /// Every letter that is typed.
    letters: String,
}

/// One open window.
pub(crate) struct Window {
    process: Process,
    display: String,
    bus: String,
}

impl Desk {
    /// A cluster of three, our service, an empty screen.
    pub(crate) fn new(name: &str) -> Desk {
        let folder = TempFolder::new(name);
        let cluster = Cluster::ours(3, 0);
        let service = Service::start_on(&cluster.url(), folder.path(), &[]);
        let (screen, display) = screen(folder.path());
        let (bus_process, bus) = bus(folder.path(), &display);
        Desk { display, bus, _bus: bus_process, _screen: screen, service, cluster, folder }
    }

    /// Opens a window by way of the service.
    pub(crate) fn window(&self, person: &str, document: &str) -> Window {
        self.window_on(&format!("ws://{}", self.service.address()), person, document)
    }

    /// Opens a window on a sheet by way of the service.
    pub(crate) fn sheet(&self, person: &str, document: &str) -> Window {
        self.sheet_on(&format!("ws://{}", self.service.address()), person, document)
    }

    /// Opens a window on a sheet of this server.
    pub(crate) fn sheet_on(&self, server: &str, person: &str, document: &str) -> Window {
        self.open(&["--server", server, "--kind", "sheet", document], person)
    }

    /// Opens a window without a document, by way of the service.
    pub(crate) fn window_without_document(&self, person: &str) -> Window {
        self.open(&["--server", &format!("ws://{}", self.service.address())], person)
    }

    /// Opens a window on this server. A person's windows share a folder of state.
    pub(crate) fn window_on(&self, server: &str, person: &str, document: &str) -> Window {
        self.open(&["--server", server, document], person)
    }

    fn open(&self, arguments: &[&str], person: &str) -> Window {
        let state = self.folder.path().join(format!("state-{person}"));
        let log = self.folder.path().join(format!("window-{person}.log"));
        let arguments = [&["--name", person], arguments].concat();
        let process = Process::spawn_with(&binary::ours(binary::DESKTOP), &arguments, &log, |command| {
            prepared(command, self.folder.path(), &self.display, &self.bus)
                .env("GTK_IM_MODULE", "gtk-im-context-simple")
                .env("XDG_STATE_HOME", state)
                .env("RUSTIDOCS_LOG", "info")
        });
        let window = Window { process, display: self.display.clone(), bus: self.bus.clone() };
        wait::until(&format!("{person}'s window is open"), || window.x11_id().is_some());
        window
    }

    /// Begins to type so many words into each of these windows in turn, a word of each at a time. `word` makes a word from its
    /// number and the window's; it has no capital letters.
    pub(crate) fn types_in_turn(
        &self,
        windows: &[&Window],
        word: impl Fn(usize, usize) -> String,
        words: usize,
    ) -> Typist {
        let ids: Vec<String> =
            windows.iter().map(|window| window.x11_id().expect("the window is open")).collect();
        let (mut chain, mut letters): (Vec<String>, String) = Default::default();
        for number in 0..words {
            for (place, id) in ids.iter().enumerate() {
                let word = word(number, place);
                letters.extend(word.chars().filter(|letter| !letters.contains(*letter)).collect::<Vec<_>>());
                let typed = [
                    "windowfocus",
                    "--sync",
                    id,
                    "type",
                    "--delay",
                    "25",
                    "--args",
                    "1",
                    word.trim_end_matches('\n'),
                ];
                chain.extend(typed.map(str::to_owned));
                // A line feed that is typed is no Return.
                if word.ends_with('\n') {
                    chain.extend(["key", "Return"].map(str::to_owned));
                }
            }
        }
        let log = self.folder.path().join("typing.log");
        let process = Process::spawn_with(&binary::installed("xdotool"), &chain, &log, |command| {
            command.env("DISPLAY", &self.display)
        });
        Typist { process, display: self.display.clone(), letters }
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        self.process.kill();
        // The key that was down is down for ever, and the screen repeats its letter into whatever window comes next.
        let key = |letter| match letter {
            '\n' => "Return".to_owned(),
            letter => format!("U{:04X}", u32::from(letter)),
        };
        let keys = self.letters.chars().map(key);
        let mut release = Command::new("xdotool");
        release.env("DISPLAY", &self.display).arg("keyup").args(keys);
        if let Err(error) = release.status() {
            eprintln!("no key was released: {error}");
        }
    }
}

impl Window {
    /// What assistive technology sees now.
    pub(crate) fn look(&self) -> Sight {
        Sight::of(self.process.id(), &self.display, &self.bus)
    }

    /// Waits until what is seen is as wanted; panics with what is seen instead.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Sight) -> bool) -> Sight {
        let mut last = None;
        let deadline = std::time::Instant::now() + wait::PATIENCE;
        while std::time::Instant::now() < deadline {
            let sight = self.look();
            if wanted(&sight) {
                return sight;
            }
            last = Some(sight);
        }
        panic!("not seen: {what}\nseen instead: {last:#?}");
    }

    /// Waits until the text reads so.
    #[track_caller]
    pub(crate) fn wait_text(&self, text: &str) {
        self.wait_for(&format!("the text {text:?}"), |sight| sight.text().as_deref() == Some(text));
    }

    /// Waits until a label says this.
    #[track_caller]
    pub(crate) fn wait_says(&self, words: &str) {
        self.wait_for(words, |sight| sight.says(words));
    }

    /// Asks for windows that it does not have.
    pub(crate) fn is_asked_for_gone_windows(&self) {
        Sight::ask_for_gone_windows(self.process.id(), &self.bus);
    }

    /// Types letters into the text.
    pub(crate) fn types(&self, letters: &str) {
        self.focus();
        self.xdotool(&["type", "--delay", "12", letters]);
    }

    /// Presses keys, as `ctrl+z`.
    pub(crate) fn presses(&self, keys: &[&str]) {
        self.focus();
        self.xdotool(&[&["key", "--delay", "30"], keys].concat());
    }

    /// Goes to a cell of the sheet by its name.
    #[track_caller]
    pub(crate) fn goes_to(&self, cell: &str) {
        self.presses(&["ctrl+g"]);
        self.types(cell);
        self.presses(&["Return"]);
        let there = format!("{cell}: ");
        self.wait_for(cell, |sight| sight.sheet().is_some_and(|words| words.starts_with(&there)));
    }

    /// As a person closes it; it ends in order.
    pub(crate) fn close(mut self) {
        self.presses(&["ctrl+w"]);
        let ended = self.process.wait();
        assert!(ended.success(), "{ended}");
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    fn focus(&self) {
        let id = self.x11_id().expect("the window is open");
        self.xdotool(&["windowfocus", "--sync", &id]);
    }

    fn x11_id(&self) -> Option<String> {
        let pid = self.process.id().to_string();
        let mut search = Command::new("xdotool");
        search.env("DISPLAY", &self.display).args(["search", "--onlyvisible", "--pid", &pid]);
        let found = search.output().expect("xdotool is installed");
        // Ids grow: a dialog has a higher one than its window.
        let ids =
            String::from_utf8_lossy(&found.stdout).lines().filter_map(|id| id.parse::<u64>().ok()).max();
        ids.map(|id| id.to_string())
    }

    fn xdotool(&self, arguments: &[&str]) {
        let status = Command::new("xdotool").env("DISPLAY", &self.display).args(arguments).status();
        assert!(status.expect("xdotool is installed").success(), "xdotool {arguments:?}");
    }
}

/// A screen whose number the server chooses.
fn screen(folder: &Path) -> (Process, String) {
    let log = folder.join("screen.log");
    // Without -noreset it starts anew when its last client leaves, and refuses the next meanwhile: a search for windows is a client.
    let arguments = ["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset"];
    let process = Process::spawn(&binary::installed("Xvfb"), &arguments, &log);
    let number = wait::until_some("the screen has a number", || {
        process.log().lines().find_map(|line| line.trim().parse::<u32>().ok())
    });
    (process, format!(":{number}"))
}

/// A session bus; assistive technology is started on it by whoever asks first.
fn bus(folder: &Path, display: &str) -> (Process, String) {
    let log = folder.join("bus.log");
    let arguments = ["--session", "--nofork", "--print-address"];
    let process = Process::spawn_with(&binary::installed("dbus-daemon"), &arguments, &log, |command| {
        prepared(command, folder, display, "")
    });
    let address = wait::until_some("the bus has an address", || {
        process.log().lines().find(|line| line.starts_with("unix:")).map(str::to_owned)
    });
    (process, address)
}

/// An environment in which nothing of the person at this computer is read or changed.
fn prepared<'a>(command: &'a mut Command, folder: &Path, display: &str, bus: &str) -> &'a mut Command {
    let runtime: PathBuf = folder.join("run");
    std::fs::create_dir_all(&runtime).expect("a runtime folder");
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&runtime, private).expect("a private runtime folder");
    if bus.is_empty() {
        command.env_remove("DBUS_SESSION_BUS_ADDRESS");
    } else {
        command.env("DBUS_SESSION_BUS_ADDRESS", bus);
    }
    command
        .env("DISPLAY", display)
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", &runtime)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("GDK_BACKEND", "x11")
        .env("GSK_RENDERER", "cairo")
        .env("GSETTINGS_BACKEND", "memory")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("NO_AT_BRIDGE")
}

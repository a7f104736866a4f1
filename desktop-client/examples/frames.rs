//! How long the window takes: for a frame of a large sheet that is scrolled, and for opening a long text. Prints one JSON object.
//!
//! ```text
//! GSK_RENDERER=cairo cargo run --release -p desktop-client --example frames -- scroll
//! GSK_RENDERER=cairo cargo run --release -p desktop-client --example frames -- open
//! ```

// A measurement that cannot go on says so and ends.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use adw::prelude::*;
use bytes::Bytes;
use desktop_client::page::PageInput;
use desktop_client::session::replica::{SheetReplica, TextReplica};
use desktop_client::session::{DocumentHandle, Person, Session, Settings};
use desktop_client::sheet::page::{SheetInit, SheetPage};
use desktop_client::text::{TextInit, TextPage};
use gtk::glib;
use relm4::prelude::*;
use relm4::{adw, gtk};
use shared::document::sheet::Position;
use shared::document::{Kind, SheetDocument, TextDocument};
use shared::rt::rng::Rng;

/// The sheet that is scrolled.
const ROWS: usize = 10_000;
const COLS: usize = 200;
/// Frames that are measured.
const FRAMES: usize = 600;
/// Pixels that each of them scrolls, down and to the right.
const SCROLL: (f64, f64) = (137.0, 23.0);
/// Edits of the text that is opened, and how often it is opened.
const EDITS: usize = 260_000;
const OPENINGS: usize = 5;

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    let app = adw::Application::builder().application_id("org.rustidocs.Frames").build();
    app.connect_activate(move |app| match what.as_str() {
        "scroll" => scroll(app),
        "open" => open(app),
        _ => panic!("scroll or open?"),
    });
    app.run_with_args::<&str>(&[]);
}

/// A window with a page, and the end of the page's document.
fn window(app: &adw::Application, page: &impl IsA<gtk::Widget>) -> adw::ApplicationWindow {
    let window = adw::ApplicationWindow::builder()
        .application(app)
        .default_width(1280)
        .default_height(800)
        .content(page)
        .build();
    window.present();
    window
}

/// A document of a session without a server.
fn document(kind: Kind) -> (Session, DocumentHandle) {
    let settings = Settings {
        server: "ws://127.0.0.1:9".parse().expect("an address"),
        person: Person::new("Ana", None),
        state: std::env::temp_dir().join(format!("rustidocs-frames-{}", std::process::id())),
    };
    let mut session = Session::start(settings, || {}).expect("a session");
    let handle = session.open("measured".parse().expect("an id"), kind, false).expect("a document");
    (session, handle)
}

fn scroll(app: &adw::Application) {
    let snapshot = filled_sheet();
    let (session, handle) = document(Kind::Sheet);
    let replica = SheetReplica::new(handle.client).expect("a replica");
    let page = SheetPage::builder().launch(SheetInit { handle, replica }).detach();
    page.emit(PageInput::Updates(vec![snapshot]));
    let window = window(app, page.widget());
    let scroller = find::<gtk::ScrolledWindow>(page.widget().upcast_ref()).expect("a scrolled grid");
    let times: Rc<RefCell<Vec<f64>>> = Rc::default();
    let began = Rc::new(Cell::new(Instant::now()));
    let clock = window.frame_clock().expect("a frame clock");
    clock.connect_before_paint(glib::clone!(
        #[strong]
        began,
        move |_| began.set(Instant::now())
    ));
    let app = app.clone();
    // What lives as long as the measurement.
    let kept = (page, session);
    clock.connect_after_paint(move |_| {
        let _ = &kept;
        let mut times = times.borrow_mut();
        times.push(began.get().elapsed().as_secs_f64() * 1e3);
        if times.len() == FRAMES {
            // The first frames draw the window, not the scrolled sheet.
            let mut measured = times.split_off(30);
            measured.sort_by(f64::total_cmp);
            let at = |share: f64| measured[(measured.len() as f64 * share) as usize];
            println!(
                "{{\"frames\":{},\"p50\":{:.2},\"p95\":{:.2},\"p99\":{:.2}}}",
                measured.len(),
                at(0.5),
                at(0.95),
                at(0.99)
            );
            app.quit();
        }
    });
    window.add_tick_callback(move |_, _| {
        for (adjustment, by) in [(scroller.vadjustment(), SCROLL.0), (scroller.hadjustment(), SCROLL.1)] {
            let end = adjustment.upper() - adjustment.page_size();
            let next = adjustment.value() + by;
            adjustment.set_value(if next > end { 0.0 } else { next });
        }
        glib::ControlFlow::Continue
    });
}

/// A sheet with a million cells that hold something: numbers, words, and columns of formulas.
fn filled_sheet() -> Bytes {
    const CHUNK: usize = 250;
    let mut document = SheetDocument::new(7).expect("a sheet");
    let id = document.workbook().sheets()[0].id().clone();
    for start in (0..ROWS).step_by(CHUNK) {
        let typed: Vec<(Position, String)> = (start..start + CHUNK)
            .flat_map(|row| {
                // Every other cell: a sheet has at most a million that hold something.
                (row % 2..COLS).step_by(2).map(move |col| {
                    let text = match col % 10 {
                        0 => format!("Item {row}"),
                        9 if col < 20 => format!("=B{0}+C{0}", row + 1),
                        _ => format!("{}", row * col),
                    };
                    (Position { row, col }, text)
                })
            })
            .collect();
        let typed: Vec<(Position, &str)> = typed.iter().map(|(at, text)| (*at, text.as_str())).collect();
        document.type_all(&id, &typed).expect("cells");
    }
    document.document().snapshot().expect("a snapshot").into()
}

fn open(app: &adw::Application) {
    let snapshot = typed_text();
    let (session, handle) = document(Kind::Text);
    let window = window(app, &gtk::Box::new(gtk::Orientation::Vertical, 0));
    let clock = window.frame_clock().expect("a frame clock");
    let times: Rc<RefCell<Vec<f64>>> = Rc::default();
    let began = Rc::new(Cell::new(Instant::now()));
    let page: Rc<RefCell<Option<Controller<TextPage>>>> = Rc::default();
    let opening: Rc<dyn Fn()> = {
        let (window, page, began) = (window.clone(), page.clone(), began.clone());
        Rc::new(move || {
            began.set(Instant::now());
            let replica = TextReplica::new(handle.client).expect("a replica");
            let opened = TextPage::builder().launch(TextInit { handle: handle.clone(), replica }).detach();
            opened.emit(PageInput::Updates(vec![snapshot.clone()]));
            window.set_content(Some(opened.widget()));
            page.replace(Some(opened));
        })
    };
    let begin = opening.clone();
    let app = app.clone();
    let (watched, session) = (page.clone(), RefCell::new(Some(session)));
    clock.connect_after_paint(move |_| {
        let shown = watched.borrow().as_ref().is_some_and(|page| {
            let view = find::<gtk::TextView>(page.widget().upcast_ref());
            view.is_some_and(|view| view.buffer().char_count() > 0 && view.height() > 100)
        });
        if !shown {
            return;
        }
        watched.replace(None);
        times.borrow_mut().push(began.get().elapsed().as_secs_f64() * 1e3);
        if times.borrow().len() < OPENINGS {
            let opening = opening.clone();
            glib::idle_add_local_once(move || opening());
        } else {
            let mut times = times.take();
            times.sort_by(f64::total_cmp);
            println!(
                "{{\"edits\":{EDITS},\"median\":{:.1},\"max\":{:.1}}}",
                times[times.len() / 2],
                times[times.len() - 1]
            );
            session.take();
            app.quit();
        }
    });
    begin();
}

/// A text that many people typed, each so many edits here and there with deletions. Many, because a local edit of yrs walks all
/// blocks before it: one who made all of them would take minutes.
fn typed_text() -> Bytes {
    const PEOPLE: u64 = 26;
    let mut rng = Rng::from_seed(7);
    let mut whole = TextDocument::new(7).expect("a text");
    for person in 1..=PEOPLE {
        let mut document = TextDocument::new(7 + person).expect("a text");
        let mut at = 0;
        for edit in 0..EDITS / PEOPLE as usize {
            if edit % 40 == 0 {
                at = rng.below(document.visible().len() as u64 + 1) as usize;
            }
            // Not one that the next deletion takes back.
            let at_once = if edit % 60 == 57 { "\n" } else { ["a", "e", "n", " ", "t", "o"][edit % 6] };
            if edit % 5 == 4 && at > 0 {
                document.splice(at - 1, 1, "", 0).expect("an edit");
                at -= 1;
            } else {
                document.splice(at, 0, at_once, 0).expect("an edit");
                at += 1;
            }
        }
        let typed = document.document().snapshot().expect("a snapshot");
        let (_, applied) = whole.apply(&[&typed]);
        assert!(applied.iter().all(Result::is_ok), "what was typed is taken");
    }
    whole.document().snapshot().expect("a snapshot").into()
}

/// The first widget of this type at or below another.
fn find<T: IsA<gtk::Widget>>(widget: &gtk::Widget) -> Option<T> {
    if let Some(found) = widget.downcast_ref::<T>() {
        return Some(found.clone());
    }
    let mut child = widget.first_child();
    while let Some(widget) = child {
        if let Some(found) = find(&widget) {
            return Some(found);
        }
        child = widget.next_sibling();
    }
    None
}

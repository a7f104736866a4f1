//! The window: a sidebar of documents, one page, and what is around it.
//!
//! # Layout
//!
//! - [`window`]: the widgets.
//! - [`actions`]: what menus and keys do.

use std::path::PathBuf;

use adw::prelude::*;
use relm4::prelude::*;
use relm4::{adw, gtk};
use shared::document::Kind;
use shared::names::DocumentId;

use crate::command_line::Options;
use crate::page::{PageInput, PageOutput};
use crate::session::notice::NEEDS_CONNECTION;
use crate::session::replica::{Broken, SheetReplica, TextReplica};
use crate::session::status::{Connection, Status};
use crate::session::{Batch, DocumentHandle, DocumentNews, Person, Session, Settings, Wish, colors};
use crate::sheet::page::{SheetInit, SheetPage};
use crate::text::{TextInit, TextPage};
use crate::ui::dialogs;

mod actions;
mod window;

use window::Window;

/// Identifies the program on the session bus and to the desktop.
pub const APP_ID: &str = "org.rustidocs.RustiDocs";

/// Opens the window and runs until it is closed.
///
/// Errors: there is no display, or the session's thread cannot be started.
pub fn run(options: Options, state: PathBuf) -> std::io::Result<()> {
    // relm4 would panic.
    gtk::init().map_err(|_| std::io::Error::other("there is no display"))?;
    let app = RelmApp::new(APP_ID).with_args(Vec::new());
    // Two windows are two people, or two servers: each is a process of its own.
    app.allow_multiple_instances(true);
    let (sender, receiver) = relm4::channel();
    let settings = Settings { server: options.server, person: options.person.clone(), state };
    // At most one message is on its way: the session waits until the window has taken what it was woken for.
    let session = Session::start(settings, move || {
        let _ = sender.send(());
    })?;
    let init = Init { session, wakes: receiver, person: options.person, document: options.document };
    app.run::<App>(init);
    Ok(())
}

/// What the window begins with.
pub struct Init {
    session: Session,
    wakes: relm4::Receiver<()>,
    person: Person,
    document: Option<(DocumentId, Kind)>,
}

/// The window's state.
pub struct App {
    session: Option<Session>,
    person: Person,
    window: Window,
    open: Option<OpenDocument>,
    /// Whether the list of documents could be read when it was tried last.
    reachable: bool,
    /// The document that this window asked to have deleted last.
    deleting: Option<DocumentId>,
}

struct OpenDocument {
    handle: DocumentHandle,
    page: Page,
    status: Status,
    editable: bool,
}

/// A page of any kind behind the one set of messages.
enum Page {
    Text(Controller<TextPage>),
    Sheet(Controller<SheetPage>),
}

/// What happens to the window.
#[derive(Debug)]
pub enum AppMsg {
    /// The session has something to take.
    News,
    /// Open this document.
    Open(DocumentId, Kind),
    /// Make a document and open it.
    Create(Kind),
    /// Ask for a new title of this document, or of the open one.
    AskRename(Option<DocumentId>),
    /// Give it this title.
    Rename(DocumentId, String),
    /// Ask whether this document, or the open one, shall go.
    AskDelete(Option<DocumentId>),
    /// Delete it.
    Delete(DocumentId),
    /// For the open page.
    ToPage(PageInput),
    /// From the page of this seat.
    FromPage(u64, PageOutput),
    /// Put the keyboard into the search field of the sidebar.
    SearchDocuments,
    /// Show the keys.
    Shortcuts,
    /// Show what this is.
    About,
    /// The window is being closed.
    Closing,
}

impl Component for App {
    type Init = Init;
    type Input = AppMsg;
    type Output = ();
    type CommandOutput = ();
    type Root = adw::ApplicationWindow;
    type Widgets = ();

    fn init_root() -> adw::ApplicationWindow {
        adw::ApplicationWindow::builder().default_width(1080).default_height(720).title("RustiDocs").build()
    }

    fn init(init: Init, root: adw::ApplicationWindow, sender: ComponentSender<App>) -> ComponentParts<App> {
        let window = Window::build(&root, &sender);
        actions::install(&root, &sender);
        let news = sender.input_sender().clone();
        relm4::spawn_local(async move {
            while init.wakes.recv().await.is_some() {
                if news.send(AppMsg::News).is_err() {
                    break;
                }
            }
        });
        let mut app = App {
            session: Some(init.session),
            person: init.person,
            window,
            open: None,
            reachable: true,
            deleting: None,
        };
        if let Some((id, kind)) = init.document {
            app.open(id, kind, true, &sender);
        }
        ComponentParts { model: app, widgets: () }
    }

    fn update(&mut self, message: AppMsg, sender: ComponentSender<App>, root: &adw::ApplicationWindow) {
        match message {
            AppMsg::News => self.news(&sender),
            AppMsg::Open(id, kind) => self.open(id, kind, false, &sender),
            AppMsg::Create(kind) => {
                let title = match kind {
                    Kind::Text => "Untitled text",
                    Kind::Sheet => "Untitled sheet",
                };
                self.wish(Wish::Create { id: None, kind, title: title.into() });
            }
            AppMsg::AskRename(id) => {
                if let Some(id) = self.meant(id).filter(|_| self.can_ask()) {
                    let title = self.title(&id);
                    let sender = sender.input_sender().clone();
                    dialogs::rename(root, "Rename Document", &title, move |title| {
                        sender.emit(AppMsg::Rename(id.clone(), title))
                    });
                }
            }
            AppMsg::Rename(id, title) => self.wish(Wish::Rename(id, title)),
            AppMsg::AskDelete(id) => {
                if let Some(id) = self.meant(id).filter(|_| self.can_ask()) {
                    let title = self.title(&id);
                    let sender = sender.input_sender().clone();
                    dialogs::delete(root, &title, move || sender.emit(AppMsg::Delete(id.clone())));
                }
            }
            AppMsg::Delete(id) => {
                // Its page closes when it is deleted: that needs a connection.
                self.deleting = Some(id.clone());
                self.wish(Wish::Delete(id));
            }
            AppMsg::ToPage(input) => {
                if let Some(open) = &self.open {
                    open.page.emit(input);
                }
            }
            AppMsg::FromPage(seat, output) => self.page_says(seat, output),
            AppMsg::SearchDocuments => self.window.search_documents(),
            AppMsg::Shortcuts => dialogs::shortcuts(root),
            AppMsg::About => dialogs::about(root),
            AppMsg::Closing => {
                self.finish();
                root.set_visible(false);
                if let Some(session) = self.session.take() {
                    session.close();
                }
                relm4::main_application().quit();
            }
        }
    }
}

impl App {
    fn open(&mut self, id: DocumentId, kind: Kind, make: bool, sender: &ComponentSender<App>) {
        if self.open.as_ref().is_some_and(|open| open.handle.document == id && open.handle.kind == kind) {
            self.window.fold_sidebar();
            return;
        }
        // The page that is left speaks to the session once more, before its room is told to end.
        self.finish();
        let Some(session) = &mut self.session else { return };
        let handle = match session.open(id.clone(), kind, make) {
            Ok(handle) => handle,
            Err(error) => {
                self.window.toast(&error.to_string());
                return;
            }
        };
        let Ok(page) = Page::launch(&handle, sender) else {
            self.window.show_closed("The document could not be opened.");
            return;
        };
        self.window.show_page(page.widget());
        self.window.select(Some(&id));
        let status = Status::default();
        self.window.show_status(&status);
        self.window.show_people(&self.person, &[]);
        self.open = Some(OpenDocument { handle, page, status, editable: false });
        self.show_title();
    }

    /// What is being typed in the open page becomes an edit: the page is about to go.
    fn finish(&self) {
        if let Some(open) = &self.open {
            open.page.finish();
        }
    }

    fn close_page(&mut self) {
        self.open = None;
        self.window.show_nothing();
        self.show_title();
    }

    fn close_page_as(&mut self, words: &str) {
        self.open = None;
        self.window.show_closed(words);
        self.show_title();
    }

    fn news(&mut self, sender: &ComponentSender<App>) {
        let Some(session) = &self.session else { return };
        let Batch { document, directory, unreachable, created, notices } = session.take();
        if let Some(news) = document {
            self.document_news(news);
        }
        if unreachable {
            self.reachable = false;
            self.window.show_unreachable();
        }
        if let Some(entries) = directory {
            self.reachable = true;
            let open = self.open.as_ref().map(|open| &open.handle.document);
            self.window.show_documents(entries, open);
            self.show_title();
        }
        if let Some((id, kind)) = created {
            self.open(id, kind, false, sender);
        }
        for notice in notices {
            self.window.toast(&notice.words);
        }
    }

    fn document_news(&mut self, news: DocumentNews) {
        let Some(open) = self.open.as_mut().filter(|open| open.handle.seat == news.seat) else { return };
        if !news.updates.is_empty() {
            open.page.emit(PageInput::Updates(news.updates));
        }
        if let Some(mut peers) = news.peers {
            let own = colors::tell_apart(open.handle.client, &self.person, &mut peers);
            self.window.show_people(&own, &peers);
            open.page.emit(PageInput::Peers(peers));
        }
        if let Some(status) = news.status {
            open.status = status;
            self.window.show_status(&status);
        }
        if news.ready && !open.editable {
            open.editable = true;
            open.page.emit(PageInput::Editable(true));
            open.page.emit(PageInput::Focus);
        }
        open.page.emit(PageInput::Retry);
        if let Some(closed) = news.closed {
            // Whoever deleted it need not be told that somebody did.
            if self.deleting.take_if(|id| *id == open.handle.document).is_some() {
                self.close_page();
            } else {
                self.close_page_as(&closed.words);
            }
        }
    }

    fn page_says(&mut self, seat: u64, output: PageOutput) {
        if self.open.as_ref().is_none_or(|open| open.handle.seat != seat) {
            return;
        }
        match output {
            PageOutput::Summary(words) => self.window.summarize(&words),
            PageOutput::UndoState { can_undo, can_redo } => self.window.show_undo(can_undo, can_redo),
            PageOutput::Notice(words) => self.window.toast(&words),
            PageOutput::Failed(words) => self.close_page_as(&words),
        }
    }

    fn wish(&self, wish: Wish) {
        if let Some(session) = &self.session
            && let Err(error) = session.wish(wish)
        {
            self.window.toast(&error.to_string());
        }
    }

    /// The document that an action is about: the named one, or the open one.
    fn meant(&self, id: Option<DocumentId>) -> Option<DocumentId> {
        id.or_else(|| self.open.as_ref().map(|open| open.handle.document.clone()))
    }

    /// Whether a question about the list is worth asking; says it when it is not.
    fn can_ask(&self) -> bool {
        let online = match &self.open {
            Some(open) => open.status.connection != Connection::Offline,
            None => self.reachable,
        };
        if !online {
            self.window.toast(NEEDS_CONNECTION);
        }
        online
    }

    fn title(&self, id: &DocumentId) -> String {
        self.window.title_of(id).unwrap_or_else(|| id.to_string())
    }

    fn show_title(&self) {
        let open = self.open.as_ref().map(|open| self.title(&open.handle.document));
        self.window.show_title(open.as_deref());
    }
}

impl Page {
    fn launch(handle: &DocumentHandle, sender: &ComponentSender<App>) -> Result<Page, Broken> {
        let (handle, seat) = (handle.clone(), handle.seat);
        let (to, from) = (sender.input_sender(), move |output| AppMsg::FromPage(seat, output));
        Ok(match handle.kind {
            Kind::Text => {
                let replica = TextReplica::new(handle.client)?;
                Page::Text(TextPage::builder().launch(TextInit { handle, replica }).forward(to, from))
            }
            Kind::Sheet => {
                let replica = SheetReplica::new(handle.client)?;
                Page::Sheet(SheetPage::builder().launch(SheetInit { handle, replica }).forward(to, from))
            }
        })
    }

    fn widget(&self) -> &gtk::Widget {
        match self {
            Page::Text(page) => page.widget().upcast_ref(),
            Page::Sheet(page) => page.widget().upcast_ref(),
        }
    }

    /// Ends what is being typed. Not by a message: nobody would be there to read it.
    fn finish(&self) {
        match self {
            // Every letter of a text is an edit at once.
            Page::Text(_) => {}
            Page::Sheet(page) => page.model().finish(),
        }
    }

    fn emit(&self, input: PageInput) {
        match self {
            Page::Text(page) => page.emit(input),
            Page::Sheet(page) => page.emit(input),
        }
    }
}

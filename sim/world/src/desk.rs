//! A person at a window: the desktop's session with a page that types words and reads what others write.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use desktop_client::session::replica::TextReplica;
use desktop_client::session::status::Connection;
use desktop_client::session::{DocumentHandle, Person, Server, Session, Settings};
use shared::document::Kind;
use shared::rt::rng::Rng;
use tokio::time::sleep;

use crate::service::SERVICE_PORT;
use crate::trace;
use crate::world::{Desk, Stage, World};

/// Longest time between two looks of a page, milliseconds; it types one word at a time.
const PAUSE_MS_MAX: u64 = 150;
/// The same while people type in rounds.
const ROUNDS_PAUSE_MS_MAX: u64 = 20;

/// Everything that a desk does from when its machine is switched on.
pub(crate) async fn run(world: Rc<World>, number: usize) {
    let desk = &world.desks[number];
    desk.computer.host.booted();
    let sitting = async {
        desk.computer.wait_until_up().await;
        while world.stage.get() < Stage::Load {
            sleep(Duration::from_millis(20)).await;
        }
        if let Err(why) = sit(&world, desk, number).await {
            world.fault(format!("{}: {why}", desk.computer.name));
        }
    };
    desk.computer.host.run(sitting).await;
}

/// Opens the document and types until the load ends; looks until the run does.
async fn sit(world: &World, desk: &Desk, number: usize) -> Result<(), String> {
    let name = &desk.computer.name;
    let service = &world.services[number % world.services.len()].name;
    let server = Server::Service { authority: format!("{service}:{SERVICE_PORT}") };
    let settings = Settings { server, person: Person::new(name, None), state: PathBuf::from("/state") };
    let mut session = Session::start(settings, || {}).map_err(|error| error.to_string())?;
    let handle = session.open(world.document.clone(), Kind::Text, true).map_err(|error| error.to_string())?;
    let author = world.authors.borrow_mut().arrive();
    trace::line(name, format_args!("opens the document as author {author}"));
    let mut rng = Rng::from_seed(world.seed.wrapping_mul(1_000).wrapping_add(500 + author as u64));
    let mut page =
        Page { replica: TextReplica::new(handle.client).map_err(|error| error.to_string())?, handle };
    let (mut ready, mut looked) = (false, trace::now());
    loop {
        let pause = if world.round.get() == 0 { PAUSE_MS_MAX } else { ROUNDS_PAUSE_MS_MAX };
        sleep(Duration::from_millis(1 + rng.below(pause))).await;
        let batch = session.take();
        for notice in &batch.notices {
            trace::line(name, format_args!("is told: {notice:?}"));
        }
        if let Some(news) = batch.document {
            page.replica.apply(&news.updates).map_err(|error| error.to_string())?;
            ready |= news.ready;
            if let Some(closed) = news.closed {
                return Err(format!("the page was closed: {closed:?}"));
            }
            if let Some(status) = news.status {
                let mut authors = world.authors.borrow_mut();
                let saved = authors.saw_unsaved(author, status.unsaved, looked);
                trace::line(
                    name,
                    format_args!("{:?}, {} unsaved, {saved} saved", status.connection, status.unsaved),
                );
                desk.settled
                    .set(status.connection == Connection::Online && status.unsaved == 0 && status.kept);
            }
        }
        looked = trace::now();
        world.authors.borrow_mut().looks(author, looked);
        if ready && (world.stage.get() == Stage::Load || desk.round.get() < world.round.get()) {
            let word = world.authors.borrow_mut().types(author, looked);
            desk.settled.set(false);
            page.types(&word)?;
            *desk.last_word.borrow_mut() = word;
            desk.round.set(world.round.get());
            world.count("typed");
        }
        *desk.shown.borrow_mut() = page.replica.text().to_string();
    }
}

struct Page {
    replica: TextReplica,
    handle: DocumentHandle,
}

impl Page {
    /// A word at the end of the document.
    fn types(&mut self, word: &str) -> Result<(), String> {
        let end = self.replica.text().len();
        let update = self.replica.splice(end, 0, word).map_err(|error| error.to_string())?;
        match update {
            Some(update) => self.handle.edit(update).map_err(|error| error.to_string()),
            None => Err("a word changed nothing".into()),
        }
    }
}

//! The service as a whole: what its doors (WebSocket, HTTP, control channel) share, and its life from start to stop.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use shared::client::{Client, ClientError};
use shared::names::DocumentId;
use shared::rt::net::TcpListener;
use shared::rt::rng;
use shared::rt::task;

use crate::catalog::{Catalog, CatalogError, Meta, Wanted};
use crate::config::Settings;
use crate::control;
use crate::directory::Directory;
use crate::export::{self, Format};
use crate::gateway::listener;
use crate::http;
use crate::metrics::Metrics;
use crate::room::{Context, Whole};
use crate::save;

/// What the doors share.
#[derive(Debug)]
pub struct Service {
    /// The cluster.
    pub client: Client,
    /// Which documents there are.
    pub catalog: Catalog,
    /// Which documents are open here.
    pub directory: Arc<Directory>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What *saved* means on this cluster, when it was asked last.
    saved_meaning: Mutex<String>,
}

/// Why the service does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The cluster cannot be reached.
    #[error("the cluster: {0}")]
    Cluster(#[from] ClientError),
    /// It cannot listen, or the runtime cannot be made.
    #[error("{what}: {error}")]
    System {
        /// What was to be done.
        what: String,
        /// Why it was not.
        error: io::Error,
    },
}

/// Runs until SIGTERM or SIGINT, then saves what is open and returns.
pub fn run(settings: Settings) -> Result<(), ServiceError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("service")
        .build()
        .map_err(|error| ServiceError::System { what: "the runtime".into(), error })?;
    runtime.block_on(live(settings, stop_signal()))
}

/// Runs on the runtime that is entered until `stop` says why it is to stop, then saves what is open and returns.
///
/// # Errors
/// It cannot listen, or the cluster cannot be reached.
pub async fn live(settings: Settings, stop: impl Future<Output = &'static str>) -> Result<(), ServiceError> {
    let listen = settings.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| ServiceError::System { what: format!("listening on {listen}"), error })?;
    let address = listener.local_addr().unwrap_or(listen);
    let client = Client::connect(settings.cluster.clone()).await?;
    let service = Arc::new(Service::new(client, &settings));
    let requests = control::subscribe(&service.client).await?;
    let saved = service.ask_saved_meaning().await?;
    tracing::info!("saved means: {saved}");
    tracing::info!("Ready to accept connections on {address}");
    tokio::select! {
        biased;
        signal = stop => tracing::info!(signal, "stopping"),
        () = listener::serve(listener, http::router(service.clone())) => {}
        () = control::serve(service.clone(), requests) => {}
    }
    service.directory.stop().await;
    tracing::info!("stopped; every open document is saved");
    Ok(())
}

impl Service {
    fn new(client: Client, settings: &Settings) -> Service {
        let metrics = Arc::new(Metrics::default());
        let context = Context {
            client: client.clone(),
            metrics: metrics.clone(),
            holder: format!("{:016x}", rng::random_u64()),
            save_every: settings.save_every,
            idle_after: settings.idle_after,
        };
        let directory = Arc::new(Directory::new(context));
        let catalog = Catalog::new(client.clone());
        Service { catalog, client, directory, metrics, saved_meaning: Mutex::default() }
    }

    /// What *saved* means on this cluster, in words, as it was asked last.
    pub fn saved_meaning(&self) -> String {
        self.saved_meaning.lock().clone()
    }

    /// Asks the cluster what *saved* means on it.
    pub async fn ask_saved_meaning(&self) -> Result<String, ClientError> {
        let meaning = self.client.saved_meaning().await?.to_string();
        self.saved_meaning.lock().clone_from(&meaning);
        Ok(meaning)
    }

    /// Creates a document.
    pub async fn create(&self, wanted: Wanted) -> Result<Meta, CatalogError> {
        self.catalog.create(wanted).await
    }

    /// The document as it is now, in a format.
    pub async fn read(&self, id: &DocumentId, format: Format) -> Result<String, CatalogError> {
        let whole = match self.directory.read(id).await {
            Some(whole) => whole,
            None => self.load(id).await?,
        };
        let read = move || export::read(whole.kind, &whole.update, format);
        let damaged = |error: task::JoinError| CatalogError::Damaged(error.to_string());
        task::spawn_blocking(read).await.map_err(damaged)?.map_err(CatalogError::from)
    }

    /// Deletes a document, here and in every other service.
    pub async fn delete(&self, id: &DocumentId) -> Result<(), CatalogError> {
        self.catalog.delete(id).await?;
        self.directory.deleted(id).await;
        control::announce_deleted(&self.client, id.as_str()).await;
        Ok(())
    }

    async fn load(&self, id: &DocumentId) -> Result<Whole, CatalogError> {
        let found = self.catalog.find(id).await?;
        save::load::whole(&self.client, id, found).await
    }
}

/// The name of the signal that asks the service to stop.
async fn stop_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals are not heard; only SIGKILL stops this process");
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

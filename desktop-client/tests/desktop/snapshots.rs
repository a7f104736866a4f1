//! What is edited by RESP, without a window: the document service saves it for everybody.

use desktop_client::session::replica::TextReplica;
use desktop_client::session::{Person, Session, Settings};
use shared::document::Kind;
use shared::rt::time::{Duration, Instant};
use shared::testing::{Cluster, Service, TempFolder, wait};

/// Snapshots are written every 3 s where something changed; the rest is for a loaded machine.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(12);

/// A session on the cluster itself that has typed these words, and its end of the document.
fn typed(cluster: &Cluster, folder: &TempFolder, document: &str, words: &str) -> Session {
    let settings = Settings {
        server: cluster.url().parse().expect("an address"),
        person: Person::new("Ana", None),
        state: folder.path().join("state"),
    };
    let mut session = Session::start(settings, || {}).expect("a session");
    let id = document.parse().expect("a document id");
    let handle = session.open(id, Kind::Text, true).expect("a document");
    let mut replica = TextReplica::new(handle.client).expect("a text");
    let update = replica.splice(0, 0, words).expect("an edit").expect("an update");
    handle.edit(update).expect("the session takes it");
    wait::until("the edit is saved", || {
        let news = session.take().document.and_then(|news| news.status);
        news.is_some_and(|status| status.label() == "All changes saved")
    });
    session
}

#[test]
fn what_a_window_on_the_cluster_writes_is_readable_soon_and_also_after_the_service_was_started_again() {
    let folder = TempFolder::new("snapshots");
    let cluster = Cluster::ours(3, 0);
    let mut service = Service::start_on(&cluster.url(), folder.path(), &[]);
    let snapshot = |document: &str, text: &str| {
        let key = format!("doc:{{{document}}}");
        let mut wire = cluster.node(cluster.owner_of(&key)).wire();
        let began = Instant::now();
        wait::until("GET shows the text", || wire.call(&["GET", &key]).as_str() == Some(text));
        began.elapsed()
    };
    let session = typed(&cluster, &folder, "plan", "one\n");
    let waited = snapshot("plan", "one\n");
    assert!(waited < SNAPSHOT_WITHIN, "{waited:?}");
    session.close();

    // Nobody is there to ask while the service is down; it is asked when it is back.
    service.kill();
    let session = typed(&cluster, &folder, "later", "two\n");
    service.start();
    snapshot("later", "two\n");
    session.close();
}

//! Documents by HTTP.

use serde_json::json;

use crate::support::http::request;
use crate::support::stage::Stage;
use crate::support::ws::Ws;

#[tokio::test]
async fn a_document_is_created_read_renamed_listed_and_deleted() {
    let stage = Stage::redis();
    let service = &stage.service;
    let created =
        request(service, "POST", "/documents", Some(json!({ "kind": "text", "title": "My notes" })));
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let mut ana = Ws::join(&stage.address(), &id).await;
    ana.type_in("now").await;
    ana.seen().await;
    // Read from the open document: it is as it is now, not as it was saved.
    let read = request(service, "GET", &format!("/documents/{id}?format=text"), None);
    assert_eq!((read.status, read.body.as_str()), (200, "now"));
    let all = request(service, "GET", &format!("/documents/{id}"), None).json();
    assert_eq!((&all["kind"], &all["text"]), (&json!("text"), &json!("now")));
    let renamed = request(service, "PATCH", &format!("/documents/{id}"), Some(json!({ "title": "Ours" })));
    assert_eq!(renamed.json()["title"], "Ours");
    let listed = request(service, "GET", "/documents?limit=10", None).json();
    assert_eq!(listed["documents"][0]["title"], "Ours");
    assert_eq!(request(service, "GET", &format!("/documents/{id}?format=csv"), None).status, 400);

    assert_eq!(request(service, "DELETE", &format!("/documents/{id}"), None).status, 204);
    let closed = ana.wait_closed().await;
    assert_eq!((closed.code, closed.reason.as_str()), (4410, "the document was deleted"));
    assert_eq!(request(service, "GET", &format!("/documents/{id}"), None).status, 404);
    // Its former client does not bring it back.
    let mut back = Ws::with_doc(&stage.address(), &id, ana.into_doc()).await;
    assert_eq!(back.wait_closed().await.code, 4410);
    assert_eq!(request(service, "GET", "/documents", None).json()["documents"], json!([]));
    // Created anew it begins empty.
    let anew = request(service, "POST", "/documents", Some(json!({ "kind": "text", "id": id })));
    assert_eq!(anew.status, 201);
    assert_eq!(Ws::join(&stage.address(), &id).await.text(), "");
}

#[test]
fn creating_twice_conflicts_and_health_says_what_saved_means() {
    let stage = Stage::redis();
    let twice = Some(json!({ "kind": "sheet", "title": "Budget", "id": "budget" }));
    assert_eq!(request(&stage.service, "POST", "/documents", twice.clone()).status, 201);
    assert_eq!(request(&stage.service, "POST", "/documents", twice).status, 409);
    let health = request(&stage.service, "GET", "/healthz", None);
    assert!(health.json()["saved"].as_str().unwrap().contains("disk"), "{health:?}");
    let metrics = request(&stage.service, "GET", "/metrics", None).body;
    assert!(metrics.contains("rustidocs_saved_info{meaning="), "{metrics}");
    assert!(stage.service.process().unwrap().log().contains("saved means: "));
}

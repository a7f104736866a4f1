//! Documents by HTTP.

use serde_json::json;
use shared::limits::DOCUMENT_TITLE_BYTES_MAX;
use shared::testing::{Cluster, wait};

use crate::support::http::request;
use crate::support::stage::Stage;
use crate::support::ws::Ws;

#[tokio::test]
async fn a_document_is_created_read_renamed_listed_and_deleted_on_redis() {
    a_document_is_created_read_renamed_listed_and_deleted(Stage::redis()).await;
}

#[tokio::test]
async fn a_document_is_created_read_renamed_listed_and_deleted_on_our_nodes() {
    a_document_is_created_read_renamed_listed_and_deleted(Stage::ours()).await;
}

async fn a_document_is_created_read_renamed_listed_and_deleted(stage: Stage) {
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

#[test]
fn titles_are_any_text_of_one_line_up_to_their_bound() {
    let stage = Stage::ours();
    let service = &stage.service;
    let body = |title: &str| Some(json!({ "kind": "text", "title": title }));
    let longest = "x".repeat(DOCUMENT_TITLE_BYTES_MAX);
    for title in ["👩‍👩‍👧 naïve 中文", "<b>\"'&%00", "\u{202e}right to left", &longest] {
        let created = request(service, "POST", "/documents", body(title));
        assert_eq!((created.status, &created.json()["title"]), (201, &json!(title)));
        let id = created.json()["id"].as_str().unwrap().to_owned();
        let listed = request(service, "GET", "/documents?limit=1", None).json();
        assert_eq!(
            (&listed["documents"][0]["id"], &listed["documents"][0]["title"]),
            (&json!(id), &json!(title))
        );
        let renamed =
            request(service, "PATCH", &format!("/documents/{id}"), Some(json!({ "title": "plain" })));
        assert_eq!(renamed.json()["title"], "plain");
        let again = request(service, "PATCH", &format!("/documents/{id}"), Some(json!({ "title": title })));
        assert_eq!(again.json()["title"], title);
        for bad in
            ["x".repeat(10_000), "🙂".repeat(10_000), "a\u{0}b".into(), "a\u{1b}[31m".into(), "\t ".into()]
        {
            for (method, path) in [("POST", "/documents".to_owned()), ("PATCH", format!("/documents/{id}"))] {
                let json = if method == "POST" { body(&bad) } else { Some(json!({ "title": bad })) };
                let refused = request(service, method, &path, json);
                assert!(refused.status == 400 && refused.error().contains("title"), "{refused:?}");
            }
        }
        let untouched = request(service, "GET", "/documents?limit=1", None).json();
        assert_eq!(untouched["documents"][0]["title"], title);
    }
    assert_eq!(request(service, "PATCH", "/documents/no-such", Some(json!({ "title": "x" }))).status, 404);
}

#[test]
fn a_long_list_comes_in_pages_the_latest_changed_first() {
    let stage = Stage::ours();
    let service = &stage.service;
    for number in 0..25 {
        let document = json!({ "kind": "text", "id": format!("d{number:02}"), "workspace": "shelf" });
        assert_eq!(request(service, "POST", "/documents", Some(document)).status, 201);
    }
    let page = |query: &str| -> Vec<String> {
        let answer = request(service, "GET", &format!("/documents?workspace=shelf{query}"), None).json();
        let documents = answer["documents"].as_array().unwrap();
        documents.iter().map(|document| document["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = page("");
    let pages: Vec<String> = ["&limit=10", "&offset=10&limit=10", "&offset=20&limit=10"].map(page).concat();
    assert_eq!((pages.len(), &pages), (25, &all));
    let newest_first: Vec<String> = (0..25).rev().map(|number| format!("d{number:02}")).collect();
    assert_eq!(all, newest_first);
    assert_eq!((page("&offset=25"), page("&limit=0")), (Vec::<String>::new(), Vec::new()));
    assert_eq!(page("&limit=18446744073709551615").len(), 25);
    assert_eq!(
        request(service, "GET", "/documents", None).json()["documents"],
        json!([]),
        "another workspace"
    );
}

#[tokio::test]
async fn a_text_is_read_as_text_and_json_a_sheet_as_csv_and_json_open_or_not() {
    let stage = Stage::on(Cluster::ours(3, 0), &["--idle-after", "100ms", "--save-every", "50ms"]);
    let service = &stage.service;
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("one, \"two\"\n三 🙂").await;
    ana.seen().await;
    assert_eq!(
        request(service, "POST", "/documents", Some(json!({ "kind": "sheet", "id": "sums" }))).status,
        201
    );
    let check = |when: &str| {
        let read = |path: &str| request(service, "GET", path, None);
        assert_eq!(read("/documents/notes?format=text").body, "one, \"two\"\n三 🙂", "{when}");
        assert_eq!(read("/documents/notes").json()["text"], "one, \"two\"\n三 🙂", "{when}");
        assert_eq!(
            (read("/documents/sums?format=csv").status, read("/documents/sums?format=text").status),
            (200, 400)
        );
        assert_eq!(
            read("/documents/sums?format=json").json()["sheets"].as_array().unwrap().len(),
            1,
            "{when}"
        );
    };
    check("while it is open");
    drop(ana);
    wait::until("the document is closed", || {
        request(service, "GET", "/metrics", None).body.contains("\nrustidocs_rooms 0\n")
    });
    check("when it is closed");
}

#[test]
fn who_opens_the_address_in_a_browser_reads_what_there_is() {
    let stage = Stage::ours();
    let answer = stage.service.request("GET", "/", "").unwrap();
    let address = stage.address();
    for words in [
        "HTTP/1.1 200 ",
        "content-type: text/plain; charset=utf-8",
        &format!("ws://{address}/ws"),
        "/documents",
        "/healthz",
    ] {
        assert!(answer.contains(words), "{words} in {answer}");
    }
    assert_eq!(request(&stage.service, "POST", "/", None).status, 405);
}

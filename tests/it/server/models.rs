//! Model lists and other shared responses.

use std::time::Duration;

use salon::agent::protocol::Conversation;
use salon::live::models::ServerModels;
use salon::live::server::response_cache::{CacheLookup, LIMIT, ResponseCache, TTL};
use salon::live::server::{Freshness, HttpRequest, HttpResponse, ServerConfig, ServerHandle};
use tokio::time::Instant;

use super::harness::{Client, ServerHarness, opencode, opening};

const PATH: &str = "GET /config/providers";

#[tokio::test]
async fn c4_ten_clients_share_one_model_request() {
    let harness = ServerHarness::new();
    let server = harness.server();
    let project = harness.directory("p");
    let models = ServerModels::new(server.clone(), opencode());
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let (models, project) = (models.clone(), project.clone());
            tokio::spawn(async move { models.list(&project, Freshness::Cached).await })
        })
        .collect();
    for answer in asking {
        let list = answer.await.expect("a list");
        assert_eq!(list.models[0], ("lab/big".to_owned(), "Big (Lab)".to_owned()));
        assert_eq!(list.models[1].0, "lab/family/small");
        assert!(list.age.is_some() && list.error.is_none());
    }
    assert_eq!(harness.requests(PATH).len(), 1);

    // A client that opens needs the list too; it is cached.
    Client::open(&server, opening(&project, Conversation::New { id: None })).await;
    assert_eq!(harness.requests(PATH).len(), 1);

    models.list(&project, Freshness::New).await;
    assert_eq!(harness.requests(PATH).len(), 2);

    harness.control("fail");
    let list = models.list(&project, Freshness::New).await;
    assert_eq!(list.models.len(), 2, "the old list stays");
    assert!(list.age.is_some());
    assert_eq!(list.error.as_deref(), Some("the server responded with 500"));
    server.shut_down().await;
}

#[tokio::test]
async fn c5_a_missing_model_list_does_not_block_work() {
    let harness = ServerHarness::new();
    harness.control("hang");
    let config = harness.config();
    assert_eq!((config.shared_timeout, LIMIT), (LIMIT, Duration::from_secs(10)));
    let server = ServerHandle::new(ServerConfig { shared_timeout: Duration::from_millis(100), ..config });
    let project = harness.directory("p");
    let list = ServerModels::new(server.clone(), opencode()).list(&project, Freshness::Cached).await;
    assert!(list.models.is_empty() && list.age.is_none());
    assert!(list.error.is_some_and(|error| error.starts_with("no response within")));

    let mut opening = opening(&project, Conversation::New { id: None });
    opening.model = Some("lab/typed/by/hand".into());
    let mut client = Client::open(&server, opening).await;
    client.turn("say it works").await;
    let sent = harness.requests(&format!("POST /session/{}/prompt_async", client.session()));
    assert_eq!(sent[0]["body"]["model"]["modelID"], "typed/by/hand");
    server.shut_down().await;
}

#[test]
fn c4_a_response_is_cached_for_its_time_to_live() {
    let mut cache = ResponseCache::default();
    let request = HttpRequest { shared: true, ..HttpRequest::get("/models") };
    let start = Instant::now();
    let reply = |text: &str| Ok(HttpResponse { status: 200, body: text.as_bytes().to_vec() });
    assert!(matches!(cache.request(&request, Freshness::Cached, 1, start), CacheLookup::Miss));
    assert!(matches!(cache.request(&request, Freshness::Cached, 2, start), CacheLookup::Pending));
    let (requesters, fetched) = cache.complete(&request, reply("old"), start);
    assert_eq!((requesters, fetched.error), (vec![1, 2], None));

    let within = start + TTL - Duration::from_secs(1);
    assert!(matches!(cache.request(&request, Freshness::Cached, 3, within), CacheLookup::Hit(3, _)));
    assert!(matches!(cache.request(&request, Freshness::New, 4, within), CacheLookup::Miss));
    let (requesters, fetched) = cache.complete(&request, Err("gone".into()), within);
    assert_eq!((requesters, fetched.received_at, fetched.error.as_deref()), (vec![4], Some(start), Some("gone")));
    assert_eq!(fetched.response.expect("the old one").body, b"old");

    assert!(matches!(cache.request(&request, Freshness::Cached, 5, start + TTL), CacheLookup::Miss));
}

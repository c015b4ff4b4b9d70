//! Lists of models, and all else that is asked once for everybody.

use std::time::Duration;

use salon::agent::protocol::Conversation;
use salon::live::models::Models;
use salon::live::server::shared::{LIMIT, Shelf, TTL, Ticket};
use salon::live::server::{Freshness, Hosting, Reply, Request, Server};
use tokio::time::Instant;

use super::stage::{Pane, Stage, opencode, opening};

const PATH: &str = "GET /config/providers";

#[tokio::test]
async fn c4_ten_panes_ask_for_models_once() {
    let stage = Stage::new();
    let server = stage.server();
    let project = stage.directory("p");
    let models = Models::new(server.clone(), opencode());
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let (models, project) = (models.clone(), project.clone());
            tokio::spawn(async move { models.list(&project, Freshness::Kept).await })
        })
        .collect();
    for answer in asking {
        let list = answer.await.expect("a list");
        assert_eq!(list.models[0], ("lab/big".to_owned(), "Big (Lab)".to_owned()));
        assert_eq!(list.models[1].0, "lab/family/small");
        assert!(list.age.is_some() && list.problem.is_none());
    }
    assert_eq!(stage.requests(PATH).len(), 1);

    // A pane that opens wants it too; it is there.
    Pane::open(&server, opening(&project, Conversation::New { id: None })).await;
    assert_eq!(stage.requests(PATH).len(), 1);

    models.list(&project, Freshness::New).await;
    assert_eq!(stage.requests(PATH).len(), 2);

    stage.control("fail");
    let list = models.list(&project, Freshness::New).await;
    assert_eq!(list.models.len(), 2, "the old list stays");
    assert!(list.age.is_some());
    assert_eq!(list.problem.as_deref(), Some("the server answered 500"));
    server.shut_down().await;
}

#[tokio::test]
async fn c5_a_list_that_never_comes_is_unavailable_and_work_goes_on() {
    let stage = Stage::new();
    stage.control("hang");
    let hosting = stage.hosting();
    assert_eq!((hosting.shared, LIMIT), (LIMIT, Duration::from_secs(10)));
    let server = Server::new(Hosting { shared: Duration::from_millis(100), ..hosting });
    let project = stage.directory("p");
    let list = Models::new(server.clone(), opencode()).list(&project, Freshness::Kept).await;
    assert!(list.models.is_empty() && list.age.is_none());
    assert!(list.problem.is_some_and(|problem| problem.starts_with("no answer within")));

    let mut opening = opening(&project, Conversation::New { id: None });
    opening.model = Some("lab/typed/by/hand".into());
    let mut pane = Pane::open(&server, opening).await;
    pane.turn("say it works").await;
    let sent = stage.requests(&format!("POST /session/{}/prompt_async", pane.session()));
    assert_eq!(sent[0]["body"]["model"]["modelID"], "typed/by/hand");
    server.shut_down().await;
}

#[test]
fn c4_an_answer_is_kept_for_its_time_and_no_longer() {
    let mut shelf = Shelf::default();
    let request = Request { shared: true, ..Request::get("/models") };
    let start = Instant::now();
    let reply = |text: &str| Ok(Reply { status: 200, body: text.as_bytes().to_vec() });
    assert!(matches!(shelf.ask(&request, Freshness::Kept, 1, start), Ticket::Send));
    assert!(matches!(shelf.ask(&request, Freshness::Kept, 2, start), Ticket::Wait));
    let (askers, fetched) = shelf.arrived(&request, reply("old"), start);
    assert_eq!((askers, fetched.problem), (vec![1, 2], None));

    let within = start + TTL - Duration::from_secs(1);
    assert!(matches!(shelf.ask(&request, Freshness::Kept, 3, within), Ticket::Here(3, _)));
    assert!(matches!(shelf.ask(&request, Freshness::New, 4, within), Ticket::Send));
    let (askers, fetched) = shelf.arrived(&request, Err("gone".into()), within);
    assert_eq!((askers, fetched.at, fetched.problem.as_deref()), (vec![4], Some(start), Some("gone")));
    assert_eq!(fetched.reply.expect("the old one").body, b"old");

    assert!(matches!(shelf.ask(&request, Freshness::Kept, 5, start + TTL), Ticket::Send));
}

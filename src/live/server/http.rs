//! Requests to an agent's server: plain HTTP/1.1 on loopback, with basic authentication, a connection a request.
//!
//! What is sent and what comes back is never logged: answers hold keys.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest answer that is taken.
const LONGEST_ANSWER: usize = 64 << 20;

/// How long a server may take to answer a GET. What a POST starts may take any time.
const GET_LIMIT: Duration = Duration::from_secs(30);

/// A request of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// HTTP method.
    pub method: &'static str,
    /// Path with query.
    pub path: String,
    /// Headers besides those that every request has.
    pub headers: Vec<(&'static str, String)>,
    /// JSON body.
    pub body: Option<Vec<u8>>,
    /// A GET that is asked once for all who ask.
    pub shared: bool,
}

impl Request {
    /// A plain GET.
    pub fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), headers: Vec::new(), body: None, shared: false }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// Where a server listens, and what opens it.
#[derive(Clone)]
pub struct Endpoint {
    /// Its address, on loopback.
    pub address: SocketAddr,
    authorisation: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// A server on loopback. An error: it is elsewhere, and what is said to it would be read on the way.
    pub fn new(address: SocketAddr, user: &str, password: &str) -> Result<Self, String> {
        if !address.ip().is_loopback() {
            return Err(format!("the server at {address} is not on this machine"));
        }
        let authorisation = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        Ok(Self { address, authorisation })
    }

    /// Sends a request and waits for the whole answer. An error says in words why none came.
    pub async fn exchange(&self, request: Request) -> Result<Reply, String> {
        let limit = if request.method == "GET" { Some(GET_LIMIT) } else { None };
        let exchange = async {
            let response = self.send(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
            let body = body.map_err(|error| format!("the answer broke off: {error}"))?;
            Ok(Reply { status, body: body.to_bytes().into() })
        };
        match limit {
            Some(limit) => tokio::time::timeout(limit, exchange)
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs()))),
            None => exchange.await,
        }
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn send(&self, request: Request) -> Result<hyper::Response<Incoming>, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // It ends with the answer; its error is the answer's error.
        tokio::spawn(connection);
        let mut builder = hyper::Request::builder()
            .method(request.method)
            .uri(&request.path)
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, &self.authorisation);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if request.body.is_some() {
            builder = builder.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(request.body.unwrap_or_default()));
        let request = builder.body(body).map_err(|error| error.to_string())?;
        sender.send_request(request).await.map_err(|error| error.to_string())
    }
}

/// The address in what a server prints when it listens: `… http://127.0.0.1:4096`.
pub fn printed_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
    let host = rest[..end].replace("localhost", "127.0.0.1");
    host.parse().ok()
}

/// A password that nobody can guess.
pub fn password() -> Result<String, String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes for a password: {error}"))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

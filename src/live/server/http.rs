//! HTTP client for an agent's server: HTTP/1.1 on loopback, basic authentication, one connection per request.
//!
//! Requests and responses are never logged, because they contain API keys.

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

/// Maximum bytes per response body, because an unbounded body would exhaust memory.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// Timeout of a GET. A POST may start work of any length and has none.
const GET_TIMEOUT: Duration = Duration::from_secs(30);

/// A request to an agent's server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpRequest {
    /// HTTP method.
    pub method: &'static str,
    /// Path with query.
    pub path: String,
    /// Headers in addition to the standard ones.
    pub headers: Vec<(&'static str, String)>,
    /// JSON body.
    pub body: Option<Vec<u8>>,
    /// True for a GET whose response is shared by all callers.
    pub shared: bool,
    /// Time to wait before it.
    pub pause: Duration,
}

impl HttpRequest {
    /// Creates a plain GET.
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            shared: false,
            pause: Duration::ZERO,
        }
    }
}

/// Response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Body as JSON; `None` if it is something else, such as a web page.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns true for the answer of a healthy server to a request for its health.
    pub fn is_healthy(&self) -> bool {
        self.status == 200 && self.json().is_some_and(|health| health["healthy"] != false)
    }
}

/// Address and credentials of a server.
#[derive(Clone)]
pub struct Endpoint {
    /// Loopback address.
    pub address: SocketAddr,
    authorisation: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Creates an endpoint on loopback. Any other address is an error, because the traffic is not encrypted.
    pub fn new(address: SocketAddr, user: &str, password: &str) -> Result<Self, String> {
        if !address.ip().is_loopback() {
            return Err(format!("the server at {address} is not on this machine"));
        }
        let authorisation = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        Ok(Self { address, authorisation })
    }

    /// Sends a request and returns the complete response. The error is a message.
    pub async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, String> {
        let limit = if request.method == "GET" { Some(GET_TIMEOUT) } else { None };
        let exchange = async {
            let response = self.send(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
            let body = body.map_err(|error| format!("the response was interrupted: {error}"))?;
            Ok(HttpResponse { status, body: body.to_bytes().into() })
        };
        match limit {
            Some(limit) => tokio::time::timeout(limit, exchange)
                .await
                .unwrap_or_else(|_| Err(format!("no response within {} s", limit.as_secs()))),
            None => exchange.await,
        }
    }

    /// Sends a request and returns the response head with the body as a stream.
    pub async fn send(&self, request: HttpRequest) -> Result<hyper::Response<Incoming>, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // The connection ends with the response and reports its errors there.
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

/// Parses the address from a server's startup line: `… http://127.0.0.1:4096`.
pub fn printed_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
    let host = rest[..end].replace("localhost", "127.0.0.1");
    host.parse().ok()
}

/// Generates a random password.
pub fn password() -> Result<String, String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes for a password: {error}"))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

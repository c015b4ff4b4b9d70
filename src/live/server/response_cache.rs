//! Cache of shared responses (lists of models, agents, commands): one request for all callers, with a time to live.
//!
//! Contains no clock and no client: the caller sends the requests and passes in the time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::http::{HttpRequest, HttpResponse};

/// Time to live of a cached response.
pub const TTL: Duration = Duration::from_mins(5);

/// Timeout of a shared request.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Required freshness of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A cached response younger than [`TTL`] is sufficient.
    Cached,
    /// A new request is required.
    New,
}

/// Response to a shared request, with its age.
#[derive(Clone, Debug)]
pub struct SharedResponse {
    /// Latest successful response.
    pub response: Option<Arc<HttpResponse>>,
    /// Time at which it was received.
    pub received_at: Option<Instant>,
    /// Error of the latest request, if it failed.
    pub error: Option<String>,
}

#[derive(Debug)]
struct CacheSlot<W> {
    cached: Option<(Arc<HttpResponse>, Instant)>,
    waiting: Vec<W>,
}

/// Result of a cache lookup.
#[derive(Debug)]
pub enum CacheLookup<W> {
    /// Cached response.
    Hit(W, SharedResponse),
    /// The caller waits, and the request must be sent.
    Miss,
    /// The caller waits for a request that is already sent.
    Pending,
}

/// Cached responses and waiting callers, by request.
#[derive(Debug)]
pub struct ResponseCache<W> {
    slots: HashMap<HttpRequest, CacheSlot<W>>,
}

impl<W> Default for ResponseCache<W> {
    fn default() -> Self {
        Self { slots: HashMap::new() }
    }
}

impl<W> ResponseCache<W> {
    /// Looks up a request and registers the caller on a miss.
    pub fn request(
        &mut self,
        request: &HttpRequest,
        freshness: Freshness,
        requester: W,
        now: Instant,
    ) -> CacheLookup<W> {
        let slot = self.slots.entry(request.clone()).or_insert_with(|| CacheSlot { cached: None, waiting: Vec::new() });
        if let (Some((response, received_at)), Freshness::Cached) = (&slot.cached, freshness)
            && now.duration_since(*received_at) < TTL
        {
            let shared =
                SharedResponse { response: Some(response.clone()), received_at: Some(*received_at), error: None };
            return CacheLookup::Hit(requester, shared);
        }
        slot.waiting.push(requester);
        if slot.waiting.len() == 1 { CacheLookup::Miss } else { CacheLookup::Pending }
    }

    /// Completes a request. Returns the waiting callers and their response. A failure keeps the older response.
    pub fn complete(
        &mut self,
        request: &HttpRequest,
        result: Result<HttpResponse, String>,
        now: Instant,
    ) -> (Vec<W>, SharedResponse) {
        let Some(slot) = self.slots.get_mut(request) else {
            return (Vec::new(), SharedResponse { response: None, received_at: None, error: result.err() });
        };
        let error = match result {
            Ok(response) if (200..300).contains(&response.status) => {
                slot.cached = Some((Arc::new(response), now));
                None
            }
            Ok(response) => Some(format!("the server responded with {}", response.status)),
            Err(error) => Some(error),
        };
        let (response, received_at) = slot.cached.clone().unzip();
        (std::mem::take(&mut slot.waiting), SharedResponse { response, received_at, error })
    }

    /// Fails all pending requests, after the server has ended.
    pub fn fail_all(&mut self, error: &str) -> Vec<(Vec<W>, SharedResponse)> {
        let failed = self.slots.values_mut().map(|slot| {
            let (response, received_at) = slot.cached.clone().unzip();
            (std::mem::take(&mut slot.waiting), SharedResponse { response, received_at, error: Some(error.to_owned()) })
        });
        failed.collect()
    }
}

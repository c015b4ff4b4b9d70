//! A place at the one server that all runs of an agent share.

use super::link::Arrival;
use tokio::sync::mpsc;

/// A run's place at a server.
#[derive(Debug)]
pub struct Seat {
    requests: mpsc::UnboundedSender<Ask>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

/// A request of a run.
#[derive(Debug)]
pub struct Ask {
    /// Names the answer.
    pub id: u64,
    /// HTTP method.
    pub method: &'static str,
    /// Path with query.
    pub path: String,
    /// JSON body.
    pub body: Option<Vec<u8>>,
}

impl Seat {
    /// Sends a request. `false`: the server is gone.
    pub fn request(&self, id: u64, method: &'static str, path: String, body: Option<Vec<u8>>) -> bool {
        self.requests.send(Ask { id, method, path, body }).is_ok()
    }

    /// The next thing that comes.
    pub async fn arrival(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// Gives the place up.
    pub fn leave(&mut self) {
        self.arrivals.close();
    }
}

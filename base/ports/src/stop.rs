//! How a running part is told to stop, and how it waits for that.

use tokio::sync::watch;

/// Tells every [`Stop`] made from it that it is time to stop.
#[derive(Debug)]
pub struct StopHandle(watch::Sender<bool>);

/// Waits for the end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl StopHandle {
    /// A handle and its first listener.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Another listener.
    pub fn listener(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// Says stop. Once said, it stays said.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether stop was said.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when stop is said, or when the handle is gone.
    pub async fn stopped(&mut self) {
        // An error means that the handle is gone, and that is a stop as well.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_made_after_the_stop_is_stopped_too() {
        let (handle, mut first) = StopHandle::new();
        assert!(!first.is_stopped());
        handle.stop();
        first.stopped().await;
        assert!(handle.listener().is_stopped());
    }

    #[tokio::test]
    async fn a_lost_handle_is_a_stop() {
        let (handle, mut stop) = StopHandle::new();
        drop(handle);
        stop.stopped().await;
    }
}

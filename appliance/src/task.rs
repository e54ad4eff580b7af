//! Tasks of the service's thread, and what waits for all of them.

use std::pin::Pin;

use tokio::task::JoinHandle;

/// Starts a task. In a box: for each kind of future tokio would have code of its own, two to three kilobytes of a router's
/// flash. Must be called on a [`tokio::task::LocalSet`].
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    let task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
    tokio::task::spawn_local(task)
}

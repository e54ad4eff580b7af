//! Tasks of the thread of the service, and threads beside it.

use std::pin::Pin;
use std::{io, thread};

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinHandle;

/// Runs something, and the tasks that it starts, on this thread until it is done. In a box, as tasks are.
///
/// # Errors
/// When the kernel gives no descriptors for it.
pub(crate) fn block_on(main: Pin<Box<dyn Future<Output = ()> + '_>>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(main);
    Ok(())
}

/// Starts a task. In a box: for each kind of future tokio would have code of its own, two to three kilobytes of a router's
/// flash. Must be called on a [`tokio::runtime::LocalRuntime`], which lets it outlive who starts it.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    let task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
    tokio::task::spawn_local(task)
}

/// Has a thread of its own do what waits without letting others go on, and gives what comes of it; an error where it panicks.
///
/// # Errors
/// When the kernel gives no thread.
#[cfg(any(feature = "doctor", feature = "mail"))]
pub(crate) fn in_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<tokio::sync::oneshot::Receiver<T>> {
    let (result, done) = tokio::sync::oneshot::channel();
    start_thread(
        name,
        Box::new(move || {
            let _ = result.send(work()); // nobody waits for it any more
        }),
    )?;
    Ok(done)
}

/// Starts a thread, which is left to itself.
///
/// # Errors
/// When the kernel gives none.
pub(crate) fn start_thread(name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

//! Whether somebody listens on a TCP port.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

use super::{Failure, Way};

/// Connects and hangs up.
pub(super) async fn ask(address: SocketAddr, way: &Way) -> Result<String, Failure> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(interface) = &way.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(source) = way.source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    // Closed with a reset: a connection a second would leave a trail of sockets in TIME_WAIT.
    socket.set_zero_linger()?;
    match socket.connect(address).await {
        Ok(_) => Ok(format!("{address} accepts connections")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err(Failure::Refused(format!("{address} refuses connections")))
        }
        Err(error) => Err(Failure::CannotAsk(error)),
    }
}

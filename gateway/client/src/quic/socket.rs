//! Opens the UDP socket that many connections share.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// How much may wait in the socket, each way.
///
/// The system's default, 208 KiB on Linux, overflows when thousands of connections share the
/// socket, and the kernel drops what finds no room. It is a bound: no memory is taken until
/// something waits.
///
/// # Units
/// Bytes.
const BUFFER: usize = 4 << 20;

/// Binds the socket, with buffers as large as the system grants.
///
/// # Source
/// socket(7): what is asked for is cut to `net.core.rmem_max` and `net.core.wmem_max`.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address)?;
    for (name, enlarged) in [
        ("receive", socket.set_recv_buffer_size(BUFFER)),
        ("send", socket.set_send_buffer_size(BUFFER)),
    ] {
        // It works with small ones too, if not as well.
        if let Err(error) = enlarged {
            tracing::debug!(%error, "the socket keeps the {name} buffer of the system");
        }
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // A socket of IPv6 is to reach gateways of IPv4 as well; where it cannot, it reaches its own.
    if address.is_ipv6()
        && let Err(error) = socket.set_only_v6(false)
    {
        tracing::debug!(%error, "the socket is for IPv6 only");
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_buffers_are_as_large_as_the_system_grants() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let granted = open(address).unwrap();
        granted.set_recv_buffer_size(4 * 1024 * 1024).unwrap();
        granted.set_send_buffer_size(4 * 1024 * 1024).unwrap();
        let bound = Socket::from(bind(address).unwrap());
        assert_eq!(bound.recv_buffer_size().unwrap(), granted.recv_buffer_size().unwrap());
        assert_eq!(bound.send_buffer_size().unwrap(), granted.send_buffer_size().unwrap());
    }
}

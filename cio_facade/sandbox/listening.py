"""The socket that a sandbox listens on, and one line for what keeps it from that."""

import socket
import warnings

from cio_facade.sandbox.guard import is_loopback

__all__ = ["listen"]


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address, and warn of one that other machines may reach.

    Raises
    ------
    OSError
        The address is taken, not this machine's, or not for this user.
    """
    if not is_loopback(host):
        warnings.warn(
            f"the sandbox listens on {host}, which other machines may reach: "
            "whoever does can write to it, and read all that it holds on its page",
            stacklevel=4,
        )
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = str(error.strerror).partition(" (while")[0]  # Python names the address there once more
        raise OSError(error.errno, f"the sandbox cannot listen on {host}, port {port}: {reason}") from None
    # asyncio does this only for sockets that name their protocol. Without it an answer, being written as head and body,
    # waits 40 ms for the peer's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener

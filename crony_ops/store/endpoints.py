"""One gRPC channel for each endpoint, and which of them is used now."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING

import grpc
import grpc.aio
from etcd3.etcdrpc import rpc_pb2_grpc as stubs

from crony_ops.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crony_ops.store.settings import EtcdSettings

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_TOLD_EVERY = 10.0
CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    # A silent peer is given up after 5.5 + 3 s. keepalive_timeout_ms alone does not do that: the
    # ping that goes unanswered is bounded by ping_timeout_ms.
    ("grpc.keepalive_time_ms", 5500),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.http2.ping_timeout_ms", 3000),
    # Where no call is under way none can be kept waiting; and etcd takes such pings amiss.
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # The default waits up to two minutes between attempts, and 20 s for one of them.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.max_reconnect_backoff_ms", 3000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 256 * _MIB),
    # Sending again is our own decision, made by what the request is.
    ("grpc.enable_retries", 0),
)


class NotConnected(StoreError):
    """The channel was not up in time, so nothing was sent."""

    message = "{endpoint} {reason}"


class Connection:
    """A channel to one endpoint, with etcd's services on it. Connects at its first use."""

    __slots__ = ("auth", "channel", "cluster", "endpoint", "kv", "lease", "maintenance", "watch")

    def __init__(self, endpoint: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.endpoint = endpoint
        self.channel = (
            grpc.aio.insecure_channel(endpoint, options=CHANNEL_OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(endpoint, credentials, options=CHANNEL_OPTIONS)
        )
        self.auth = stubs.AuthStub(self.channel)
        self.cluster = stubs.ClusterStub(self.channel)
        self.kv = stubs.KVStub(self.channel)
        self.lease = stubs.LeaseStub(self.channel)
        self.maintenance = stubs.MaintenanceStub(self.channel)
        self.watch = stubs.WatchStub(self.channel)

    async def settled(self, timeout: float) -> None:
        """Wait until a call would go out or fail at once; NotConnected after ``timeout`` seconds.

        So a call that runs out of time was sent, and one that never got here was not.
        """
        state = self.channel.get_state(try_to_connect=True)
        if state is grpc.ChannelConnectivity.READY:
            return
        try:
            async with asyncio.timeout(timeout):
                while state in (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING):
                    await self.channel.wait_for_state_change(state)
                    state = self.channel.get_state(try_to_connect=True)
        except TimeoutError:
            raise NotConnected(
                endpoint=self.endpoint, reason="did not take a connection in time"
            ) from None


class Stay:
    """A time spent on one endpoint. ``left`` is done when the client has moved on from it."""

    __slots__ = ("connection", "left")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Endpoints:
    """All the channels. Must be made inside a running loop, and closed in it."""

    def __init__(self, settings: EtcdSettings) -> None:
        self._credentials = channel_credentials(settings)
        self._connections = [Connection(a, self._credentials) for a in settings.addresses]
        self._index = 0
        self._told_at = -math.inf
        self.current = Stay(self._connections[0])

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections)

    def connect(self, address: str) -> Connection:
        """A connection of the caller's own, to any address, with the same credentials."""
        return Connection(address, self._credentials)

    def failed(self, stay: Stay, reason: str) -> None:
        """Go to the next endpoint; whoever reports a stay that is already over changes nothing.

        While none answers that is many times a second, and told of now and then.
        """
        if stay is not self.current or len(self._connections) == 1:
            return
        self._index = (self._index + 1) % len(self._connections)
        self.current = Stay(self._connections[self._index])
        now = time.monotonic()
        if now - self._told_at >= _TOLD_EVERY:
            self._told_at = now
            there = self.current.connection.endpoint
            log.info("etcd: from %s to %s (%s)", stay.connection.endpoint, there, reason)
        stay.left.set_result(None)

    async def close(self) -> None:
        for connection in self._connections:
            await connection.channel.close()


def channel_credentials(settings: EtcdSettings) -> grpc.ChannelCredentials | None:
    """Read the TLS files; None for plain text. Raises OSError for a file that can't be read."""
    if not settings.tls:
        return None
    ca, key, cert = (
        path.read_bytes() if path else None
        for path in (settings.ca_file, settings.key_file, settings.cert_file)
    )
    return grpc.ssl_channel_credentials(ca, key, cert)

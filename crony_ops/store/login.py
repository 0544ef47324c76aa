"""The token that goes with every call, fetched with user name and password."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
from etcd3.etcdrpc import rpc_pb2 as rpc

from crony_ops.errors import StoreRefused

if TYPE_CHECKING:
    from crony_ops.store.endpoints import Connection
    from crony_ops.store.settings import EtcdSettings

Metadata = tuple[tuple[str, str], ...]

# A member without a leader then says so at once, instead of keeping a call or a watch in silence.
_HAS_LEADER: Metadata = (("hasleader", "true"),)


class Login:
    """Holds the token. It is plain metadata: gRPC refuses call credentials on an open channel."""

    def __init__(self, settings: EtcdSettings) -> None:
        self._username = settings.username
        self._password_file = settings.password_file
        self._metadata: Metadata | None = _HAS_LEADER if self._username is None else None
        self._turn = asyncio.Lock()

    async def metadata(self, connection: Connection, timeout: float) -> Metadata:
        """What to send along. Logs in first if there is no token; callers at once share one login.

        Raises grpc's own error as the login met it, and StoreRefused for an unreadable password.
        """
        if self._metadata is not None:
            return self._metadata
        async with self._turn:
            if self._metadata is None:
                self._metadata = await self._authenticate(connection, timeout)
            return self._metadata

    def forget(self, stale: Metadata) -> bool:
        """Drop the token that was not taken; False if there is nobody to log in as."""
        if self._username is None:
            return False
        if self._metadata is stale:
            self._metadata = None
        return True

    async def _authenticate(self, connection: Connection, timeout: float) -> Metadata:
        assert self._password_file is not None
        try:
            password = self._password_file.read_text().strip("\r\n")
        except OSError as error:
            raise StoreRefused(reason=f"no password to log in with: {error}") from error
        request = rpc.AuthenticateRequest(name=self._username, password=password)
        try:
            answer = await connection.auth.Authenticate(
                request, timeout=timeout, metadata=_HAS_LEADER
            )
        except grpc.aio.AioRpcError as error:
            # A fleet may be given its passwords before its etcd is told to ask for them.
            if "authentication is not enabled" in (error.details() or ""):
                return _HAS_LEADER
            raise
        return (*_HAS_LEADER, ("token", answer.token))

"""Logins whose tokens run out, and TLS with client certificates."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest
from etcd3.etcdrpc import auth_pb2, rpc_pb2

from crony_ops.errors import StoreRefused, StoreUnavailable
from crony_ops.store import Etcd, EtcdSettings, LeaseKeeper, Mirror, Txn, put
from crony_ops.store.client import Repeat
from tests.etcd_server import EtcdServer, Tls, memory_folder
from tests.integration.store.conftest import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def administrate(etcd: Etcd, method: str, request: object) -> None:
    await etcd.call(
        lambda to, metadata, timeout: getattr(to.auth, method)(
            request, metadata=metadata, timeout=timeout
        ),
        Repeat.NEVER,
    )


async def lock_up(server: EtcdServer) -> None:
    """Switch logins on: root, and agent, who may do what it likes under /crony/."""
    async with Etcd(EtcdSettings(endpoints=(server.endpoint,))) as etcd:
        for name in ("root", "agent"):
            add = rpc_pb2.AuthUserAddRequest(name=name, password=f"{name}-secret")
            await administrate(etcd, "UserAdd", add)
            await administrate(etcd, "RoleAdd", rpc_pb2.AuthRoleAddRequest(name=name))
            grant = rpc_pb2.AuthUserGrantRoleRequest(user=name, role=name)
            await administrate(etcd, "UserGrantRole", grant)
        right = auth_pb2.Permission(
            permType=auth_pb2.Permission.READWRITE, key=b"/crony/", range_end=b"/crony0"
        )
        permit = rpc_pb2.AuthRoleGrantPermissionRequest(name="agent", perm=right)
        await administrate(etcd, "RoleGrantPermission", permit)
        await administrate(etcd, "AuthEnable", rpc_pb2.AuthEnableRequest())


@pytest.fixture
def guarded(binary: Path) -> Iterator[EtcdServer]:
    """A server whose tokens run out after a second without use."""
    server = EtcdServer(binary, memory_folder(), arguments=("--auth-token-ttl", "1"))
    try:
        yield server.start()
    finally:
        server.remove()


def agent(server: EtcdServer, tmp_path: Path, password: str = "agent-secret") -> EtcdSettings:
    file = tmp_path / "password"
    file.write_text(f"{password}\n")
    return EtcdSettings(endpoints=(server.endpoint,), username="agent", password_file=file)


async def test_a_token_that_ran_out_is_renewed_unnoticed(
    guarded: EtcdServer, tmp_path: Path
) -> None:
    await lock_up(guarded)
    async with Etcd(agent(guarded, tmp_path)) as etcd:
        await etcd.put("/crony/k", b"1")
        await asyncio.sleep(2.5)
        assert await etcd.get("/crony/k") is not None
        await asyncio.sleep(2.5)
        assert (await etcd.txn(Txn((), (put("/crony/k", b"2"),)))).succeeded
        with pytest.raises(StoreRefused, match="permission denied"):
            await etcd.put("/elsewhere", b"")
        (member,) = await etcd.members()
        assert member.error is None
        assert member.is_leader
        assert member.db_size > 0


async def test_a_mirror_and_a_lease_go_on_through_expiry_and_restart(
    guarded: EtcdServer, tmp_path: Path
) -> None:
    await lock_up(guarded)
    async with Etcd(agent(guarded, tmp_path)) as etcd, Etcd(agent(guarded, tmp_path)) as other:
        mirror = Mirror(etcd, ["/crony/"], stale_after=2)
        keeper = LeaseKeeper(etcd, 4)
        lease = await keeper.grant()
        async with running(mirror.run(), keeper.run()):
            await mirror.synced()
            await asyncio.sleep(2.5)
            revision = await other.put("/crony/a", b"1", lease=lease)
            async with asyncio.timeout(6):
                await mirror.reached("/crony/a", revision)
            # A restarted server has forgotten every token.
            await asyncio.to_thread(guarded.kill)
            guarded.launch()
            await asyncio.to_thread(guarded.wait_until_healthy)
            revision = await other.put("/crony/b", b"1", lease=lease)
            async with asyncio.timeout(8):
                await mirror.reached("/crony/b", revision)
            assert not keeper.expired()


async def test_a_wrong_password_and_a_missing_one_are_told_plainly(
    guarded: EtcdServer, tmp_path: Path
) -> None:
    await lock_up(guarded)
    async with Etcd(agent(guarded, tmp_path, "wrong")) as etcd:
        with pytest.raises(StoreRefused, match="authentication failed"):
            await etcd.get("/crony/k")
        (tmp_path / "password").write_text("agent-secret")
        assert await etcd.get("/crony/k") is None
    async with Etcd(EtcdSettings(endpoints=(guarded.endpoint,))) as etcd:
        with pytest.raises(StoreRefused, match="user name is empty"):
            await etcd.get("/crony/k")


async def test_a_user_name_does_no_harm_before_logins_are_switched_on(
    guarded: EtcdServer, tmp_path: Path
) -> None:
    async with Etcd(agent(guarded, tmp_path)) as etcd:
        await etcd.put("/crony/k", b"1")
        await lock_up(guarded)
        await etcd.put("/crony/k", b"2")


def certificates(folder: Path) -> Tls:
    """An authority, and a certificate of its for the server and one for a client."""

    def openssl(*arguments: str) -> None:
        subprocess.run(("openssl", *arguments), cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name in ("server", "client"):
        openssl(
            *(*new, "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", f"{name}.key", "-out", f"{name}.pem"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
        )
    return Tls(
        folder / "ca.pem",
        folder / "server.pem",
        folder / "server.key",
        folder / "client.pem",
        folder / "client.key",
    )


async def test_tls_with_a_client_certificate(binary: Path, tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    server = EtcdServer(binary, memory_folder(), tls=tls)
    try:
        server.start()
        settings = EtcdSettings(
            endpoints=(server.endpoint,),
            ca_file=tls.ca,
            cert_file=tls.client_cert,
            key_file=tls.client_key,
            request_timeout=2,
        )
        async with Etcd(settings) as etcd:
            await etcd.put("/k", b"1")
            assert await etcd.get("/k") is not None
        stranger = settings.model_copy(update={"cert_file": None, "key_file": None})
        async with Etcd(stranger) as etcd:
            with pytest.raises(StoreUnavailable):
                await etcd.get("/k")
        async with Etcd(
            EtcdSettings(endpoints=(server.endpoint.removeprefix("https://"),), request_timeout=1)
        ) as etcd:
            with pytest.raises(StoreUnavailable):
                await etcd.get("/k")
    finally:
        server.remove()


async def test_a_missing_certificate_file_is_told_plainly(tmp_path: Path) -> None:
    settings = EtcdSettings(endpoints=("127.0.0.1:2379",), ca_file=tmp_path / "none.pem")
    with pytest.raises(StoreRefused, match=r"none\.pem"):
        async with Etcd(settings):
            pass

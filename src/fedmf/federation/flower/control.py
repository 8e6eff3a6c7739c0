"""The operator's side of a SuperLink: which nodes it admits, and the run that a training is."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from flwr.cli.build import build_fab_from_files
from flwr.common.constant import SubStatus
from flwr.common.serde import fab_to_proto, run_from_proto
from flwr.proto.control_pb2 import RegisterNodeRequest, StartRunRequest
from flwr.proto.runtime_pb2 import (
    AcquireTaskRequest,
    PullTaskInputRequest,
    PushTaskOutputRequest,
)
from flwr.supercore.constant import TaskType
from flwr.supercore.control.control_http_client import ControlHttpClient
from flwr.supercore.fab import Fab
from flwr.supercore.heartbeat import HeartbeatSender, make_task_heartbeat_fn_http
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SuperExecAuthHttpInterceptor,
)
from flwr.supercore.retry import make_simple_http_retry_invoker
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.grid import HttpGrid

from fedmf.errors import TransportError
from fedmf.federation.flower.app_folder import APP_PROJECT
from fedmf.federation.flower.processes import RunningSuperLink

if TYPE_CHECKING:
    from flwr.supercore.protobuf.client import ProtobufClientInterceptor

PATIENCE = 10.0
"""Seconds for which a SuperLink that does not answer is asked again."""
_ACQUIRE = "/flwr.proto.Runtime/AcquireTask"


def admit_nodes(superlink: RunningSuperLink, silos: Mapping[int, bytes]) -> None:
    """Have a new SuperLink admit the nodes with these public keys (PEM), and no others."""
    with _control(superlink) as control:
        for silo, key in silos.items():
            control.RegisterNode(RegisterNodeRequest(public_key=key, name=f"silo-{silo}"))


@contextmanager
def run_of_its_own(superlink: RunningSuperLink) -> Iterator[HttpGrid]:
    """Start a run and take it on; yield the grid that carries its messages.

    The run is an app without code. Flower would execute it; here nobody does.

    Raises
    ------
    TransportError
        The SuperLink does not give the run out.
    """
    content, _ = build_fab_from_files({"pyproject.toml": APP_PROJECT.encode()})
    fab = Fab(hashlib.sha256(content).hexdigest(), content, {})
    with _control(superlink) as control:
        control.StartRun(StartRunRequest(fab=fab_to_proto(fab)))
    token = _take_on(superlink)
    grid = HttpGrid(superlink.address, insecure=True, token=token)
    # Otherwise it would wait without end for a SuperLink that was killed.
    grid._retry_invoker.max_time = PATIENCE  # noqa: SLF001
    client = _runtime(superlink, RuntimeTokenHttpInterceptor(token))
    beat = HeartbeatSender(make_task_heartbeat_fn_http(client))
    try:
        task = client.PullTaskInput(PullTaskInputRequest())
        grid.set_run(run_from_proto(task.run))
        # Where new messages take their sender from.
        TaskIdentity.task_id = task.task_id
        TaskIdentity.run_id = task.run.run_id
        TaskIdentity.node_id = task.context.node_id
        beat.start()
        yield grid
        client.PushTaskOutput(PushTaskOutputRequest(sub_status=SubStatus.COMPLETED, details=""))
    finally:
        if beat.is_running:
            beat.stop()
        grid.close()
        client.close()


def _take_on(superlink: RunningSuperLink) -> str:
    """Return the token of the run that was started."""
    secret = SuperExecAuthHttpInterceptor(
        master_secret=superlink.secret, protected_methods=[_ACQUIRE]
    )
    deadline = time.monotonic() + PATIENCE
    client = _runtime(superlink, secret)
    try:
        while time.monotonic() < deadline:
            task = client.AcquireTask(
                AcquireTaskRequest(supported_task_types=[TaskType.SERVER_APP])
            )
            if task.token:
                return str(task.token)
            time.sleep(0.1)
    finally:
        client.close()
    raise TransportError(
        f"the SuperLink (flwr {version('flwr')}) has started no run within {PATIENCE:.0f} s"
    )


@contextmanager
def _control(superlink: RunningSuperLink) -> Iterator[ControlHttpClient]:
    client = ControlHttpClient.from_server_address(
        superlink.address,
        insecure=True,
        root_certificates=None,
        interceptors=[RuntimeVersionHttpInterceptor("fedmf")],
    )
    try:
        yield client
    finally:
        client.close()


def _runtime(
    superlink: RunningSuperLink, interceptor: ProtobufClientInterceptor
) -> RuntimeHttpClient:
    invoker = make_simple_http_retry_invoker()
    invoker.max_time = PATIENCE
    return RuntimeHttpClient.from_server_address(
        superlink.address,
        insecure=True,
        root_certificates=None,
        interceptors=[RuntimeVersionHttpInterceptor("fedmf"), interceptor],
        retry_invoker=invoker,
    )

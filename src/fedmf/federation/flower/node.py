"""A silo's connection: fetches requests from a SuperLink, and brings the answers back.

It speaks Flower's fleet interface, as Flower's SuperNode does, with two differences. It runs the
silo that was installed, and no app that the server sends along: a server that could send code
would need no other attack. And one process does it all, so that an exchange takes no new process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import ObjectTree
from flwr.proto.node_pb2 import Node
from flwr.supercore.heartbeat import HeartbeatSender
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_protobuf_utils import (
    make_confirm_message_received_fn_protobuf,
    make_pull_object_fn_protobuf,
    make_push_object_fn_protobuf,
)
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectPullError,
    pull_and_inflate_object_from_tree,
    push_objects,
)
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from fedmf.errors import FedmfError, TransportError
from fedmf.federation.flower.certificates import load_node_key, public_pem
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import SiloFolder
from fedmf.federation.flower.records import described
from fedmf.store.atomic import write_file

POLL = 0.3
"""Seconds between two questions for requests, after an exchange."""
IDLE = 2.0
"""Seconds between two questions when nothing has come for a while."""
BUSY_FOR = 60.0
"""Seconds without requests until a connection counts as idle."""
WHOLE = 60.0
"""Seconds in which the pieces of a request have to be there."""
AGAIN = 3.0
"""Seconds before a server that does not answer is tried again."""

Answer = Callable[[RecordDict], RecordDict]


class SiloNode:
    """One silo at one server.

    Parameters
    ----------
    files
        The silo's key and the authority by which it knows the server.
    server
        Address of the server, as host:port.
    events
        Where to tell what happens.
    """

    def __init__(self, files: SiloFolder, server: str, events: Events) -> None:
        key = load_node_key(files.node_key)
        self._server = server
        self._events = events
        self._id_file = files.node_id
        self._public_key = public_pem(key.public_key())
        self._client = _fleet_client(server, files.authority, key)
        self._node: Node | None = None
        self._waiting = False

    def run(self, answer: Answer, *, until: Callable[[], bool] = lambda: False) -> None:
        """Answer requests until told to stop; a server that goes away is waited for.

        So is one that sends what is no message of Flower's: the silo says so, and goes on.

        Parameters
        ----------
        answer
            From the record of a request to the record of the answer.
        until
            Asked between requests; True ends it.

        Raises
        ------
        TransportError
            The server does not know this silo's key.
        """
        beat: HeartbeatSender | None = None
        last = time.monotonic()
        try:
            while not until():
                try:
                    node = self._node or self._connect()
                    if beat is None:
                        beat = HeartbeatSender(self._beat)
                        beat.start()
                    if self._serve_one(node, answer):
                        last = time.monotonic()
                        continue
                except httpx.HTTPError as error:
                    self._lost(error)
                    time.sleep(AGAIN)
                    continue
                except FedmfError:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever the server sent
                    self._events.record(
                        "malformed",
                        f"the server at {self._server} sent something that cannot be read "
                        f"({described(error)}); going on",
                    )
                    time.sleep(AGAIN)
                    continue
                time.sleep(POLL if time.monotonic() - last < BUSY_FOR else IDLE)
        finally:
            if beat is not None:
                beat.stop()
            self._disconnect()
            self._client.close()

    def _connect(self) -> Node:
        # Flower takes nobody in twice: a process that was killed counts as there for a minute.
        if self._id_file.exists():
            self._forget(int(self._id_file.read_text("ascii")))
        try:
            response = self._client.ActivateNode(
                ActivateNodeRequest(
                    public_key=self._public_key, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL
                )
            )
        except httpx.HTTPStatusError as error:
            if error.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise
            raise TransportError(
                f"the server at {self._server} does not admit this silo: either it does not know "
                f"the key in {self._id_file.with_name('node.pub')}, or another process is "
                "connected with it"
            ) from error
        write_file(self._id_file, str(response.node_id).encode("ascii"))
        node = self._node = Node(node_id=response.node_id)
        self._waiting = False
        self._events.record("connected", f"connected to {self._server}", node=response.node_id)
        return node

    def _serve_one(self, node: Node, answer: Answer) -> bool:
        """Fetch a request, if there is one, and bring its answer; return whether there was."""
        response = self._client.PullMessages(PullMessagesRequest(node=node))
        if not response.messages_list:
            return False
        run = response.messages_list[0].metadata.run_id
        try:
            request = self._fetch(node, run, response.message_object_trees[0])
        except ObjectPullError as error:
            # Its sender has gone in the meantime.
            self._events.record("lost", error=str(error))
            return True
        reply = Message(answer(request.content), reply_to=request)
        self._bring(node, run, reply)
        return True

    def _fetch(self, node: Node, run: int, tree: ObjectTree) -> Message:
        message: Message = pull_and_inflate_object_from_tree(
            tree,
            make_pull_object_fn_protobuf(self._client.PullObject, node, run),
            make_confirm_message_received_fn_protobuf(
                self._client.ConfirmMessageReceived, node, run
            ),
            return_type=Message,
            max_time=WHOLE,
            # The head of a message is there before its pieces.
            initial_backoff=0.1,
        )
        # What was taken apart does not hold its own name.
        message.metadata.__dict__["_message_id"] = tree.object_id
        return message

    def _bring(self, node: Node, run: int, reply: Message) -> None:
        reply.metadata.__dict__["_message_id"] = reply.object_id
        head = message_to_proto(remove_content_from_message(reply))
        with no_object_id_recompute():
            response = self._client.PushMessages(
                PushMessagesRequest(
                    node=node,
                    messages_list=[head],
                    message_object_trees=[get_object_tree(reply)],
                    clientapp_runtime_list=[0.0],
                )
            )
            push_objects(
                get_all_nested_objects(reply),
                make_push_object_fn_protobuf(
                    self._client.PushObject, node, run, response.session_id
                ),
                object_ids_to_push=set(response.objects_to_push),
            )

    def _beat(self) -> bool:
        node = self._node
        if node is None:
            return True
        try:
            self._client.SendNodeHeartbeat(
                SendNodeHeartbeatRequest(node=node, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
            )
        except httpx.HTTPError:
            # The next request finds out what it means.
            return False
        return True

    def _lost(self, error: httpx.HTTPError) -> None:
        if isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error:
            if error.response.status_code == httpx.codes.FORBIDDEN:
                # The request belongs to a run that is over.
                self._events.record("stale", error=str(error))
                return
            # A SuperLink that was started anew knows nobody; or time is out of joint.
            sentence = "the server does not recognise this connection; connecting anew"
        else:
            sentence = f"the server at {self._server} does not answer; trying again"
        if not self._waiting:
            self._events.record("disconnected", sentence, error=str(error))
        self._node, self._waiting = None, True

    def _disconnect(self) -> None:
        if self._node is not None:
            self._forget(self._node.node_id)
            self._node = None

    def _forget(self, node: int) -> None:
        try:
            self._client.DeactivateNode(DeactivateNodeRequest(node_id=node))
        except httpx.HTTPError:
            # It was another SuperLink, or it is gone: then nobody has to forget.
            return


def _fleet_client(server: str, authority: Path, key: ec.EllipticCurvePrivateKey) -> FleetHttpClient:
    return FleetHttpClient.from_server_address(
        server,
        insecure=False,
        root_certificates=authority.read_bytes(),
        interceptors=[
            RuntimeVersionHttpInterceptor(component_name="SuperNode"),
            NodeAuthHttpInterceptor(key, key.public_key()),
        ],
    )

"""The transport of `fedmf.federation.silos` over a Flower grid."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from flwr.app import Message, MessageType
from flwr.common.constant import ErrorCode

from fedmf.errors import MessageError
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.records import (
    VERSION,
    read_reply,
    request_record,
    same_release,
)

REFRESH = 1.0
"""Seconds between two looks at which nodes are there."""


class NodeInfo(Protocol):
    """What Flower knows of a node that is there."""

    @property
    def node_id(self) -> int:
        """The number by which messages find it."""
        ...

    @property
    def public_key(self) -> bytes:
        """The key that it proved to hold when it connected."""
        ...

    @property
    def last_activated_at(self) -> str:
        """When it last connected; another time means another process."""
        ...


class Grid(Protocol):
    """The part of Flower's grid that is used."""

    def get_nodes(self) -> Iterable[NodeInfo]:
        """Return the nodes that are there."""
        ...

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send messages; return their ids."""
        ...

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies that have come to these messages."""
        ...


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where a silo can be reached, until it connects anew."""

    node: int
    since: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request on its way."""

    silo: int
    seat: _Seat
    began: float


class GridTransport:
    """Carries requests to silos and their replies back.

    A silo is known by the key with which its node authenticated to the SuperLink, so a node cannot
    speak in another silo's name. Anyone who runs the SuperLink could; the protocol's signatures are
    what protects against the server.

    Parameters
    ----------
    grid
        Flower's grid, of a run of its own.
    silos
        For each silo the public key of its node: PEM, SubjectPublicKeyInfo.
    events
        Where to tell who answered and who did not.
    pause
        Seconds between two looks for replies.
    """

    def __init__(
        self, grid: Grid, silos: Mapping[int, bytes], events: Events, *, pause: float = 0.2
    ) -> None:
        self._grid = grid
        self._silo_of = {key.strip(): silo for silo, key in silos.items()}
        self._events = events
        self._pause = pause

    def exchange(
        self, requests: Mapping[int, bytes], *, seconds: float
    ) -> Iterator[tuple[int, bytes]]:
        """Send each silo its request, and yield the answers as they come.

        A silo that is away gets its request when it is back. One that went down over it gets it
        again: a silo has to answer a repeated request as it answered the first. Silos that refuse,
        or have not answered in time, yield nothing; what they answer later is lost.

        Parameters
        ----------
        requests
            By silo.
        seconds
            How long to wait.

        Raises
        ------
        httpx.HTTPError
            The SuperLink cannot be reached any more.
        """
        deadline = time.monotonic() + seconds
        waiting = dict(requests)
        sent: dict[str, _Sent] = {}
        looked = -REFRESH
        while waiting and (left := deadline - time.monotonic()) > 0:
            if time.monotonic() - looked >= REFRESH:
                looked = time.monotonic()
                self._send(waiting, sent, left)
            for reply in self._grid.pull_messages(list(sent)) if sent else ():
                of = sent.pop(reply.metadata.reply_to_message_id)
                body = self._read(reply, of)
                if body is not None:
                    yield of.silo, body
                if body is not None or not _was_lost(reply):
                    waiting.pop(of.silo, None)
            if waiting:
                time.sleep(min(self._pause, max(0.0, deadline - time.monotonic())))
        for silo in sorted(waiting):
            self._events.record("silent", f"silo {silo} has not answered in time", silo=silo)

    def _send(self, waiting: Mapping[int, bytes], sent: dict[str, _Sent], left: float) -> None:
        """Send what is not on its way to where its silo is now."""
        seats = {
            self._silo_of[node.public_key.strip()]: _Seat(node.node_id, node.last_activated_at)
            for node in self._grid.get_nodes()
            if node.public_key.strip() in self._silo_of
        }
        under_way = {one.silo for one in sent.values() if seats.get(one.silo, one.seat) == one.seat}
        for message_id in [key for key, one in sent.items() if one.silo not in under_way]:
            # Its process is gone, and what it had taken with it.
            del sent[message_id]
        due = [silo for silo in waiting if silo in seats and silo not in under_way]
        messages = [
            Message(
                request_record(waiting[silo]),
                dst_node_id=seats[silo].node,
                message_type=MessageType.QUERY,
                # Beyond it nobody wants the answer: without an end stale requests would pile up.
                ttl=left,
            )
            for silo in due
        ]
        ids = self._grid.push_messages(messages) if messages else ()
        for silo, message_id in zip(due, ids, strict=True):
            if message_id is not None:
                sent[message_id] = _Sent(silo, seats[silo], time.monotonic())

    def _read(self, reply: Message, of: _Sent) -> bytes | None:
        """Return the bytes of an answer; tell of one that there is not, and why."""
        silo = of.silo
        if reply.has_error():
            self._events.record(
                "lost", f"silo {silo}: {reply.error.reason}", silo=silo, code=reply.error.code
            )
            return None
        try:
            answer = read_reply(reply.content)
        except MessageError as error:
            self._events.record("refused", f"silo {silo}: {error}", silo=silo)
            return None
        if not same_release(answer.version, VERSION):
            self._events.record(
                "refused",
                f"silo {silo} runs fedmf {answer.version} and this server {VERSION}; all have to "
                "run the same release",
                silo=silo,
                version=answer.version,
            )
        elif answer.body is None:
            self._events.record(
                "refused",
                f"silo {silo} refused with error {answer.error}; its own log says why",
                silo=silo,
                error=answer.error,
            )
        else:
            seconds = round(time.monotonic() - of.began, 3)
            self._events.record("answered", silo=silo, seconds=seconds, bytes=len(answer.body))
            return answer.body
        return None


def _was_lost(reply: Message) -> bool:
    """Whether a message, or the reply to it, did not arrive; then it is sent again."""
    return reply.has_error() and reply.error.code in (
        ErrorCode.MESSAGE_UNAVAILABLE,
        ErrorCode.REPLY_MESSAGE_UNAVAILABLE,
        ErrorCode.NODE_UNAVAILABLE,
    )

"""From the steps of a round to as few exchanges with the silos as they need.

============ =================================== ==============================================
exchange     to the silos                        back
============ =================================== ==============================================
uploads      what they missed: closings and      their uploads
             tables; the opening
review       the certificate of the round        complaints
             before; upload headers and envelopes
promises     the set and the sum                 promises to answer for these
answers      the promises; a wish for early keys shares of the sum, keys for the next round
check        under a blind committee the words   the sum that each member finds
             of all uploads
============ =================================== ==============================================

Without a committee a round is only the first of these. With one, the first round of a run, a round
after a void one, and a round for which too few members made early keys begin with an exchange more,
for keys.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fedmf.errors import MessageError, ProtocolError, RunDirectoryError
from fedmf.federation.engine import Observation, Uploaded
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.history import History
from fedmf.federation.silos.messages import (
    EXCHANGE_BYTES,
    Bundle,
    Part,
    Standing,
    error_from_bytes,
)
from fedmf.federation.silos.transport import SiloTransport
from fedmf.protocol import ClosingMessage
from fedmf.protocol.committee.exchange import (
    AnswerRequest,
    EarlyKeyRequest,
    KeyReply,
    KeyRequest,
    ReviewRequest,
)
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.messages import HEADER, kind_of
from fedmf.protocol.wire import u32
from fedmf.store.atomic import put_file
from fedmf.store.faults import reading

STANDINGS = "standings.json"

_Parts = list[tuple[str, bytes]]


@dataclass(slots=True)
class Traffic:
    """What was carried in a round."""

    exchanges: int = 0
    """Number of exchanges."""
    sent: int = 0
    received: int = 0
    """Bytes."""
    errors: dict[int, str] = field(default_factory=dict)
    """What silos said that they did not do, by silo; the last one each."""


class SiloCarrier:
    """Carries the messages of rounds to silos; see `fedmf.federation.engine.Carrier`.

    Parameters
    ----------
    federation
        The public facts.
    charter
        The committee's charter; None without one.
    transport
        What carries.
    history
        The rounds so far.
    seconds
        How long an exchange waits for silos.
    patience
        How many times uploads are asked for before a round without enough of them is given up.
    begin_with
        Under a committee, how many have to be there in the first round; None: the whole cohort.
    closings
        How the rounds ended that are over, void ones included.
    """

    def __init__(
        self,
        federation: Federation,
        charter: Charter | None,
        transport: SiloTransport,
        history: History,
        seconds: float,
        patience: int,
        begin_with: int | None,
        closings: Sequence[ClosingMessage],
    ) -> None:
        self._federation = federation
        self._charter = charter
        self._transport = transport
        self._history = history
        self._seconds = seconds
        self._patience = patience
        self._begin_with = begin_with
        self.standings: dict[int, Standing] = {}
        """How far each silo is that was ever heard of."""
        self._early: dict[int, bytes] = {}
        self._certificates: dict[int, bytes] = {}
        self._present: set[int] = set()
        self._is_first = True
        self._opening = b""
        self._closed = len(closings)
        self._counted = sum(closing.counts(federation.session) for closing in closings)
        self.traffic = Traffic()
        """What was carried since somebody last put a new one here."""

    def distribute(self, table: bytes) -> Observation:
        """Keep a table message, which goes out to each silo when uploads are asked for."""
        self._history.keep_table(self._closed + 1, table)
        return Observation()

    def consult(self, requests: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """Hand messages to members of the committee; yield their replies."""
        kinds = set(map(kind_of, requests.values()))
        if kinds == {KeyRequest.KIND}:
            early = self._taken_early(requests)
            if early:
                # Where enough members made keys early, those that did not sit the round out.
                yield from early.items()
                return
        members = self._federation.members
        asked: dict[int, list[bytes]] = {}
        for member, request in requests.items():
            # Before a member reviews anything under an early key, it sees how the last round ended.
            first = self._certificates if kinds == {ReviewRequest.KIND} else {}
            asked[member] = [first[member], request] if member in first else [request]
        answered_at = {member: len(messages) - 1 for member, messages in asked.items()}
        if kinds == {AnswerRequest.KIND}:
            self._wish_for_early_keys(asked)
        bundles: dict[int, _Parts] = {
            members[member]: [(Part.MEMBER, message) for message in messages]
            for member, messages in asked.items()
        }
        for silo, replies in self._exchange(bundles):
            said = list(replies.all(Part.MEMBER))
            member = members.index(silo)
            if member in answered_at and answered_at[member] < len(said):
                yield member, said[answered_at[member]]
            self._take_early(member, said[answered_at.get(member, -1) + 1 :])
        self._check_newcomers()

    def begin_round(self, opening: bytes) -> None:
        """Note how the round begins; it goes out when uploads are asked for."""
        self._opening = opening

    def collect(
        self, cohort: Iterable[int], leaving: frozenset[int] = frozenset()
    ) -> Iterator[Uploaded]:
        """Ask silos for their uploads; yield them as they come."""
        del leaving
        missing = set(cohort)
        least = self._least(len(missing))
        uploads: dict[int, bytes] = {}
        for _ in range(self._patience):
            for silo, reply in self._exchange(self._upload_requests(missing)):
                upload = reply.one(Part.UPLOAD)
                if upload:
                    uploads[silo] = upload
                    # An error of an earlier try.
                    self.traffic.errors.pop(silo, None)
            self._check_newcomers()
            self._is_first = False
            missing -= uploads.keys()
            if len(uploads) >= least:
                break
        else:
            raise ProtocolError(
                f"round {self._closed + 1} has {len(uploads)} uploads, and it takes {least} "
                f"({self._complaints(missing)}); nothing is lost: run the coordinator again when "
                "enough silos are there"
            )
        for silo, message in uploads.items():
            yield Uploaded(silo, message, math.nan)

    def deliver_closing(self, closing: bytes) -> None:
        """Keep how the round ended; each silo hears it before the next table."""
        self._closed += 1
        self._history.keep_closing(self._closed, closing)
        session = self._federation.session
        self._counted += ClosingMessage.from_bytes(closing, session).counts(session)

    def table_copy(self) -> bytes:
        """Return nothing: silos that come late are handed all tables that they missed."""
        return b""

    def _least(self, cohort: int) -> int:
        """Return how many uploads it takes to go on."""
        if self._charter is None:
            return self._federation.smallest_cohort
        if self._counted:
            # Members see to it: a round with too few of them is void.
            return 0
        return cohort if self._begin_with is None else min(cohort, self._begin_with)

    def _upload_requests(self, cohort: Iterable[int]) -> dict[int, _Parts]:
        opening = [(Part.OPENING, self._opening)] if self._opening else []
        upload = (Part.UPLOAD, u32(self._closed + 1))
        return {silo: [*had, *opening, upload] for silo, had in self._missing(cohort).items()}

    def finish(self, silos: Iterable[int]) -> set[int]:
        """Have silos write the model of a training that is over; return those that did."""
        finish = (Part.FINISH, b"")
        asked = {silo: [*missing, finish] for silo, missing in self._missing(silos).items()}
        return {silo for silo, reply in self._exchange(asked) if reply.one(Part.FINISH) is not None}

    def _missing(self, silos: Iterable[int]) -> dict[int, _Parts]:
        """Return what brings each silo to the newest table, as far as it is still there."""
        found = {}
        for silo in silos:
            standing = self.standings.get(silo, Standing())
            try:
                found[silo] = self._history.missing(standing, self._closed)
            except RunDirectoryError as error:
                self.traffic.errors[silo] = str(error)
        return found

    def table_of_all(self) -> int:
        """Return the round up to whose table all silos have come; 0 while one is unheard of."""
        if len(self.standings) < len(self._federation.users):
            return 0
        return min(standing.table for standing in self.standings.values())

    def save(self, folder: Path) -> None:
        """Write how far silos are into a folder of a checkpoint."""
        fields = [[silo, one.heard, one.table] for silo, one in self.standings.items()]
        put_file(folder / STANDINGS, json.dumps(fields).encode())

    def save_pending(self, folder: Path) -> None:
        """Write nothing: what silos have uploaded and await the closing of, they keep."""

    def restore(self, folder: Path) -> None:
        """Take what `save` wrote.

        Raises
        ------
        RunDirectoryError
            It is damaged.
        """
        with reading(folder / STANDINGS):
            fields = json.loads((folder / STANDINGS).read_bytes())
            self.standings = {silo: Standing(heard, table) for silo, heard, table in fields}

    # Keys ahead.

    def _taken_early(self, requests: Mapping[int, bytes]) -> dict[int, bytes]:
        """Return the early keys of the round that begins, if they are enough; forget all."""
        early, self._early = self._early, {}
        ready = {
            member: reply
            for member, reply in early.items()
            if member in requests and HEADER.unpack_from(reply)[4] == self._closed + 1
        }
        if self._charter is None or len(ready) < self._charter.terms.threshold:
            return {}
        self._certificates = {member: requests[member] for member in ready}
        return ready

    def _wish_for_early_keys(self, asked: dict[int, list[bytes]]) -> None:
        """Also ask the members that are there for their keys of the next round."""
        if self._charter is None:
            return
        wish = EarlyKeyRequest(self._closed + 2).to_bytes(self._charter)
        for member, silo in enumerate(self._federation.members):
            if member in asked or silo in self._present:
                asked.setdefault(member, []).append(wish)

    def _take_early(self, member: int, replies: Iterable[bytes]) -> None:
        for reply in replies:
            if len(reply) >= HEADER.size and kind_of(reply) == KeyReply.KIND:
                self._early[member] = reply

    # Exchanges.

    def _exchange(self, asked: Mapping[int, _Parts]) -> Iterator[tuple[int, Bundle]]:
        """Carry bundles out and replies back, each reply once; note what went wrong."""
        exchange = secrets.token_bytes(EXCHANGE_BYTES)
        requests = {
            silo: Bundle(self._federation.digest, silo, exchange, tuple(parts)).to_bytes()
            for silo, parts in asked.items()
        }
        self._present = set()
        self.traffic.exchanges += 1
        self.traffic.sent += sum(map(len, requests.values()))
        waiting = set(requests)
        for silo, data in self._transport.exchange(requests, seconds=self._seconds):
            self.traffic.received += len(data)
            if silo not in waiting:
                continue
            self._present.add(silo)
            try:
                reply = Bundle.from_bytes(data)
                answers = reply.exchange == exchange and reply.silo == silo
                # Of a message that did not get through whole, nobody knows what it was.
                unreadable = reply.exchange == bytes(EXCHANGE_BYTES)
                if not answers and not unreadable:
                    # A reply that was late, or another's, is no reply to this.
                    continue
                waiting.discard(silo)
                self._note(silo, reply)
            except MessageError as error:
                waiting.discard(silo)
                self.traffic.errors[silo] = str(error)
            else:
                yield silo, reply
        for silo in waiting:
            self.traffic.errors.setdefault(silo, f"no reply within {self._seconds:g} seconds")

    def _note(self, silo: int, reply: Bundle) -> None:
        standing = reply.one(Part.STANDING)
        if standing is not None:
            found = Standing.from_bytes(standing)
            if found.heard > self._closed:
                raise ProtocolError(
                    f"silo {silo} has heard how {found.heard} rounds ended, and here "
                    f"{self._closed} have: this coordinator's folder was put back in time; go on "
                    "with the newest one, or begin a new session"
                )
            self.standings[silo] = found
        if (error := reply.one(Part.ERROR)) is not None:
            self.traffic.errors[silo] = error_from_bytes(error)

    def _check_newcomers(self) -> None:
        """Stop before the first round of a run if a silo says that it cannot take part as it is."""
        refused = self._present & self.traffic.errors.keys()
        if self._is_first and refused:
            raise ProtocolError(self._complaints(refused))

    def _complaints(self, silos: Iterable[int]) -> str:
        errors = self.traffic.errors
        return "; ".join(f"silo {silo}: {errors[silo]}" for silo in sorted(silos) if silo in errors)

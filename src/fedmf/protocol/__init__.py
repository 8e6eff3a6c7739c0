"""The secrecy wing's roles and messages: who tells whom what, as state machines without I/O."""

from fedmf.protocol.halves import ParticipantProtection, Protected, ServerProtection
from fedmf.protocol.messages import ClosingMessage, TableMessage, UploadMessage
from fedmf.protocol.participant import ParticipantRole
from fedmf.protocol.protection import Protection, protection_named
from fedmf.protocol.registry import fresh_key, participant_protection, server_protection
from fedmf.protocol.server import Server
from fedmf.protocol.session import UPLOADS, Session
from fedmf.protocol.table import (
    Change,
    GroupShape,
    Int64Array,
    IntegerTable,
    RowChange,
    Rows,
    TableShape,
    table_sha256,
)
from fedmf.protocol.traits import PROTECTIONS

__all__ = [
    "PROTECTIONS",
    "UPLOADS",
    "Change",
    "ClosingMessage",
    "GroupShape",
    "Int64Array",
    "IntegerTable",
    "ParticipantProtection",
    "ParticipantRole",
    "Protected",
    "Protection",
    "RowChange",
    "Rows",
    "Server",
    "ServerProtection",
    "Session",
    "TableMessage",
    "TableShape",
    "UploadMessage",
    "fresh_key",
    "participant_protection",
    "protection_named",
    "server_protection",
    "table_sha256",
]

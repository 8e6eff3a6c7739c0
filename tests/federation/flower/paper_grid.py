"""A Flower grid on paper: nodes are functions, and nothing leaves the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flwr.app import Error, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1


@dataclass
class PaperNode:
    """A node that is there."""

    node_id: int
    """Its number."""
    public_key: bytes
    """The key that it authenticated with."""
    answer: Callable[[RecordDict], RecordDict] | None
    """From record to record; None: silent."""
    last_activated_at: str = "first"


@dataclass
class PaperGrid:
    """Delivers at once; replies wait until they are asked for."""

    nodes: list[PaperNode]
    """Those that are there."""
    looks: Callable[[int], None] = lambda number: None  # noqa: ARG005
    """Called with the number of the look whenever nodes are asked for: things happen then."""
    pushed: list[Message] = field(default_factory=list)
    replies: dict[str, Message] = field(default_factory=dict)
    looked: int = 0

    def get_nodes(self) -> Iterable[PaperNode]:
        self.looks(self.looked)
        self.looked += 1
        return list(self.nodes)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        ids = []
        for message in messages:
            self.pushed.append(message)
            key = f"m{len(self.pushed)}"
            message.metadata.__dict__["_message_id"] = key
            ids.append(key)
            node = next(n for n in self.nodes if n.node_id == message.metadata.dst_node_id)
            if node.answer is not None:
                self.replies[key] = Message(node.answer(message.content), reply_to=message)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return [self.replies.pop(key) for key in message_ids if key in self.replies]

    def lose(self, code: int) -> None:
        """Answer every message that has no reply with an error of Flower's own."""
        for message in self.pushed:
            key = message.metadata.message_id
            self.replies[key] = Message(Error(code=code, reason="gone"), reply_to=message)

"""See it leak, see it hold: adversaries, what they see, and what they can make of it."""

from fedmf.audit.observables import Adversary, Observables
from fedmf.audit.row import Row
from fedmf.audit.settings import AuditSettings
from fedmf.audit.suite import audit, part_names

__all__ = ["Adversary", "AuditSettings", "Observables", "Row", "audit", "part_names"]

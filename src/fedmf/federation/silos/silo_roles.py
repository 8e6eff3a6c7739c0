"""The roles of a silo in the protocol, made from the keys that lie in its folder."""

from __future__ import annotations

from pathlib import Path

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.participants_key import ParticipantsKey, load_participants_key
from fedmf.errors import KeyMaterialError, SettingsError
from fedmf.federation.enrolment_files import MEMBER_LOG, read_enrolment
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.own_settings import SiloSettings
from fedmf.protocol import ParticipantProtection
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.members import Member
from fedmf.protocol.protection import protection_named
from fedmf.store.append_log import AppendLog


def participant_half(
    federation: Federation, settings: SiloSettings, folder: Path
) -> ParticipantProtection:
    """Return the participant's half of the protection.

    Raises
    ------
    KeyMaterialError
        A key is missing, or another one than the session's.
    SettingsError
        The charter that was accepted is of another session, or names this silo otherwise.
    """
    session = federation.session
    protection = protection_named(session.protection)
    if protection.has_committee:
        keys = _enrolled_keys(federation, settings, folder)
    elif protection.has_key:
        keys = HeldKeys(_shared_key(federation, folder / settings.key))
    else:
        keys = HeldKeys()
    return protection.participants_half(session, keys, federation.plan.start_table())


def _shared_key(federation: Federation, path: Path) -> ParticipantsKey:
    key = load_participants_key(path)
    if isinstance(key, MasterSecret) and key.check_value() != federation.key_check:
        due = "none" if federation.key_check is None else federation.key_check.hex()
        raise KeyMaterialError(
            f"{path} is another key than the other silos have: its check value is "
            f"{key.check_value().hex()}, and that of the federation file is {due}"
        )
    return key


def _enrolled_keys(federation: Federation, settings: SiloSettings, folder: Path) -> HeldKeys:
    enrolment = _enrolment(federation, folder / settings.participant)
    if (enrolment.keys.role, enrolment.number) != ("participant", settings.silo):
        raise SettingsError(
            f"the charter names the owner of these keys as {enrolment.keys.role} "
            f"{enrolment.number}, and this is silo and participant {settings.silo}"
        )
    return enrolment.held


def member_role(federation: Federation, settings: SiloSettings, folder: Path) -> Member | None:
    """Return the member of the committee that the silo is; None if it is none.

    Raises
    ------
    KeyMaterialError, SettingsError
        As for `participant_half`.
    """
    number = federation.member_of(settings.silo)
    if number is None:
        return None
    enrolment = _enrolment(federation, folder / settings.member)
    if (enrolment.keys.role, enrolment.number) != ("member", number):
        raise SettingsError(
            f"the federation file makes silo {settings.silo} member {number} of the committee, and "
            f"these are the keys of {enrolment.keys.role} {enrolment.number}"
        )
    return protection_named(federation.session.protection).member(
        enrolment.charter,
        number,
        enrolment.keys.signing_key,
        AppendLog(folder / settings.member / MEMBER_LOG),
        enrolment.rosters,
    )


def _enrolment(federation: Federation, folder: Path) -> Enrolment:
    if not folder.is_dir():
        raise KeyMaterialError(f"there is no enrolment at {folder}: accept the charter first")
    enrolment = read_enrolment(folder)
    if enrolment.charter.session != federation.session:
        raise SettingsError(
            f"the charter accepted in {folder} is of another session than the federation file: "
            "one of the two is not the one that the others have"
        )
    return enrolment

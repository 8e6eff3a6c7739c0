"""Which column is the user, which the item: by the name asked for, or by a common one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# In tiers: a name of an earlier tier wins over those of later ones. In lower case and without
# anything but letters and digits.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "user": (
        "user",
        "userid uid useridx userkey userindex",
        "customerid reviewerid memberid personid visitorid accountid clientid profileid buyerid "
        "readerid viewerid playerid steamid listenerid raterid consumerid subscriberid patronid",
        "users username customer reviewer member person visitor account client profile buyer "
        "reader viewer player listener rater consumer subscriber authorid profilename",
    ),
    "item": (
        "item",
        "itemid iid itemidx itemkey itemindex",
        "movieid filmid bookid isbn productid asin parentasin trackid songid artistid animeid "
        "mangaid businessid gameid appid jokeid venueid locationid placeid poiid poi beerid "
        "recipeid restaurantid articleid videoid showid hotelid courseid newsid goodid goodsid "
        "albumid podcastid titleid sku msno contentid workid",
        "items movie film book product track song artist anime manga business game joke venue "
        "location place beer recipe restaurant article video show hotel course album podcast "
        "movietitle productname",
    ),
    "rating": (
        "rating",
        "ratings ratingvalue bookrating userrating movierating reviewrating ratingscore "
        "reviewoverall starrating ratinggiven",
        "score stars overall star reviewscore userscore grade rate mark preference pref",
        "weight playcount plays listencount listens playcounts timesplayed count counts "
        "interactions purchases quantity clicks views frequency freq visits hours events",
    ),
    "timestamp": (
        "timestamp",
        "unixtime unixreviewtime unixtimestamp ratingtimestamp ts epoch tstamp timestampms",
        "time datetime ratedat createdat checkintime eventtime reviewtime utctime",
        "date reviewdate ratingdate created when day",
    ),
    "title": ("title", "movietitle booktitle itemtitle productname tracktitle", "name itemname"),
}
COMMON_NAMES: Mapping[str, tuple[frozenset[str], ...]] = {
    role: tuple(frozenset(tier.split()) for tier in tiers) for role, tiers in _NAMES.items()
}
"""Names recognised for each role, tier by tier."""
COUNTS = frozenset(_NAMES["rating"][-1].split()) | {"hoursplayed", "nplays"}
"""Names of columns that count something."""


RATINGS = frozenset(" ".join(_NAMES["rating"][:-1]).split())
"""Names of columns that rate something."""


def plain_name(name: str) -> str:
    """Return a name in lower case and without anything but letters and digits.

    RecBole names a column with its type, as in ``user_id:token``.
    """
    name = re.sub(r":(token|token_seq|float|float_seq)$", "", name.strip())
    return re.sub(r"[\W_]", "", name.lower())


def is_common_name(name: str) -> bool:
    """Whether a name is one by which users, items, ratings or times usually go."""
    plain = plain_name(name)
    return any(plain in tier for tiers in COMMON_NAMES.values() for tier in tiers)


def roles_named(names: Sequence[str]) -> set[str]:
    """Return the roles for which there is a common name."""
    return {role for role in COMMON_NAMES if places_by_name(names, role)}


def places_by_name(names: Sequence[str], role: str) -> list[int]:
    """Return the places of the columns that have the best common name for a role."""
    plain = [plain_name(name) for name in names]
    for tier in COMMON_NAMES[role]:
        places = [place for place, name in enumerate(plain) if name in tier]
        if places:
            return places
    return []

"""The states as a grid of tiles: each has the same room, however few people live there."""

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.overview import StateCount
from monitor.web.charts import level

COLUMNS, ROWS = 11, 8
_GRID = """
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. .. .. .. VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE DC
.. AZ NM KS AR TN NC SC .. .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI AS GU TX MP .. .. .. FL PR VI
"""
NAMES: Mapping[str, str] = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "GU": "Guam", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
    "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan",
    "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "PR": "Puerto Rico",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas",
    "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "VI": "U.S. Virgin Islands", "WA": "Washington",
    "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "AS": "American Samoa",
    "MP": "Northern Mariana Islands",
}  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """One state."""

    code: str
    name: str
    column: int
    row: int
    level: int
    """The shade, 0 to 4."""
    found: StateCount | None
    """None where nobody is watched."""

    @property
    def words(self) -> str:
        """What it says, in words."""
        if self.found is None:
            return f"{self.name}: no agency is watched"
        agencies = f"{self.found.agencies} {'agency' if self.found.agencies == 1 else 'agencies'}"
        return (
            f"{self.name}: {self.found.count.confirmed:,} confirmed, {self.found.count.flagged:,} flagged, {agencies}"
        )


def tiles(states: Mapping[str, StateCount]) -> list[Tile]:
    """All tiles, shaded by confirmed posts."""
    most = max((found.count.confirmed for found in states.values()), default=0)
    laid = []
    for row, line in enumerate(_GRID.split("\n")[1:-1]):
        for column, code in enumerate(line.split()):
            if code != "..":
                found = states.get(code)
                laid.append(
                    Tile(code, NAMES[code], column, row, level(found.count.confirmed, most) if found else 0, found)
                )
    return laid

"""Where a program finds its variables, and whether what it finds there is their value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .compilation import Compilation
from .state import Place, State, Variable, is_transposed


@dataclass(frozen=True)
class _Known:
    """The variables of two places. Replaced as a whole: another thread may look meanwhile."""

    second_places: int = 0
    """How many there were in the session when the lists were made."""
    watched: Sequence[tuple[Variable, Place]] = ()
    outdated: Sequence[Place] = ()


class Places:
    """The places of a program's variables.

    Few variables have more than one: only those are looked at in a run.
    """

    def __init__(self, compilation: Compilation, state: State) -> None:
        own = [(state.variable(v), is_transposed(v)) for v in compilation.variables]
        self.used = [state.place(v, transposed) for v, transposed in own]
        self._variables = [v for v, _ in own]
        updated = {variable for variable, _ in compilation.optimised.updates}
        self._written = [v in updated for v in compilation.variables]
        self._state = state
        self._known = _Known()

    def are_stale(self) -> bool:
        """Whether a variable was written at another place since."""
        known = self._known
        if known.second_places != self._state.second_places:
            known = self._look()
        for _, place in known.watched:  # noqa: SIM110 - a generator takes longer than all the rest
            if not place.fresh:
                return True
        return False

    def freshen(self) -> None:
        """Brings the program's places up to date. No other run may write a variable meanwhile."""
        for variable, place in self._known.watched:
            if not place.fresh:
                variable.freshen()

    def were_written(self) -> None:
        """What a run has written is the value now, and no longer what stands at other places."""
        for place in self._known.outdated:
            place.fresh = False

    def _look(self) -> _Known:
        seen = self._state.second_places
        found = [k for k, v in enumerate(self._variables) if len(v.places) > 1]
        watched = [(self._variables[k], self.used[k]) for k in found]
        written = [k for k in found if self._written[k]]
        outdated = [p for k in written for p in self._variables[k].places.values() if p is not self.used[k]]
        self._known = known = _Known(seen, watched, outdated)
        return known

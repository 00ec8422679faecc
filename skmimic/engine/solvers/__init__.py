"""How the objective is minimised."""

from ._rounds import PLAN, Round, has_units, learned_parts, solve_in_rounds

__all__ = ["PLAN", "Round", "has_units", "learned_parts", "solve_in_rounds"]

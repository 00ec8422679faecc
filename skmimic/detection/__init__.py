"""Floor 2: how unlike normal images a row is, judged by the normal image that mimics it best."""

from ._calibration import PixelCalibration, Standard, join_readings
from ._copies import warped_copies
from ._features import edges
from ._judge import StreamJudge
from ._matching import match, reach_of
from ._memory import Memory, Nearest
from ._normal_images import SCORES, MatchSettings, NormalImages, Readings
from ._own import own_scales
from ._patches import PatchMemory
from ._readings import Matches, match_candidates
from ._store import StoredImages
from ._streams import corruption_of_stream

__all__ = [
    "SCORES",
    "MatchSettings",
    "Matches",
    "Memory",
    "Nearest",
    "NormalImages",
    "PatchMemory",
    "PixelCalibration",
    "Readings",
    "Standard",
    "StoredImages",
    "StreamJudge",
    "corruption_of_stream",
    "edges",
    "join_readings",
    "match",
    "match_candidates",
    "own_scales",
    "reach_of",
    "warped_copies",
]

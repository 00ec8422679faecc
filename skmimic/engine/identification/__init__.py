"""Which corruption it was: what rows show, which families are tried, and how one is judged."""

from ._bench import LARGE, Bench, Learned, is_learned
from ._evidence import blur_width, scattered_pixels
from ._hypotheses import N_IMAGES, Hypothesis, distances, hypotheses_for, is_identifiable
from ._policy import Policy
from ._poses import Found, Pose, PoseSearch
from ._retrieval import Retrieval, Tone, dead_pixels, retrieve, retrieve_blurred
from ._row_angles import glance
from ._selection import learn_surrogate, select_surrogate
from ._standard_errors import standard_errors
from ._starts import set_tone

__all__ = [
    "LARGE",
    "N_IMAGES",
    "Bench",
    "Found",
    "Hypothesis",
    "Learned",
    "Policy",
    "Pose",
    "PoseSearch",
    "Retrieval",
    "Tone",
    "blur_width",
    "dead_pixels",
    "distances",
    "glance",
    "hypotheses_for",
    "is_identifiable",
    "is_learned",
    "learn_surrogate",
    "retrieve",
    "retrieve_blurred",
    "scattered_pixels",
    "select_surrogate",
    "set_tone",
    "standard_errors",
]

"""Floor 2: how the objective is minimised."""

from ._adaptation import Adaptation, no_corruption
from ._alternating import alternate
from ._class_guide import ClassGuide, LabelledSource, RowGuide, has_enough_rows, learn_guide
from ._encoder import Encoder, FittedEncoder, train_encoder
from ._estimation import estimate_corruption, resolve_solver
from ._image_encoder import GeneratorEncoder, ImageEncoder, learn_image_encoder
from ._initialisation import Candidates, start_latents
from ._interruption import carrying, is_interruption, left_by
from ._joint import solve_jointly
from ._mixture import Mixture, MixtureProjector, estimate_mixture
from ._optimisers import OPTIMISERS, Adam, Optimiser, RMSProp, RMSPropTF
from ._posterior import PosteriorSampler
from ._problem import Latents, Problem
from ._results import OptimizationTrace, ProjectionResult, Status
from ._rows import RowProjector, computing
from ._settings import SOLVERS, STARTS, Settings
from ._trajectory import Recorder, Snapshot
from ._unrolled import UnrolledProjection
from ._unseen import completed, fill_in
from .identification import is_identifiable

__all__ = [
    "OPTIMISERS",
    "SOLVERS",
    "STARTS",
    "Adam",
    "Adaptation",
    "Candidates",
    "ClassGuide",
    "Encoder",
    "FittedEncoder",
    "GeneratorEncoder",
    "ImageEncoder",
    "LabelledSource",
    "Latents",
    "Mixture",
    "MixtureProjector",
    "Optimiser",
    "OptimizationTrace",
    "PosteriorSampler",
    "Problem",
    "ProjectionResult",
    "RMSProp",
    "RMSPropTF",
    "Recorder",
    "RowGuide",
    "RowProjector",
    "Settings",
    "Snapshot",
    "Status",
    "UnrolledProjection",
    "alternate",
    "carrying",
    "completed",
    "computing",
    "estimate_corruption",
    "estimate_mixture",
    "fill_in",
    "has_enough_rows",
    "is_identifiable",
    "is_interruption",
    "learn_guide",
    "learn_image_encoder",
    "left_by",
    "no_corruption",
    "resolve_solver",
    "solve_jointly",
    "start_latents",
    "train_encoder",
]

"""Normal images, and how unlike them new ones are."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from ..exceptions import DetectionError
from ..metrics import p_values
from ._calibration import MOST_MAPS, PixelCalibration, Standard, join_readings
from ._checks import check_fits, check_images, check_normals
from ._copies import FEW, warped_copies
from ._memory import MEMORY_SIZE, Memory
from ._own import MANY, own_scales
from ._patches import PatchMemory
from ._readings import match_candidates
from ._store import StoredImages
from ._sums import summed

__all__ = ["SCORES", "MatchSettings", "NormalImages", "Readings"]

SCORES = {"auto": ("edges", "raw"), "edges": ("edges",), "neighbors": ("raw",), "patches": ()}
ROWS_TOGETHER = 1024  # rows whose products, maps and candidates are held at a time
MOST_RANDOM = 500  # held-out rows that are compared with normals drawn at random
SEED = 0
# The nearest by cosine that are matched. 60 for 20 of 400 to 1,600 digits, and five copies of each of the 400: +.001 to
# +.027 AUROC in 14 of 14 comparisons but one (-.002); of 42,000 it is the work of a second more for 60 rows.
N_CANDIDATES, N_CANDIDATES_OF_FEW = 20, 60


@dataclass(frozen=True)
class MatchSettings:
    """How rows are compared with normal images.

    Attributes
    ----------
    score : {"auto", "edges", "neighbors", "patches"}
        Joined readings, two-way matching alone, Euclidean distance alone, or neighbourhoods at the same place.
    reach : int or "auto"
        Pixels that parts may move; "auto" scales with the side.
    n_candidates : int or "auto"
        Normals, nearest by cosine, that are matched; "auto" is 60 of fewer than 8,000 and 20 of more.
    n_neighbors : int
        Best normals whose distances are averaged.
    features : callable or None
        From images to feature maps, in place of `edges`.
    """

    score: str = "auto"
    reach: int | str = "auto"
    n_candidates: int | str = "auto"
    n_neighbors: int = 3
    features: object = None


class Readings(NamedTuple):
    """Distances of rows to normal images.

    Attributes
    ----------
    edges, raw : ndarray (n,) or None
        Mean two-way distance, and mean Euclidean distance, to the nearest normals; None where the score needs none.
    maps : tensor (n, h, w) or None
        Sums to `edges`.
    """

    edges: np.ndarray | None
    raw: np.ndarray | None
    maps: torch.Tensor | None


class NormalImages:
    """Normal images that new ones are judged by.

    Use `fit` to make one. Scores of a row never depend on the rows beside it, nor on threads. Rows that are constant
    have no edges and are as far from all normals that have some. Where all normals are equal, scores are plain logs of
    distances.

    Parameters
    ----------
    memory : Memory
    calibration_images : tensor (m, c, h, w)
        Normals that are not in the memory.
    settings : MatchSettings

    Attributes
    ----------
    calibration_scores : ndarray (m,)
        Scores of the held-out normals.
    standards : dict of Standard
        By reading.

    Examples
    --------
    >>> import torch
    >>> from skmimic.detection import NormalImages
    >>> images = torch.rand(60, 1, 8, 8)
    >>> normals = NormalImages.fit(images[:40], images[40:])
    >>> normals.scores(images[:5]).shape
    (5,)
    """

    def __init__(self, memory, calibration_images, settings=None):
        self.memory, self.settings = memory, settings or MatchSettings()
        self.calibration_images = StoredImages(calibration_images)
        self.patches = PatchMemory(memory, calibration_images) if self.settings.score == "patches" else None
        self._pixels = None
        readings = self.readings(calibration_images)
        self.standards = self._standards(calibration_images, readings)
        if self.patches:
            self.calibration_scores = self.patches.calibration_scores.double().numpy()
        else:
            self.calibration_scores = self._joined(readings, calibration_images)

    @classmethod
    def fit(cls, images, calibration_images, *, memory_size=MEMORY_SIZE, copies="auto", random=None, **settings):
        """Remember normal images, and calibrate on others.

        Parameters
        ----------
        images, calibration_images : tensor or ndarray (n, c, h, w)
            Floats in [0, 1], or bytes. The second must not be among the first.
        memory_size : int or None, default=50_000
            More images are left out at random.
        copies : bool or "auto", default="auto"
            Whether five slightly warped copies of each image are remembered, too; "auto" where there are fewer than
            1,000 and edges count.
        random : torch.Generator or None, default=None
            None takes a fixed seed.
        **settings
            Those of `MatchSettings`.

        Returns
        -------
        NormalImages

        Raises
        ------
        DetectionError
            If there are too few images, they are not finite, or a setting is unknown.
        """
        settings = MatchSettings(**settings)
        if settings.score not in SCORES:
            raise DetectionError(f"score: expected one of {sorted(SCORES)}, got {settings.score!r}.")
        images, held_out = check_normals(images, calibration_images)
        random = random or torch.Generator().manual_seed(SEED)
        return cls(_remembered(images, memory_size, copies, random, settings), held_out, settings)

    def carried(self, f):
        """Return these normal images after a corruption, calibrated anew; nothing changes here.

        Parameters
        ----------
        f : callable
            From images (k, c, h, w) in [0, 1] to as many, each alone.

        Returns
        -------
        NormalImages
        """
        held_out = torch.cat([f(part) for part in self.calibration_images.take().split(ROWS_TOGETHER)])
        return type(self)(self.memory.carried(f), held_out, self.settings)

    def scores(self, images):
        """Compute anomaly scores; higher is stranger, and minus them is for `metrics`.

        Parameters
        ----------
        images : tensor or ndarray (n, c, h, w)

        Returns
        -------
        ndarray (n,)
            float64; zero for a usual normal. See `join_readings`.
        """
        images = self._checked(images)
        return self._joined(self.readings(images), images)

    def p_values(self, images):
        """Compute conformal p-values, in (0, 1]: how often a held-out normal is as strange.

        Parameters
        ----------
        images : tensor or ndarray (n, c, h, w)

        Returns
        -------
        ndarray (n,)
        """
        return p_values(-self.scores(images), -self.calibration_scores)

    def maps(self, images):
        """Show where rows are unlike normal ones.

        Parameters
        ----------
        images : tensor or ndarray (n, c, h, w)

        Returns
        -------
        tensor (n, h, w)
            What each pixel adds to the two-way distance, with ``score="neighbors"`` to the squared one, or with
            "patches" the mean unlikeness of the neighbourhoods that cover it, in standard deviations.
        """
        images = self._checked(images)
        if self.patches:
            return self.patches.maps(images)
        if self._is_plain():
            return torch.cat([self._squares(part) for part in images.split(ROWS_TOGETHER)])
        return self.readings(images, with_maps=True).maps

    def p_maps(self, images):
        """Compute conformal p-values of every pixel of the maps: those of a normal image are calm.

        Parameters
        ----------
        images : tensor or ndarray (n, c, h, w)

        Returns
        -------
        tensor (n, h, w)
            In (0, 1].
        """
        if self._pixels is None:
            self._pixels = PixelCalibration(self.maps(self.calibration_images.take(slice(MOST_MAPS))))
        return self._pixels.p_values(self.maps(images))

    def mimics(self, images):
        """Give the normal image that mimics each row best.

        Parameters
        ----------
        images : tensor or ndarray (n, c, h, w)

        Returns
        -------
        tensor (n, c, h, w)
        """
        images = self._checked(images)
        return torch.cat([self.memory.images.take(self._best(part)) for part in images.split(ROWS_TOGETHER)])

    def readings(self, images, with_maps=False):
        """Compute the distances that the score is made of.

        Parameters
        ----------
        images : tensor (n, c, h, w)
        with_maps : bool, default=False

        Returns
        -------
        Readings
        """
        parts = [self._readings(part, with_maps) for part in images.split(ROWS_TOGETHER)]
        edges, raw, maps = ([value for value in column if value is not None] for column in zip(*parts, strict=True))
        joined = [torch.cat(column).double().numpy() if column else None for column in (edges, raw)]
        return Readings(*joined, torch.cat(maps) if maps else None)

    def _readings(self, images, with_maps):
        names = SCORES[self.settings.score]
        edges = raw = maps = None
        if not names and not with_maps:
            return edges, raw, maps  # neighbourhoods are compared with all normals
        nearest = self._nearest(images)
        if "edges" in names or with_maps:
            matches = self._match(images, nearest.candidates, with_maps)
            edges, maps = _mean(matches.distances), matches.maps
        if "raw" in names:
            raw = _mean(self.memory.distances(images, nearest.by_distance))
        return edges, raw, maps

    def _is_plain(self):
        """Whether nothing but Euclidean distances counts."""
        return SCORES[self.settings.score] == ("raw",)

    def _best(self, images):
        """Which normal image mimics each row best."""
        return self._nearest(images).by_distance[:, 0] if self._is_plain() else self._match(images).indices[:, 0]

    def _squares(self, images):
        """What each pixel adds to the mean squared distance of rows to their nearest normals."""
        nearest = self._nearest(images).by_distance
        totals = torch.zeros_like(images[:, 0])
        for at in nearest.T:
            totals += (images - self.memory.images.take(at)).square().sum(1)
        return totals / nearest.shape[1]

    def _nearest(self, images):
        return self.memory.nearest(images, self._n_candidates(), self.settings.n_neighbors)

    def _n_candidates(self):
        if self.settings.n_candidates != "auto":
            return self.settings.n_candidates
        return N_CANDIDATES if len(self.memory) >= MANY else N_CANDIDATES_OF_FEW

    def _match(self, images, candidates=None, with_maps=False):
        candidates = self._nearest(images).candidates if candidates is None else candidates
        chosen = {"reach": self.settings.reach, "features": self.settings.features, "with_maps": with_maps}
        return match_candidates(images, self.memory, candidates, self.settings.n_neighbors, **chosen)

    def _standards(self, images, readings):
        """Compare the nearest normals of held-out rows with such as are drawn at random."""
        images = images[:MOST_RANDOM]
        random = torch.Generator().manual_seed(SEED)
        drawn = torch.randint(len(self.memory), (len(images), self.settings.n_neighbors), generator=random)
        standards = {}
        for name in SCORES[self.settings.score]:
            found = self._match(images, drawn).distances if name == "edges" else self.memory.distances(images, drawn)
            standards[name] = Standard.of(getattr(readings, name), _mean(found))
        return standards

    def _joined(self, readings, images):
        if self.patches:
            return self.patches.scores(images).double().numpy()
        names = SCORES[self.settings.score]
        return join_readings([self.standards[name] for name in names], [getattr(readings, name) for name in names])

    def _checked(self, images):
        images = check_images(images, "images")
        check_fits(images, self.memory.images.shape)
        return images


def _remembered(images, memory_size, copies, random, settings):
    """Choose images, measure how far they are from one another, and add copies that are taken to be as far."""
    memory, are_matched = Memory(images, memory_size, random), "edges" in SCORES[settings.score]
    if are_matched and len(memory) >= MANY:
        memory.scales = own_scales(memory, settings.reach, settings.features)
    few = are_matched and len(memory) < FEW
    if not (few if copies == "auto" else copies):
        return memory
    kept = memory.images.take()
    more = Memory(torch.cat([kept, warped_copies(kept, random)]), None)
    if memory.scales is not None:
        more.scales = np.tile(memory.scales, len(more) // len(memory))
    return more


def _mean(distances):
    """Average distances (n, k) over k."""
    return summed(distances) / distances.shape[1]

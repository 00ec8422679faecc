"""The numbers by which a corruption is searched and judged, each with its reason."""

from dataclasses import dataclass

__all__ = ["Policy"]


@dataclass(frozen=True)
class Policy:
    """How the pose is searched, and what counts as seen.

    Errors are those of maps found on digits 28x28 (turn to 60 degrees, zoom, shear, shift; ten maps) unless said; they
    come from `benchmarks/pose` and scripts like it.
    """

    n_rows: int = 100  # compared with samples; 64 rows err by .9 pixels after the search, 100 by .7
    n_samples: int = 2000  # 4,000 err by .1 pixels less and cost twice the time
    n_coarse_samples: int = 600  # on the grid, which only has to come within a step
    coarse_side: int = 16  # pixels of the shorter side that the grid looks at
    fine_side: int = 32  # the same for the sweeps; larger pictures are shrunk
    blur: float = 1 / 28  # of the shorter side: by less, a warp's own blur brings all samples nearer
    rotations: tuple[int, ...] = tuple(range(-90, 91, 15))
    zooms: tuple[float, ...] = (0.6, 0.75, 0.9, 1.0, 1.15, 1.35)
    reach: float = 0.3  # of a side, the longest shift
    near_deg: float = 8.0  # half a step of the grid: nearer points are one
    near_zoom: float = 1.08  # the same
    steps: tuple[float, ...] = (8.0, 0.1, 0.1, 0.15, 0.107, 0.107)  # first ones: degrees, logarithms, shear, half sides
    finer: float = 1.4  # each sweep's steps by the last one's; 1.7 stops early (.51 pixels, .42 with 1.4)
    n_blurred: int = 1  # sweeps over blurred pictures, which tell a pose to .49 pixels
    n_sharp: int = 5  # sweeps over sharp ones, which tell it to .18 from near it
    simpler: float = 0.988  # of a similarity's distance, for shear and unequal zooms; where there are none, above .993
    parsimony: float = 0.94  # of the identity's distance: clean digits come to .97, turned by 10 degrees to .88
    starts: int = 128  # rows times poses from which learning starts: one pose for 100 rows, eight for up to 16
    most_starts: int = 8  # poses; 8 rows err by .56 pixels with one, .24 with eight
    unseen_tone: float = 0.08  # logarithm of a gain, and bias; clean digits, faces and fashion read up to .06
    explaining_below: float = 0.5  # a pose that leaves less than this part of the dead pixels has explained them
    posed_below: float = 1.03  # live pixels no farther than by this under such a pose: it is one
    masked_above: float = 1.11  # farther: a mask; between them both are learned
    blurs: tuple[float, ...] = (0.75, 0.87, 1.0, 1.15, 1.3, 1.5, 1.75)  # times the first guess

    def n_starts(self, n_rows):
        """Number of poses from which so many rows are learned."""
        return max(min(self.starts // max(n_rows, 1), self.most_starts), 1)

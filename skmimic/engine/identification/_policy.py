"""The numbers by which a corruption is searched and judged, each with its reason."""

from dataclasses import dataclass

__all__ = ["Policy"]


@dataclass(frozen=True)
class Policy:
    """How the pose is searched, and what counts as seen.

    Errors are those of maps found on digits 28x28 (turn to 60 degrees, zoom, shear, shift; ten maps) unless said.
    docs/design.md, "How auto chooses", tells how each was measured.
    """

    # What the rows show before anything is learned

    n_rows: int = 100  # compared with samples; 64 rows err by .9 pixels after the search, 100 by .7
    n_samples: int = 2000  # 4,000 err by .1 pixels less and cost twice the time
    n_coarse_samples: int = 600  # on the grid, which only has to come within a step
    coarse_side: int = 16  # pixels of the shorter side that the grid looks at
    fine_side: int = 32  # the same for the sweeps; larger pictures are shrunk
    blur: float = 1 / 28  # of the shorter side: by less, a warp's own blur brings all samples nearer
    rotations: tuple[int, ...] = tuple(range(-90, 91, 15))
    zooms: tuple[float, ...] = (0.6, 0.75, 0.9, 1.0, 1.15, 1.35)
    reach: float = 0.3  # of a side, the longest shift
    n_apart: int = 2  # points of the grid that are looked at closer, at least: the best need not be nearest
    near_deg: float = 8.0  # half a step of the grid: nearer points are one
    near_zoom: float = 1.08  # the same
    steps: tuple[float, ...] = (8.0, 0.1, 0.1, 0.15, 0.107, 0.107)  # first ones: degrees, logarithms, shear, half sides
    finer: float = 1.4  # each sweep's steps by the last one's; 1.7 stops early (.51 pixels, .42 with 1.4)
    n_blurred: int = 1  # sweeps over blurred pictures, which tell a pose to .49 pixels
    n_near: int = 2  # sweeps over sharp ones, by the nearest sample of each row
    n_similar: int = 2  # sweeps by what samples combine to, as a similarity
    n_free: int = 6  # the same, in all six numbers
    n_combined: int = 16  # samples; by the nearest alone the search errs by .6 pixels, by 16 by .4
    ridge: float = 0.1  # of the squares of their shares; .3 does as well
    simpler: float = 0.99  # of a similarity's distance, for shear and unequal zooms; .995 and more without
    parsimony: float = 0.94  # of the identity's distance: clean digits come to .97, turned by 10 degrees to .88
    doubtful: float = 0.97  # the same, below which learning starts from both: a turn by 11 degrees came to .96
    starts: int = 64  # rows times poses from which learning starts, from one pose to eight
    most_starts: int = 8  # poses; 8 rows err by .56 pixels with one, .24 with eight
    slants: tuple[float, ...] = (0.1, -0.1)  # of the likeliest pose, further starts: rows can all be drawn .08 aslant
    unseen_tone: float = 0.08  # logarithm of a gain, and bias; clean digits, faces and fashion read up to .06
    explaining_below: float = 0.5  # a pose that leaves less than this part of the dead pixels has explained them
    posed_below: float = 1.06  # live pixels no farther than by this under such a pose: maps to 1.03, masks from 1.2
    masked_above: float = 1.11  # farther: a mask; between them both are learned
    least_masked: float = 0.005  # of the pixels, beside a pose: one of 784 was dead on one map of 19, by its border
    left_blur: float = 0.24  # pixels: blurred rows keep .36 and more under their pose, warped twice .25, others to .22
    blurs: tuple[float, ...] = (0.75, 0.87, 1.0, 1.15, 1.3, 1.5, 1.75)  # times the first guess

    # On how many rows what is learned
    n_structured: int = 64  # a pose, a tone, a blur: 24 maps err by .03 pixels in the median, .05 at most
    n_flexible: int = 256  # a block of convolutions
    n_large: int = 48  # a pose of large images
    n_candidates_large: int = 1000  # samples that stand for large images
    n_promise: int = 48  # whether a block of convolutions is worth a try
    n_measured: int = 32  # residuals, by which families are compared
    few_rows: int = 32  # below, rows have no deviations of their own, nor angles: 4 rows took twice the error
    fewest_flexible: int = 8  # rows; fewer let a convolution explain whatever they happen to show
    # What must pay, as a part of the residual or objective without it
    structured_prior: float = 0.1  # of the latent prior's weight: all of it pulls a pose to likelier latents
    linear_prior: float = 0.015  # of its weight, for linear generators: the noise that 40 components leave of digits
    structured_below: float = 0.95  # of the identity's residual, and of that without a blur
    paying_below: float = 0.95  # a part that was hardly seen: .96 to 1.07 where it is not there
    linear_pay_below: float = 0.9  # the same for linear generators: poses there .50 to .88, not there .93 to 1.06
    weak_pay_below: float = 0.8  # the same for few rows and blurred ones, which free numbers fit better than the truth
    blurred_freed_below: float = 0.98  # blurred rows' shear and unequal zooms: .81 to .98 with one, .99 to 1.02 without
    weakly_freed_below: float = 0.9  # few rows' shear and unequal zooms: .72 to 1.10 with one, .85 to 1.05 without
    slight_turn_deg: float = 10.0  # a pose within all three is hardly seen
    slight_zoom: float = 0.1  # logarithm
    slight_shift: float = 0.1  # half sides, and shear
    slight_tone: float = 0.25  # logarithm of a gain, and bias, up to which a tone is hardly seen
    explained: float = 0.12  # of the mean picture's residual: what leaves less needs no more
    loose_sd: float = 0.1  # of the rows' own affine deviations that is tried, half and twice of it if it helps
    loose_below: float = 0.84  # of the shared map's residual: .50 to .80 where rows differ; 28x28 from .80 on if not
    surely_loose_below: float = 0.8  # the same by n_rows: .62 to .77 where rows differ, .85 if not
    deviating_above: float = 0.38  # times loose_sd, their root mean square: 16x16 to .33 if rows share a map, else .42
    washed_out_above: float = 0.97  # lowest power of rows by samples': VAEs .99 to 1.47, good generators .59 to .95
    washed_out_below: float = 0.3  # of the mean picture's residual: VAEs leave .13 to .22 of it, edges in relief .68
    promising_below: float = 0.98  # a convolution fitted to the images at hand is worth a try
    promised_below: float = 0.97  # the same, learned shortly on few rows: USPS, by MNIST, .84 to .95, later to .80
    flexible_below: float = 0.85  # in the end: USPS, by MNIST, to .80; MNIST, by USPS, .72 to .88, gains nothing
    unexplained: float = 0.6  # of the mean picture's residual: what leaves more fits nothing
    fewest_rounds: int = 5  # T, for a family of the user's choice to be said to fit nothing; fewer leave much anyhow
    # Angles of the rows' own
    read_below: float = 0.9  # deviations: .93 to 1.01 where rows of 28x28 share an angle, to .85 if not
    fewest_read: int = 16  # pixels a side of images that tell an angle each
    fewest_steps: int = 50  # of phase B
    left_sd: float = 0.01  # of affine deviations around the angle that was read; d_proj 1.08 without, 1.15 at .02

    def n_starts(self, n_rows):
        """Number of poses from which so many rows are learned."""
        return max(min(self.starts // max(n_rows, 1), self.most_starts), 1)

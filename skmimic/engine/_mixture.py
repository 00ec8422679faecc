"""Several corruptions in one batch: each row belongs to the one under which its objective is lowest."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..surrogates import FittedSurrogate, Photometric, part_of
from ._estimation import estimate_corruption, fresh_surrogate, has_parameters, resolve_solver, with_encoder
from ._initialisation import Candidates
from ._interruption import carrying
from ._results import OptimizationTrace, Status
from ._trajectory import Snapshot
from .identification import N_IMAGES, distances, hypotheses_for, set_tone

__all__ = ["Mixture", "MixtureProjector", "estimate_mixture"]

ROWS_EACH = 256  # rows from which one component is learned, at most
ROUNDS = 3  # of learning and assigning
MOVED = 0.03  # a share of the rows that may still move between components
SPLIT_BELOW = 0.93  # a further component must bring the distance below this fraction of what it was
FEWEST = 2  # rows of a component; one alone identifies nothing


@dataclass(frozen=True)
class Mixture:
    """Outcome of phase A with several corruptions; phase B takes for each row the best of them.

    Attributes
    ----------
    components : tuple of Adaptation
        The largest share of the rows first.
    shares : tuple of float
        Of the rows in phase A.
    trace : OptimizationTrace
        Mean objective of the rows under their components, one record a round.
    """

    components: tuple
    shares: tuple
    trace: OptimizationTrace = field(default_factory=OptimizationTrace)
    latents = None  # of Algorithm 1, whose rows are projected again under all corruptions
    trajectory = ()
    guide = None

    @property
    def surrogate(self):
        """The surrogate of the largest share."""
        return self.components[0].surrogate

    @property
    def settings(self):
        """The settings, which the components share."""
        return self.components[0].settings

    @property
    def identifiable(self):
        """Whether every component was told from its rivals; None if that was not tested."""
        flags = [component.identifiable for component in self.components]
        return None if None in flags else all(flags)

    def interrupted(self):
        """Return what there is as the outcome of an interrupted phase A, which says so."""
        components = tuple(component.interrupted() for component in self.components)
        return replace(self, components=components, trace=self.trace.interrupted())

    def row_projector(self, generator, batch_size, linear_map=None):
        """Prepare phase B."""
        parts = [component.row_projector(generator, batch_size, linear_map) for component in self.components]
        return MixtureProjector(parts)


class MixtureProjector:
    """Phase B under several corruptions: every row alone, under each of them, the lowest objective kept.

    Parameters
    ----------
    parts : list of RowProjector
        One for each component.
    """

    def __init__(self, parts):
        self.parts = parts

    @property
    def precision(self):
        """The dtype of the observed images that it takes."""
        return max((part.precision for part in self.parts), key=lambda dtype: dtype.itemsize)

    @property
    def batch_size(self):
        """Rows of a chunk after any lack of memory."""
        return min(part.batch_size for part in self.parts)

    def objectives(self, observed):
        """Compute the objective (n, K) of each row under each component."""
        return torch.stack([part.evaluated(observed.to(part.precision))[-1].double() for part in self.parts], 1)

    def __call__(self, observed):
        """Project observed images; returns what `RowProjector` returns, and the component (n,) of each row."""
        trials = [part.evaluated(observed.to(part.precision)) for part in self.parts]
        *found, objectives = zip(*trials, strict=True)
        labels = torch.stack([values.double() for values in objectives], 1).argmin(1)
        return *(_pick(column, labels) for column in found), labels

    def follow(self, observed):
        """Project observed images as `__call__` does, and keep them as they were on the way."""
        found = self(observed)
        paths = [part.follow(observed.to(part.precision))[1] for part in self.parts]
        return found, _picked_path(paths, found[-1].numpy())

    def sample(self, observed, z, n_samples, labels):
        """Draw plausible images (n, n_samples, c, h, w) of each row under the component that it belongs to."""
        samples = observed.new_empty(len(observed), n_samples, *observed.shape[1:])
        for place in labels.unique().tolist():
            mine, part = labels == place, self.parts[place]
            drawn = part.sample(observed[mine].to(part.precision), z[mine], n_samples)
            samples[mine] = drawn.to(samples)
        return samples


def _pick(column, labels):
    """Take each row from the component that its label names."""
    return torch.stack(column)[labels, torch.arange(len(labels))]


def _picked_path(paths, labels):
    """Take each row of each snapshot from its component; a path that ended stays at its end."""
    rows, moments = np.arange(len(labels)), []
    for index, moment in enumerate(max(paths, key=len)):
        now = [path[min(index, len(path) - 1)] for path in paths]
        images, mimicked = (np.stack([getattr(each, name) for each in now]) for name in ("images", "mimicked"))
        moments.append(Snapshot(moment.step, images[labels, rows], mimicked[labels, rows]))
    return tuple(moments)


def estimate_mixture(generator, observed, settings, surrogate="auto", n_surrogates=2, seed=0, report=None):
    """Phase A for rows with several corruptions: learn each on its rows, assign the rows anew, and repeat.

    The first assignment compares each row with turned, zoomed and inverted prior samples and picks the few
    corruptions that together bring all rows nearest. A further one is taken only if it brings the mean distance
    below 0.93 of what it was, so there may be fewer than `n_surrogates`.

    Parameters
    ----------
    generator : LoadedGenerator
    observed : tensor (n, c, h, w)
        In [-1, 1], n > 1.
    settings : Settings
    surrogate : str, Surrogate or factory, default="auto"
        Every component has one of its own.
    n_surrogates : int, default=2
        Components at most.
    seed : int, default=0
    report : callable or None, default=None
        Called with a sentence as the work goes on.

    Returns
    -------
    Mixture

    Raises
    ------
    NotFiniteError
        If the objective leaves the finite numbers.
    KeyboardInterrupt
        Carries the mixture of the last round as its attribute `partial`; in the first round the components that were
        learned.
    """
    solver = resolve_solver(settings.solver, (len(observed) // n_surrogates, *observed.shape[1:]))
    settings = replace(settings, solver=solver)
    rows = observed[: ROWS_EACH * n_surrogates]
    labels, starts = _first_labels(generator, rows, n_surrogates, seed)
    if not bool(labels.any()) or not has_parameters(surrogate, generator, seed):
        return Mixture((estimate_corruption(generator, observed, settings, surrogate, seed, report),), (1.0,))
    learner = _Learner(generator, rows, settings, surrogate, seed, report)
    mixture = learner.alternate(labels, starts)
    with carrying(mixture.interrupted):
        return _with_encoders(generator, observed, mixture, settings, report)


def _first_labels(generator, rows, n_surrogates, seed):
    """Assign rows (n,) to the corruptions that together are nearest to them; returns these corruptions too."""
    images = Candidates(generator, torch.Generator().manual_seed(seed), N_IMAGES).images
    hypotheses = hypotheses_for(images, rows)
    values = distances(images, rows, hypotheses).cpu()  # few numbers, read one by one below
    chosen = [int(values.mean(1).argmin())]
    while len(chosen) < n_surrogates:
        more = _improved(values, [*chosen, int(_together(values, chosen).mean(1).argmin())])
        if _cost(values, more) > SPLIT_BELOW * _cost(values, chosen):
            break
        chosen = more
    kept = [chosen[place] for place in _kept(values[chosen].T)]
    return values[kept].argmin(0), [hypotheses[index] for index in kept]


def _together(values, chosen):
    """Distance (H, n) of each row to the nearest of the chosen hypotheses and one more."""
    return torch.minimum(values, values[chosen].min(0).values)


def _cost(values, chosen):
    return values[chosen].min(0).values.mean().item()


def _improved(values, chosen):
    """Exchange chosen hypotheses while that lowers the cost (k-medoids)."""
    while True:
        before = _cost(values, chosen)
        for place in range(len(chosen)):
            others = chosen[:place] + chosen[place + 1 :]
            best = int(_together(values, others).mean(1).argmin())
            chosen = min(chosen, [*chosen[:place], best, *chosen[place + 1 :]], key=lambda c: _cost(values, c))
        if _cost(values, chosen) >= before:
            return chosen


def _kept(costs):
    """Order the components of costs (n, K) by their share of the rows; those with fewer than two rows are dropped."""
    kept = list(range(costs.shape[1]))
    while True:
        counts = costs[:, kept].argmin(1).bincount(minlength=len(kept)).tolist()
        smallest = min(range(len(kept)), key=counts.__getitem__)
        if counts[smallest] >= FEWEST or len(kept) == 1:
            return [kept[place] for place in sorted(range(len(kept)), key=lambda place: -counts[place])]
        del kept[smallest]


class _Learner:
    """Learns the components and assigns the rows, in turns."""

    def __init__(self, generator, rows, settings, surrogate, seed, report):
        self.generator, self.rows, self.surrogate, self.seed, self.report = generator, rows, surrogate, seed, report
        is_amortized = settings.solver == "amortized"  # encoders are trained once, at the end
        start = "auto" if settings.start == "encoder" else settings.start
        self.settings = replace(settings, solver="joint" if is_amortized else settings.solver, start=start)
        self.mixture = None  # the best so far

    def alternate(self, labels, starts):
        """Take turns until the rows keep to their components."""
        objectives, status = [], Status.COMPLETED
        with carrying(lambda: self.mixture and self.mixture.interrupted()):
            for _ in range(ROUNDS):
                components = self._components(labels, starts)
                costs = costs_of(self.generator, self.rows, components, self.settings)
                order = _kept(costs)
                owner = torch.tensor(order)[costs[:, order].argmin(1)]
                objectives.append(costs[:, order].min(1).values.mean().item())
                kept = [components[place] for place in order]
                self.mixture = _mixture(kept, costs[:, order].argmin(1), objectives, status)
                if (owner != labels).float().mean() <= MOVED:
                    return replace(self.mixture, trace=replace(self.mixture.trace, status=Status.CONVERGED))
                labels, starts = costs[:, order].argmin(1), [starts[place] for place in order]
        return self.mixture

    def _components(self, labels, starts):
        """Learn a component on the rows of each label; those of the first round are kept if it is interrupted."""
        learned = []
        for place, start in enumerate(starts):
            learned.append(self._learned(self.rows[labels == place], start))
            if self.mixture is None or len(self.mixture.components) < len(learned):
                self.mixture = _mixture(learned, labels[labels <= place], [], Status.COMPLETED)
        return learned

    def _learned(self, rows, start):
        """Learn one component; a photometric part starts at the gain and bias of its hypothesis."""
        surrogate, family = self.surrogate, None
        if not isinstance(surrogate, str) or surrogate != "auto":
            surrogate, family = fresh_surrogate(surrogate, self.generator, self.seed)
            if (tone := part_of(surrogate, Photometric)) is not None:
                set_tone(tone, start.gain, start.bias)
        found = estimate_corruption(self.generator, rows, self.settings, surrogate, self.seed, self.report)
        if family is None:
            return found
        fitted = FittedSurrogate(found.surrogate.to_torch(), family, found.surrogate.standard_errors)
        return replace(found, surrogate=fitted)


def costs_of(generator, rows, components, settings):
    """Compute the objective (n, K) of each row under each component after a third of the steps of phase B."""
    short = replace(settings, T=max(settings.T // 3, 1), start="nearest")
    parts = [replace(part, settings=short, encoder=None) for part in components]
    return Mixture(tuple(parts), ()).row_projector(generator, min(len(rows), ROWS_EACH)).objectives(rows)


def _mixture(components, labels, objectives, status):
    shares = labels.bincount(minlength=len(components)) / len(labels)
    return Mixture(tuple(components), tuple(shares.tolist()), OptimizationTrace(tuple(objectives), status))


def _with_encoders(generator, observed, mixture, settings, report):
    """Train an encoder for each component on all rows that belong to it, if the solver asks for encoders."""
    if settings.solver != "amortized" and settings.start != "encoder":
        return mixture
    labels = costs_of(generator, observed, mixture.components, settings).argmin(1)
    trained = [
        with_encoder(generator, observed[labels == place], replace(component, settings=settings), report)
        for place, component in enumerate(mixture.components)
    ]
    return replace(mixture, components=tuple(trained))

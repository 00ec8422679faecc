"""Task-agnostic baselines by their own libraries: subspace alignment of skada, optimal transport of POT.

Both move the source to the target; 1-NN then searches among the moved source rows. What the paper does not tell is
chosen by 1-NN on the 100 validation rows, and the choices are kept in the result.
"""

import numpy as np
import ot
import torch
from adaptation_classifiers import nearest_neighbour_hits
from adaptation_methods import Alignment
from skada import SubspaceAlignmentAdapter
from torch import nn

__all__ = ["METHODS"]

N_COMPONENTS = (10, 20, 30, 40, 60, 80, 120, 160, 200)
REGULARISATIONS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0)  # entropic, for squared distances of pixels in [0, 1]
N_COUPLED = 4000  # rows of each side in the coupling; memory and time grow with the square
N_ITERATIONS = 100
N_MAP_STEPS = 2000
N_HINDSIGHT = 2000  # reported rows on which every choice is judged, to show what a better choice would have given


def _scaled(pair):
    return pair.X_source.astype(np.float32) / 255, pair.X_target.astype(np.float32) / 255


def _best(pair, candidates, name, parameters):
    """Take the choice whose 1-NN is best on the validation rows."""
    n_validation = len(pair.validation)
    seen, chosen, judged = pair.order[: n_validation + N_HINDSIGHT], None, {}
    for choice, moved, target in candidates:
        if not np.isfinite(moved).all():  # too little regularisation for the numbers of the coupling
            judged[choice] = None
            continue
        hits = nearest_neighbour_hits(moved, pair.y_source, target[seen], pair.y_target[seen])
        judged[choice] = {"validation": hits[:n_validation].mean(), "hindsight": hits[n_validation:].mean()}
        if chosen is None or judged[choice]["validation"] > judged[chosen[0]]["validation"]:
            chosen = choice, moved, target
    choice, moved, target = chosen
    parameters = {name: choice, "choices": judged, **parameters}
    return Alignment(np.arange(len(target)), target, moved, pair.y_source, None, 1, parameters)


def subspace_alignment(pair, gan, seed, options):
    """Align the principal subspaces of all rows of both sides."""
    source, target = _scaled(pair)
    both, domain = np.concatenate([source, target]), np.repeat([1, -2], [len(source), len(target)])

    def candidates():
        for n_components in N_COMPONENTS:
            adapter = SubspaceAlignmentAdapter(n_components, random_state=seed)
            moved = adapter.fit_transform(both, sample_domain=domain)
            yield n_components, moved[: len(source)], moved[len(source) :]

    return _best(pair, candidates(), "n_components", {})


def _barycentres(pair, seed):
    """Couple samples of both sides by entropic transport, and give each source row its barycentre in the target.

    POT continues the coupling to the source rows that had no part in it.
    """
    source, target = _scaled(pair)
    some = np.random.default_rng(seed).permutation(len(source))[:N_COUPLED]
    for regularisation in REGULARISATIONS:
        transport = ot.da.SinkhornTransport(reg_e=regularisation, max_iter=N_ITERATIONS)
        transport.fit(Xs=source[some], Xt=target[pair.order[:N_COUPLED]])
        yield regularisation, transport.transform(Xs=source, batch_size=1000).astype(np.float32)


def optimal_transport(pair, gan, seed, options):
    """Move the source to its barycentres."""
    target = _scaled(pair)[1]
    candidates = ((regularisation, moved, target) for regularisation, moved in _barycentres(pair, seed))
    return _best(pair, candidates, "reg_e", {"n_coupled": N_COUPLED, "max_iter": N_ITERATIONS})


def transport_map(pair, gan, seed, options):
    """Move the source by a network that has learned where the barycentres are."""
    source, target = _scaled(pair)
    parameters = {"n_coupled": N_COUPLED, "max_iter": N_ITERATIONS, "n_map_steps": N_MAP_STEPS}
    candidates = (
        (regularisation, _mapped(source, moved, seed), target) for regularisation, moved in _barycentres(pair, seed)
    )
    return _best(pair, candidates, "reg_e", parameters)


def _mapped(source, moved, seed, batch_size=128):
    """Fit a map by least squares, as in the second algorithm of Seguy et al., 2018, and apply it to the source."""
    source, moved = torch.from_numpy(source), torch.from_numpy(moved)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = [nn.Linear(source.shape[1], 200), nn.ReLU(), nn.Linear(200, 500), nn.ReLU()]
        network = nn.Sequential(*hidden, nn.Linear(500, moved.shape[1]))
        optimiser = torch.optim.Adam(network.parameters(), 1e-3)
        for _ in range(N_MAP_STEPS):
            rows = torch.randint(len(source), (batch_size,))
            optimiser.zero_grad()
            (network(source[rows]) - moved[rows]).square().sum(1).mean().backward()
            optimiser.step()
    with torch.no_grad():
        return network(source).numpy()


METHODS = {"subspace": subspace_alignment, "ot": optimal_transport, "ot_map": transport_map}

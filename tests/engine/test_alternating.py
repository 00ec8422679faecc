"""Algorithm 1, line by line: what is called, in which order, how often; and the steps it takes."""

from dataclasses import replace

import pytest
import torch

from skmimic.engine import OPTIMISERS, Latents, Problem, Settings, Status, alternate, start_latents
from skmimic.exceptions import NotFiniteError
from skmimic.surrogates import Identity, Photometric
from tests.helpers import loaded

SHAPE = (1, 8, 8)
SETTINGS = Settings(
    solver="alternating",
    T=3,
    T1=4,
    T2=5,
    loss="l1",
    optimiser="rmsprop_tf",
    latent_weight=0.0,
    tol=0.0,
    lambda_adv=1e-2,
)


class Recorder:
    """A generator, and a surrogate, that write down who was called with or without gradients."""

    def __init__(self, generator, log):
        self.generator, self.log = generator, log
        self.prior, self.latent_dim, self.image_shape = generator.prior, generator.latent_dim, generator.image_shape

    def decode(self, z):
        self.log.append("G with gradient" if z.requires_grad and torch.is_grad_enabled() else "G")
        return self.generator.decode(z)

    def discriminate(self, images):
        self.log.append("D")
        return self.generator.discriminate(images)


def problem_of(generator=None, surrogate=None, **changes):
    surrogate = Photometric(SHAPE) if surrogate is None else surrogate
    return Problem(
        generator or loaded(), surrogate, **{"loss": "l1", "latent_weight": 0.0, "lambda_adv": 1e-2, **changes}
    )


def observed(n=6):
    z = loaded().prior.sample(n, 4, torch.Generator().manual_seed(0))
    return 0.7 * loaded().decode(z) + 0.1


def start(problem, n=6):
    return start_latents("mean", problem, observed(n), torch.Generator().manual_seed(0))


def port_of_algorithm_1(problem, images_seen, latents, settings):
    """A plain port: everything recomputed, torch.autograd on the whole objective, one optimiser state throughout."""
    z = latents.z.clone().requires_grad_()
    parameters = list(problem.surrogate.parameters())
    surrogate_optimiser, latent_optimiser = OPTIMISERS["rmsprop_tf"](parameters), OPTIMISERS["rmsprop_tf"]([z])
    for _ in range(settings.T):
        for _ in range(settings.T1):
            loss = problem.objective(images_seen, Latents(z)).sum()
            surrogate_optimiser.step(torch.autograd.grad(loss, parameters), [settings.lr_surrogate] * len(parameters))
        for _ in range(settings.T2):
            loss = problem.objective(images_seen, Latents(z)).sum()
            latent_optimiser.step(torch.autograd.grad(loss, [z]), [settings.lr_latent])
            with torch.no_grad():
                z.copy_(z.clamp(-1, 1))
    return z.detach()


def test_takes_the_steps_of_a_plain_port():
    ours, port = problem_of(), problem_of()
    latents, _ = alternate(ours, observed(), start(ours), SETTINGS)
    z = port_of_algorithm_1(port, observed(), start(port), SETTINGS)
    torch.testing.assert_close(latents.z, z, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.surrogate.gain, port.surrogate.gain, rtol=1e-5, atol=1e-6)


def test_the_generator_runs_once_a_round_for_all_surrogate_steps():
    log = []
    problem = problem_of(Recorder(loaded(), log))
    alternate(problem, observed(), start(problem), SETTINGS)
    measured = ["G", "D"]  # the objective at the start and after each round
    one_round = ["G"] + ["G with gradient", "D"] * SETTINGS.T2 + measured
    assert log == measured + one_round * SETTINGS.T


def test_surrogate_steps_come_before_latent_steps():
    order = []
    problem = problem_of()
    problem.surrogate.gain.register_hook(lambda gradient: order.append("surrogate"))
    generator = Recorder(loaded(), order)
    alternate(problem.with_(generator=generator), observed(), start(problem), replace(SETTINGS, lambda_adv=0.0, T=2))
    steps = [name for name in order if name in ("surrogate", "G with gradient")]
    one_round = ["surrogate"] * SETTINGS.T1 + ["G with gradient"] * SETTINGS.T2
    assert steps == one_round * 2


def test_adversarial_term_has_no_gradient_to_the_surrogate():
    settings = replace(SETTINGS, T=1, T2=0)
    gains = []
    for weight in (0.0, 100.0):
        problem = problem_of(lambda_adv=weight)
        alternate(problem, observed(), start(problem), settings)
        gains.append(problem.surrogate.gain.detach().clone())
    assert torch.equal(*gains)


def test_optimiser_state_persists_over_rounds():
    """Six surrogate steps in one round or in three are the same steps, as nothing else moves."""
    gains = []
    for rounds, steps in ((1, 6), (3, 2)):
        problem = problem_of()
        alternate(problem, observed(), start(problem), replace(SETTINGS, T=rounds, T1=steps, T2=0))
        gains.append(problem.surrogate.gain.detach().clone())
    assert torch.equal(*gains)


def test_without_a_surrogate_it_is_projected_gradient_descent():
    problem = problem_of(surrogate=Identity())
    one, _ = alternate(problem, observed(), start(problem), replace(SETTINGS, T=1, T1=99, T2=15))
    other, _ = alternate(problem, observed(), start(problem), replace(SETTINGS, T=5, T1=0, T2=3))
    assert torch.equal(one.z, other.z)


def test_latents_stay_in_the_prior_and_the_objective_falls():
    problem = problem_of()
    latents, trace = alternate(problem, observed(), start(problem), replace(SETTINGS, T=10, lr_latent=0.5))
    assert latents.z.abs().max() <= 1
    assert trace.objectives[-1] < trace.objectives[0]
    assert trace.n_rounds == 10
    assert trace.status is Status.COMPLETED


def test_the_last_record_belongs_to_the_returned_latents():
    problem = problem_of()
    latents, trace = alternate(problem, observed(), start(problem), SETTINGS)
    with torch.no_grad():
        assert problem.objective(observed(), latents).mean().item() == pytest.approx(trace.objectives[-1], rel=1e-6)


def test_every_row_walks_alone_when_the_surrogate_is_held():
    problem, settings = problem_of(surrogate=Identity()), replace(SETTINGS, T=4)
    whole, _ = alternate(problem, observed(), start(problem), settings)
    part, _ = alternate(problem, observed()[:4], start(problem).rows(slice(4)), settings)
    torch.testing.assert_close(whole.z[:4], part.z, rtol=1e-5, atol=1e-6)


def test_stops_when_the_objective_has_settled():
    problem = problem_of(surrogate=Identity())
    _, trace = alternate(problem, observed(), start(problem), replace(SETTINGS, T=60, tol=5e-2))
    assert trace.status is Status.CONVERGED
    assert trace.n_rounds < 60


def test_reports_every_round():
    sentences, problem = [], problem_of()
    alternate(problem, observed(), start(problem), SETTINGS, sentences.append)
    assert sentences == [f"alternating solver: round {t} of 3" for t in (1, 2, 3)]


def test_leaving_the_finite_numbers_names_the_round_and_the_rates():
    problem = problem_of(loss=lambda mimicked, seen: (mimicked - seen).flatten(1).sum(1) * float("nan"))
    with pytest.raises(NotFiniteError, match=r"round 1 of 3.*lr_latent=0\.05, lr_surrogate=0\.01.*Lower the learning"):
        alternate(problem, observed(), start(problem), SETTINGS)


def test_stochastic_clipping_draws_within_the_range_and_alike_for_all_rows():
    problem, settings = problem_of(surrogate=Identity()), replace(SETTINGS, stochastic_clipping=True, lr_latent=0.9)
    latents, _ = alternate(problem, observed(), start(problem), settings)
    clipped, _ = alternate(problem, observed(), start(problem), replace(settings, stochastic_clipping=False))
    part, _ = alternate(problem, observed()[:4], start(problem).rows(slice(4)), settings)
    assert latents.z.abs().max() <= 1
    assert not torch.equal(latents.z, clipped.z)
    torch.testing.assert_close(latents.z[:4], part.z, rtol=1e-5, atol=1e-6)

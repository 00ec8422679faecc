"""The named baselines are rows of the same engine, and the paper's settings fit every estimator that learns."""

import inspect

import numpy as np
import pytest

from skmimic import KnownCorruptionProjector, MimicGANProjector, PGDProjector, from_paper
from skmimic.estimators import PRESETS
from tests.helpers import ESTIMATORS, LEARNING, pictures, smooth_generator

OTHERS = ("resnet_pgd", "igan", "bigan")  # of estimators of their own, see test_more_baselines
MIMIC = [name for name in PRESETS if name not in OTHERS and "method" not in PRESETS[name]]
BASELINES = [cls for cls in ESTIMATORS if cls not in LEARNING]
IDS = {"ids": lambda cls: cls.__name__}


@pytest.mark.parametrize("experiment", MIMIC)
@pytest.mark.parametrize("cls", LEARNING, **IDS)
def test_every_preset_is_accepted_by_every_estimator_that_learns(cls, experiment):
    few = {"T": 1, "T1": 1, "T2": 1, **({"surrogate": "identity"} if experiment == "pgd" else {})}
    model = cls(smooth_generator(), **{**from_paper(experiment), **few}, random_state=0, adapt_on="fit").fit(pictures())
    assert model.score_samples(pictures()).shape == (40,)
    assert model._adaptation.settings.solver == "alternating"
    assert model._adaptation.settings.optimiser == "rmsprop_tf"
    assert model._adaptation.settings.latent_weight == 0


@pytest.mark.parametrize("cls", BASELINES, **IDS)
def test_the_preset_of_pgd_is_what_the_baselines_take(cls):
    model = cls(smooth_generator(), **from_paper("pgd"), random_state=0).set_params(T=1).fit(pictures())
    assert model.transform(pictures()).shape == pictures().shape
    assert from_paper("pgd").items() <= cls(**from_paper("pgd")).get_params().items()


def test_the_preset_of_pgd_in_a_projector_without_surrogate_is_pgd():
    few = {**from_paper("pgd"), "T": 2}
    pgd = PGDProjector(smooth_generator(), **few, random_state=0).fit(pictures())
    mimic = MimicGANProjector(smooth_generator(), surrogate="identity", **few, random_state=0).fit(pictures())
    np.testing.assert_array_equal(mimic.transform(pictures()), pgd.transform(pictures()))


def test_presets_hold_the_numbers_of_the_paper():
    names = ("T1", "T2", "lr_surrogate", "lr_latent")
    assert {tuple(preset.get(name) for name in names) for preset in map(from_paper, MIMIC)} == {
        (25, 25, 1e-2, 1e-2),
        (15, 15, 1e-2, 9e-3),
        (25, 75, 1e-2, 8e-2),
        (10, 10, 1e-2, 8e-2),
        (None, 25, None, 5e-3),
    }
    assert all(from_paper(name)["lambda_adv"] == 1e-4 and from_paper(name)["loss"] == "l1" for name in MIMIC)


def test_a_preset_is_a_copy():
    from_paper("pgd")["T"] = 99
    assert from_paper("pgd")["T"] == 20


def test_learning_estimators_share_their_parameters_and_defaults():
    signatures = [inspect.signature(cls).parameters for cls in LEARNING]
    shared = set.intersection(*(set(parameters) for parameters in signatures)) - {"adapt_on", "n_adapt"}
    assert len(shared) >= 20
    for name in shared:
        assert len({repr(parameters[name].default) for parameters in signatures}) == 1, name
    assert [parameters["adapt_on"].default for parameters in signatures] == ["fit", "fit", "transform"]


@pytest.mark.parametrize("cls", BASELINES, **IDS)
def test_baselines_learn_nothing(cls):
    model = cls(smooth_generator(), T=1, T2=1, random_state=0).fit(pictures())
    assert model.surrogate_.describe()["corruption"] in ("none", "known")
    assert model.n_iter_ == 1
    assert set(cls().get_params()) - {"f"} <= set(MimicGANProjector().get_params())


def test_the_known_corruption_is_named():
    def quarter(images):
        return images.rot90(1, (2, 3))

    model = KnownCorruptionProjector(smooth_generator(), f=quarter, T=1).fit(pictures())
    assert model.surrogate_.describe() == {"family": "KnownCorruption", "corruption": "known", "f": "quarter"}


def test_pgd_starts_and_solvers_are_those_of_the_engine():
    for start in ("mean", "zero", "nearest", "random"):
        model = PGDProjector(smooth_generator(), start=start, T=2, T2=5, random_state=0).fit(pictures())
        assert model.transform(pictures()).shape == pictures().shape

"""scikit-learn's whole contract suite, on a table of small and fast instances of all estimators."""

import importlib
import os
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator, parametrize_with_checks

from skmimic import (
    VAE,
    BiGANProjector,
    EncoderProjector,
    KnownCorruptionProjector,
    MimicAnomalyDetector,
    MimicDefense,
    MimicDomainAligner,
    MimicGANProjector,
    PerceptualProjector,
    PGDProjector,
)

TINY = VAE(latent_dim=2, width=4, max_steps=2, n_epochs=1, random_state=0)
# Instances of a class differ in what the shapes and numbers of the suite's data can tell apart.
ALL_HOLD = {
    "projector": MimicGANProjector(),
    "projector of latents": MimicGANProjector(output="latents"),
    "projector at transform": MimicGANProjector(surrogate="identity", adapt_on="transform"),
    "projector of mixed batches": MimicGANProjector(n_surrogates=2),
    "detector": MimicAnomalyDetector(),
    "detector by projection": MimicAnomalyDetector(error="projection", surrogate="identity"),
    "pgd": PGDProjector(),
    "known corruption": KnownCorruptionProjector(),
    "perceptual": PerceptualProjector(),
    "encoder": EncoderProjector(),
    "bigan": BiGANProjector(),
    "aligner that projects": MimicDomainAligner(source="project", adapt_on=None),
    "defence of rows alone": MimicDefense(PCA(1), adapt_on=None),
    "defence of rows alone by networks": MimicDefense(TINY, adapt_on=None, encoder_steps=2),
    "aligner with labels": MimicDomainAligner(source="project", adapt_on=None, class_prior="source"),
}
ALIGNER = MimicDomainAligner(source="identity")
DEFENCES = {
    "defence": MimicDefense(PCA(1)),
    "defence by projection": MimicDefense(TINY, method="projection", T=1, T1=1, T2=1, surrogate="offset"),
}
REASON = (
    "fit_transform returns the source rows themselves, the paper's protocol, while transform projects its rows: they "
    "agree only on rows that lie on the manifold already"
)
DECLARED = {"check_transformer_general": REASON, "check_transformer_data_not_an_array": REASON}


SHARING = {
    "check_methods_subset_invariance": "transform finds what the rows of the call share, and a row alone shares nothing"
}
OTHERS = {"aligner": ALIGNER, **DEFENCES}


def declared(estimator):
    if isinstance(estimator, MimicDefense):
        return SHARING if estimator.adapt_on == "transform" else {}
    return DECLARED if getattr(estimator, "source", None) == "identity" else {}


@parametrize_with_checks([*ALL_HOLD.values(), *OTHERS.values()], expected_failed_checks=declared)
def test_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [*ALL_HOLD.values(), *OTHERS.values()], ids=[*ALL_HOLD, *OTHERS])
def test_nothing_is_skipped_and_only_what_is_declared_fails(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("error", SkipTestWarning)
        outcomes = check_estimator(clone(estimator), on_fail=None, on_skip="warn")
    failed = {outcome["check_name"] for outcome in outcomes if outcome["status"] == "failed"}
    assert failed == set(declared(estimator))
    assert {outcome["status"] for outcome in outcomes} <= {"passed", "failed"}
    assert len(outcomes) >= 40


@pytest.mark.parametrize("module", ["pandas", "polars", "pyarrow", "array_api_strict"])
def test_what_the_suite_would_skip_without_is_there(module):
    assert os.environ["SCIPY_ARRAY_API"] == "1"
    importlib.import_module(module)


def test_the_suite_knows_transformers_and_outlier_detectors():
    def checks_of(estimator):
        return {
            getattr(check, "func", check).__name__ for _, check in estimator_checks_generator(estimator, legacy=True)
        }

    transformer, detector = checks_of(MimicGANProjector()), checks_of(MimicAnomalyDetector())
    assert {"check_transformer_preserve_dtypes", "check_transformer_n_iter"} <= transformer
    assert {"check_outliers_fit_predict", "check_outlier_contamination", "check_outliers_train"} <= detector
    invariances = {"check_methods_subset_invariance", "check_methods_sample_order_invariance"}
    assert invariances <= transformer & detector


MORE_CHECKS = (
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_set_output_transform_polars,
    estimator_checks.check_global_output_transform_pandas,
    estimator_checks.check_global_set_output_transform_polars,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_param_validation,
)


@pytest.mark.filterwarnings(r"ignore:X (has|does not have valid) feature names:UserWarning")  # they mix the forms of X
@pytest.mark.parametrize("check", MORE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [*ALL_HOLD, *OTHERS])
def test_checks_that_only_scikit_learn_itself_must_pass(check, name):
    estimator = clone({**ALL_HOLD, **OTHERS}[name])
    if not hasattr(estimator, "transform") and "transform" in check.__name__:
        assert name.startswith("detector")
        return
    check(type(estimator).__name__, estimator)


# The declared law, where it does hold.


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 4)) @ rng.normal(size=(4, 12)) + rng.normal(size=(30, 12))


def test_fit_transform_is_fit_and_transform_when_the_source_is_projected(rows):
    aligner = MimicDomainAligner(source="project", random_state=0)
    np.testing.assert_allclose(aligner.fit_transform(rows), aligner.fit(rows).transform(rows), atol=1e-12)


def test_fit_transform_is_fit_and_transform_on_the_manifold(rows):
    aligner = MimicDomainAligner(source="identity", random_state=0)
    on_manifold = aligner.fit(rows).transform(rows)
    np.testing.assert_allclose(aligner.fit(on_manifold).transform(on_manifold), on_manifold, atol=1e-10)
    np.testing.assert_array_equal(aligner.fit_transform(on_manifold), on_manifold)


@pytest.mark.parametrize("size", [1, 3, 29])
def test_subsets_do_not_matter_after_adapt(rows, size):
    aligner = MimicDomainAligner(random_state=0).fit(rows).adapt(rows + 1)
    np.testing.assert_array_equal(aligner.transform(rows)[:size], aligner.transform(rows[:size]))

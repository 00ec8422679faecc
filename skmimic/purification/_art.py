"""A defence as a preprocessor of the Adversarial Robustness Toolbox."""

from ..utils import import_extra
from ._straight_through import straight_through

__all__ = ["art_preprocessor"]


def art_preprocessor(module, gradient="exact", device_type="cpu"):
    """Wrap a defence for ``preprocessing_defences`` of the toolbox's classifiers.

    The toolbox differentiates `forward`, never `estimate_forward`, when all preprocessors are torch, so the kind of
    gradient is decided here.

    Parameters
    ----------
    module : DefenceModule
        Its group size says which rows share a perturbation: the toolbox preprocesses a whole array before it splits it
        into batches.
    gradient : {"exact", "bpda"}, default="exact"
        "exact" differentiates all rounds, "bpda" takes it for the identity on the way back.
    device_type : {"cpu", "gpu"}, default="cpu"

    Returns
    -------
    art.preprocessing.preprocessing.PreprocessorPyTorch

    Raises
    ------
    MissingExtraError
        If the toolbox is not installed.
    ValueError
        If `gradient` is unknown.
    """
    if gradient not in ("exact", "bpda"):
        raise ValueError(f'to_art: gradient must be "exact" or "bpda", got {gradient!r}.')
    module = straight_through(module) if gradient == "bpda" else module
    return _preprocessor_class()(module, device_type)


def _preprocessor_class():
    toolbox = import_extra("art.preprocessing.preprocessing", extra="attacks", purpose="to_art")

    class DefencePreprocessor(toolbox.PreprocessorPyTorch):
        """Cleans images before the classifier of the toolbox sees them."""

        def __init__(self, module, device_type):
            super().__init__(device_type=device_type, is_fitted=True, apply_fit=False, apply_predict=True)
            self.module = module

        def forward(self, x, y=None):
            """Clean a tensor (n, c, h, w); the labels pass."""
            return self.module(x), y

    return DefencePreprocessor

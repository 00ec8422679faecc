"""Measures of projections and of anomaly scores; numpy only."""

from ._detection import detection_rate, p_values
from ._images import d_proj, psnr

__all__ = ["d_proj", "detection_rate", "p_values", "psnr"]

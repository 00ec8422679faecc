"""Floor 4: pictures; matplotlib is imported when one is drawn."""

from ._anomaly import AnomalyDisplay
from ._demo import DemoDisplay, Panel
from ._gallery import Row
from ._projection import ProjectionDisplay
from ._surrogate import SurrogateDisplay
from ._trajectory import TrajectoryDisplay

__all__ = [
    "AnomalyDisplay",
    "DemoDisplay",
    "Panel",
    "ProjectionDisplay",
    "Row",
    "SurrogateDisplay",
    "TrajectoryDisplay",
]

"""Floor 4: pictures; matplotlib is imported when one is drawn."""

from ._demo import DemoDisplay, Panel
from ._gallery import Row
from ._projection import ProjectionDisplay

__all__ = ["DemoDisplay", "Panel", "ProjectionDisplay", "Row"]

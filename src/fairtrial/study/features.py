"""Feature maps: what a linear model sees of each row, by the kind that a recipe names."""

from typing import Annotated

from fairtrial.kinds.data import features as maps
from fairtrial.kinds.data.features import FEATURES, FeatureSettings, FirstLayer

__all__ = ["UNMAPPED", "AnyFeatures", "Features", "FirstLayer"]

AnyFeatures = FeatureSettings
Features = Annotated[FeatureSettings, FEATURES]
UNMAPPED = maps.pixels()
# The settings of the maps that fairtrial brings.
PixelFeatures, FourierFeatures = maps.pixels.settings, maps.fourier.settings
HogFeatures, PatchFeatures = maps.hog.settings, maps.patches.settings

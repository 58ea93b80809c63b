"""Study files: what varies, over which seeds, what is claimed, and every rule about it."""

from fairtrial.study.arm import Arm, Run
from fairtrial.study.study import Study

__all__ = ["Arm", "Run", "Study"]

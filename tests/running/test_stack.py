"""What is checked before a stack trains."""

import pytest

import fairtrial as ft

KINDS = '''
import fairtrial as ft
from fairtrial import tf

@ft.optimizer(elementwise={elementwise})
def by_its_largest(gradient, parameter, slots, rate, count):
    """The gradient over the largest of its numbers: no number is updated by itself."""
    return -rate * gradient / tf.reduce_max(tf.abs(gradient)), {{}}
'''
STUDY = """
name = "Own optimizer"
seeds = 1
plugins = ["my_kinds.py"]
task = "digits"
recipe = { loss = "cross_entropy", optimizer = "by_its_largest", epochs = 1, batch_size = 256 }
"""


@pytest.mark.parametrize("elementwise", [True, False])
def test_optimizer_that_is_wrongly_elementwise_does_not_train(elementwise, tmp_path):
    """Programs turn the weights of those that say so, which changes what others compute."""
    (tmp_path / "my_kinds.py").write_text(KINDS.format(elementwise=elementwise), encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    study = ft.Study.load(tmp_path / "study.toml", allow_code=True)
    if not elementwise:
        assert ft.run(study, tmp_path / "out").runs["outcome"].to_list() == ["completed"]
        return
    with pytest.raises(ft.InputError, match="by_its_largest: its decorator says elementwise=True"):
        ft.run(study, tmp_path / "out")

import numpy as np
import pytest

from kollias_affect import initializers


def test_weights_have_the_variance_of_the_papers():
    options = initializers.papers(seed=0)
    values = np.asarray(options["kernel_initializer"]((500, 500)))
    assert np.abs(values).max() <= 2 * np.sqrt(0.1)
    # A normal of variance 0.1 that is cut at two standard deviations retains 0.774 of it.
    assert values.var() == pytest.approx(0.1 * 0.774, rel=0.01)
    assert values.mean() == pytest.approx(0, abs=2e-3)
    assert np.asarray(options["bias_initializer"]((3,))).tolist() == [1, 1, 1]

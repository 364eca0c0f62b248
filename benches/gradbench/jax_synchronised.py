"""The suite's tool for JAX, made to wait for its results, and to compile before it measures: run in a checkout of the suite.

As published, its timer stops when a computation has been started, and the first run includes the compilation of the function.
"""

import runpy
import sys

import jax
from gradbench import wrap

published = wrap.multiple_runs


def multiple_runs(*, pre, post, **options):
    def decorator(function):
        def finished(x):
            return jax.block_until_ready(function(x))

        def prepared(raw):
            x = pre(raw)
            finished(x)
            return x

        return published(pre=prepared, post=post, **options)(finished)

    return decorator


wrap.multiple_runs = multiple_runs
sys.path.insert(0, "python/gradbench/gradbench/tools/jax")
runpy.run_path("python/gradbench/gradbench/tools/jax/run.py", run_name="__main__")

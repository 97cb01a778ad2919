"""Arrays that cannot be changed by accident, and kernels compiled by numba behind one door."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import DTypeLike, NDArray

FloatArray = NDArray[np.floating[Any]]
ComplexArray = NDArray[np.complexfloating[Any, Any]]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]

Function = TypeVar("Function", bound=Callable[..., Any])


def frozen(array: Any, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return ``array`` as a read-only array; a view where that is enough, a copy otherwise."""
    result: NDArray[Any] = np.asarray(array, dtype=dtype).view()
    result.flags.writeable = False
    return result


def compiled(function: Function) -> Function:
    """Compile a serial kernel with numba, cached on disk between runs.

    It lets go of the interpreter: whoever waits to stop the power does not wait for a solver.
    """
    return cast("Function", numba.njit(cache=True, nogil=True, fastmath=False)(function))


def compiled_parallel(function: Function) -> Function:
    """Compile a kernel whose ``numba.prange`` loops run on all threads, cached between runs."""
    kernel = numba.njit(cache=True, nogil=True, parallel=True, fastmath=True)
    return cast("Function", kernel(function))


def compiled_inline(function: Function) -> Function:
    """Compile a part of a parallel kernel, put into its caller before that is optimised."""
    return cast("Function", numba.njit(inline="always", fastmath=True)(function))

"""Arrays without a reference count, for the length of one block kernel.

Numba counts references atomically whenever a helper unpacks an array from a tuple, which took half
the time of a small accumulate (540 ns an event with the counts, 300 ns without). A block
kernel borrows its arrays once at the start: its caller holds them until it returns.
"""

import numba
from numba.core import cgutils
from numba.extending import intrinsic

if numba.config.DISABLE_JIT:

    def borrowed(array):
        """Return the array."""
        return array

else:

    @intrinsic
    def borrowed(typingctx, array):
        """Return the same array without its owner; it must not outlive the calling kernel."""

        def codegen(context, builder, signature, args):
            out = context.make_array(signature.args[0])(context, builder, args[0])
            out.meminfo = cgutils.get_null_value(out.meminfo.type)
            return out._getvalue()

        return array(array), codegen

"""How different two colours look."""

import numpy as np
from jaxtyping import Float
from skimage.color import deltaE_ciede2000


def delta_e(one: Float[np.ndarray, "*#pair 3"], other: Float[np.ndarray, "*#pair 3"]) -> Float[np.ndarray, "..."]:
    """CIEDE2000 difference of CIELAB colours; leading axes are broadcast. From 10 on two colours are plainly unlike."""
    one, other = np.broadcast_arrays(one, other)
    return np.asarray(deltaE_ciede2000(one, other))  # type: ignore[no-untyped-call]

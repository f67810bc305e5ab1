"""What the model says of one frame: the row that detection reads. Needs no torch."""

import numpy as np

from darkpool_watch.model.config import GROUPS
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.layout import MODALITIES


def score_dtype(
    typologies: int = len(MODEL_TYPOLOGIES), modalities: int = MODALITIES
) -> np.dtype[np.void]:
    """Return the score row of a model with that many typologies and modalities."""
    return np.dtype(
        [
            ("security", "<i4"),  # dense row of the security
            ("arrival", "<i8"),  # daemon-wide index of the frame's event; -1 until the caller knows
            ("ts", "<i8"),  # ns, event time of the frame
            ("anomaly", "<f4"),  # logit: abuse of a known kind
            ("typology", "<f4", (typologies,)),  # logits, in the order of MODEL_TYPOLOGIES
            ("novelty", "<f4"),  # mean squared standardised error of the predicted change
            ("latent", "<f4"),  # squared Mahalanobis distance over dimensions; about 1 when usual
            ("modality", "<f4", (modalities,)),  # attention over modalities; masked ones exactly 0
            ("ranges", "<f4", (GROUPS,)),  # mean gate of short, mid, long, full-sequence heads
        ]
    )


SCORE = score_dtype()
assert SCORE.itemsize == 116

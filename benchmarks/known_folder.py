"""A folder whose features and faces are in the cache: made up, as it does not matter for the time what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training import faces, paths, photos
from training.cache import Facts, FeatureCache
from training.photos import PhotoFile
from training.subject import Subject

FACES_A_PHOTO = (1, 2)  # by turns


def fill_cache(files: Sequence[PhotoFile]) -> Subject:
    """Store features and faces of `files`; those whose names end in an odd number are a little like the subject."""
    subject = Subject.load(paths.resource("subjects/john.safetensors"))
    rng = np.random.default_rng(1)
    common = rng.normal(0, 0.1, len(subject.head.weight))
    people = rng.normal(0, 0.1, (50, 128))
    if subject.faces is not None:
        known = subject.faces.persons
        people[0] = known.mean[known.kind == 0].mean(0)
    with FeatureCache() as cache:
        for start in range(0, len(files), 1000):
            rows, found = [], []
            for number, file in enumerate(files[start : start + 1000], start):
                like = int(file.path[-5]) % 2
                facts = Facts(photos.digest(file.path), 160, 120, "", "")
                vector = rng.normal(0.5, 0.5, len(common)) + common * like
                rows.append((file, facts, vector.astype(np.float16)))
                some = np.zeros(FACES_A_PHOTO[number % 2], faces.FACE)
                some["box"] = (0.2, 0.2, 0.5, 0.6)
                some["box"][:, ::2] += np.arange(len(some))[:, None] * 0.4
                who = np.where(np.arange(len(some)) == 0, 0 if like else 1 + number % 49, 1 + number % 7)
                some["descriptor"] = people[who] + rng.normal(0, 0.03, (len(some), 128))
                found.append((file, facts, some.tobytes()))
            cache.store(rows, subject.spec.id)
            cache.store_faces(found, faces.extractor_id(faces.Look.QUICK))
    return subject

"""What the seeds are about: topics with their shares, what is crowded, what is rare, and how diverse the whole is.

TF-IDF over words (of Chinese the nouns, by jieba's dictionary) and non-negative matrix factorisation (Lee and Seung
1999; by scikit-learn), for each language by itself; a seed counts for its strongest topic. Diversity is the Vendi score
(Friedman and Dieng 2023): of n seeds, how many that share no word would be as diverse. Topics are told by words alone:
two people with one job and quite different lives stand in one.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import polars as pl

from persona_forge.core.ids import key64
from persona_forge.space.model import Ontology
from persona_forge.text.near import units

WORDS = 8
"""Words that tell what a topic is about."""
CROWDED, RARE = 2.0, 0.5
"""Times the even share."""
_MOST_TOPICS = 24
_VENDI_SAMPLE = 1000
"""Seeds for the Vendi score: its eigenvalues take time that grows with the cube of their number."""


@dataclass(frozen=True, slots=True)
class Topic:
    language: str
    words: tuple[str, ...]
    seeds: int
    share: float
    """Of the seeds in its language."""
    typical: str
    """The seed_id of the seed that is most of this topic."""
    stands: str
    """crowded, rare, or empty."""


@dataclass(frozen=True, slots=True)
class Diversity:
    seeds: int
    vendi: float
    """Of as many seeds as were looked at: from 1 (all alike) to their number (no word in common)."""
    looked_at: int
    evenness: float
    """Entropy of the topics' shares, from 0 (all in one) to 1 (all equal)."""


@dataclass(frozen=True, slots=True)
class Topics:
    topics: tuple[Topic, ...]
    """By language, the largest first."""
    diversity: dict[str, Diversity]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Gap:
    """A dimension that prose speaks of, and the values that no seed has so far."""

    dimension: str
    pinned: int
    """Seeds that say something of it."""
    commonest: tuple[tuple[str, int], ...]
    missing: tuple[str, ...]


def gaps_of(seeds: pl.DataFrame, ontology: Ontology) -> list[Gap]:
    """By the pins of the seeds: dimensions that at least a tenth of them state, the most stated first."""
    counts = {d.name: Counter[str]() for d in ontology.dimensions}
    for pins in seeds["pins"]:
        for pin in pins:
            counts[pin["dimension"]][pin["value"]] += 1
    gaps = [
        Gap(d.name, counts[d.name].total(), tuple(counts[d.name].most_common(3)),
            tuple(v for v in d.names if v not in counts[d.name]))
        for d in ontology.dimensions
        if counts[d.name].total() >= max(1, seeds.height / 10)
    ]  # fmt: skip
    return sorted(gaps, key=lambda gap: -gap.pinned)


def topics_of(seeds: pl.DataFrame) -> Topics:
    """The topics of rows with seed_id, language and prose; a language with fewer than four seeds has none."""
    topics: list[Topic] = []
    diversity: dict[str, Diversity] = {}
    for language in ("en", "zh"):
        group = seeds.filter(pl.col("language") == language).sort("seed_id")
        if group.height >= 4:
            found, diversity[language] = _of_language(group, language)
            topics += found
    return Topics(tuple(topics), diversity)


def _of_language(seeds: pl.DataFrame, language: str) -> tuple[list[Topic], Diversity]:
    import numpy as np
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer

    ids = seeds["seed_id"].to_list()
    vectorizer = TfidfVectorizer(
        analyzer=lambda text: _words(text, language), sublinear_tf=True, max_features=5000,
        min_df=2 if len(ids) > 20 else 1, max_df=0.5 if len(ids) > 20 else 1.0, dtype=np.float32,
    )  # fmt: skip
    vectors = vectorizer.fit_transform(seeds["prose"])
    names = vectorizer.get_feature_names_out()
    model = NMF(min(_MOST_TOPICS, max(2, round(sqrt(len(ids) / 2)))), init="nndsvd", max_iter=60, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough to tell a strongest topic
        strength = model.fit_transform(vectors)
    strongest = strength.argmax(axis=1)
    counts = Counter(strongest.tolist())
    topics = []
    for number, seeds_here in counts.most_common():
        share = seeds_here / len(ids)
        even = share * model.n_components_
        topics.append(Topic(
            language, tuple(names[n] for n in model.components_[number].argsort()[::-1][:WORDS]), seeds_here, share,
            ids[int(strength[:, number].argmax())], "crowded" if even > CROWDED else "rare" if even < RARE else "",
        ))  # fmt: skip
    shares = np.array([t.share for t in topics])
    sample = sorted(range(len(ids)), key=lambda n: key64("vendi", ids[n]))[:_VENDI_SAMPLE]
    evenness = float(-(shares * np.log(shares)).sum() / np.log(model.n_components_)) + 0.0
    return topics, Diversity(len(ids), vendi(vectors[sample].toarray()), len(sample), evenness)


def vendi(vectors: Any) -> float:
    """exp of the entropy of the eigenvalues of the cosines divided by n; `vectors` is n × d, of unit rows."""
    import numpy as np

    eigenvalues = np.linalg.eigvalsh(vectors @ vectors.T / len(vectors))
    eigenvalues = eigenvalues[eigenvalues > 1e-9]
    return float(np.exp(-(eigenvalues * np.log(eigenvalues)).sum()))


def _words(text: str, language: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    if language == "en":
        return [w for w in units(text.lower(), "en") if len(w) > 2 and "'" not in w and "’" not in w
                and w not in ENGLISH_STOP_WORDS]  # fmt: skip
    import jieba.posseg

    jieba.setLogLevel("WARNING")  # it talks on stderr while it loads
    kinds = jieba.posseg.dt.word_tag_tab
    return [w for w in jieba.cut(text, HMM=False) if len(w) > 1 and kinds.get(w, "")[:1] == "n" and kinds[w] != "nr"]

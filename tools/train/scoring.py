"""What counts as a right answer."""

import re

import corpus


def says(answer, value):
    """Whether the value stands in the answer as a word."""
    return answer is not None and re.search(r"(?<![A-Za-z0-9.])" + re.escape(value) + r"(?![A-Za-z0-9]|\.[0-9])", answer) is not None


def fact_rows():
    """(group, fact, question) for every held-out paraphrase."""
    return [("common" if f.common else "rare", f, q) for f in corpus.world.FACTS for q in corpus.world.heldout(f)]


def share(flags):
    return 100.0 * sum(flags) / max(1, len(flags))

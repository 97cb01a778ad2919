"""Write docs/evidence.md and its pictures: what the shipped studies say, computed now.

python scripts/make_evidence_page.py
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from insonate.core.provenance import DISCLAIMER
from insonate.evidence import answers, shipped_studies, state
from insonate.evidence.plots import forest, funnel, png
from insonate.evidence.synthesis import Answer
from insonate.evidence.tables import (
    ANSWER_HEAD,
    BIAS_HEAD,
    STUDY_HEAD,
    answer_rows,
    bias_rows,
    study_rows,
)

DOCS = Path(__file__).resolve().parent.parent / "docs"
FORESTS = {"any-serious": None, "bleeding": None, "relief-50": 3.0, "pain-relief-rated": 12.0}

HEAD = """# What the evidence says

:::{{warning}}
{disclaimer}
:::

Written by `scripts/make_evidence_page.py` from the files in `src/insonate/evidence/data/studies`; `insonate evidence` prints the
same. Another study is added with `insonate evidence --add STUDY.toml`, and the sentences change by its being there. A file with a number
that does not say where it stands in its source is refused; `insonate evidence --schema` prints what a file must have.

"""

HOW = """## How it is computed

- **One series of one team.** Studies that certainly or possibly hold the same people form a cluster; the largest of a cluster
  enters a pool, the others are told beside it with the reason. For harm the pool is made again with the worst series of each
  cluster, because a rule that looks at size alone could hide the one event there was.
- **Proportions** have exact (Clopper-Pearson) intervals. They are pooled on the logit scale with random effects; a series without an
  event gets half an event on both sides, which is said, and the binomial-normal model, which needs none, is put beside it.
- **Mean changes** are pooled with their standard deviations; a mean without one is told and not pooled.
- **Random effects**: the variance between series by restricted maximum likelihood, intervals by Hartung and Knapp (Student's t,
  never narrower than without their correction), the range of a new series by Higgins and others (2009). Two series give an interval that
  covers almost anything. That is not a defect of the method: two series know almost nothing about a third.
- **Events never seen** get the exact one-sided limit, and the rule of three beside it. Nothing is estimated from zeros.
- The arithmetic is checked against printed examples: `insonate verify evidence`.

## Where what was read falls short

Every study here was read as an abstract or second hand. Percentages that are printed without counts were turned back into counts that
round to them. Who is in more than one of the series of one team is not said by the abstracts, and is treated as
possible. The risk of bias was judged by one reader.
"""


def main() -> None:
    """Write the page and its pictures."""
    (DOCS / "evidence.md").write_text(page(), "utf-8")
    for name, content in pictures().items():
        (DOCS / "pictures" / name).write_bytes(content)
    print(f"{DOCS / 'evidence.md'} and {len(pictures())} pictures")


def page() -> str:
    """Return the page as Markdown."""
    studies = shipped_studies()
    statement = state(studies).text.partition("\n\n")[2].replace("### ", "## ")
    parts = [
        HEAD.format(disclaimer=DISCLAIMER) + statement,
        "## Plots\n\n" + "\n\n".join(_picture(a) for a in _shown()) + "\n",
        "## Studies\n\n" + _table(STUDY_HEAD, study_rows(studies)),
        "## Outcomes\n\n\\* is in no pool; the last columns are those of the pool.\n\n"
        + _table(ANSWER_HEAD, answer_rows(studies)),
        "## Risk of bias\n\n" + _table(BIAS_HEAD, bias_rows(studies)),
        "## Sources\n\n" + "".join(f"- {s.label}: {s.reference}. Read: {s.read.value}, {s.read_in}.\n" for s in studies),
        HOW,
    ]  # fmt: skip
    return "\n".join(parts)


def _shown() -> list[Answer]:
    found = answers(shipped_studies())
    return [
        a
        for name, months in FORESTS.items()
        for a in found
        if (a.question.name, a.question.months) == (name, months)
    ]


def pictures() -> dict[str, bytes]:
    """Return the pictures of the page by file name."""
    drawn = {f"evidence-forest-{a.question.name}.png": png(forest(a)) for a in _shown()}
    for answer in _shown():
        figure = funnel(answer)
        if answer.question.name == "any-serious" and figure is not None:
            drawn["evidence-funnel-any-serious.png"] = png(figure)
    return drawn


def _picture(answer: Answer) -> str:
    name = answer.question.name
    shown = f"![Forest plot: {answer.question.words}](pictures/evidence-forest-{name}.png)"
    if name != "any-serious":
        return shown
    return f"{shown}\n\n![Funnel plot: {answer.question.words}](pictures/evidence-funnel-{name}.png)"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|").replace("*", "\\*") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in [list(head), ["---"] * len(head), *cells]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

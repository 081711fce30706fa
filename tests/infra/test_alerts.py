from __future__ import annotations

import re
from pathlib import Path

from cli.reference import pages

ALERTS = Path(__file__).parents[2] / "infra" / "prometheus" / "alerts.yaml"


def test_every_metric_in_an_alert_exists() -> None:
    documented = dict(pages())["metrics.md"]
    used = set(re.findall(r"\bjobstream_[a-z_]+", ALERTS.read_text()))
    known = set(re.findall(r"`(jobstream_[a-z_]+)`", documented))
    assert {name for name in used if name.removesuffix("_bucket") not in known} == set()

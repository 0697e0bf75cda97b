"""Reads trigger.prom."""

import re
from pathlib import Path

FILE = Path("/var/lib/prometheus/node-exporter/trigger.prom")
LINE = re.compile(r'(\w+)\{((?:\w+="[^"]*",?)*)\} (\S+)')


def read():
    """All samples: dict of (metric, endpoint, further label or None) to float."""
    samples = {}
    for line in FILE.read_text().splitlines():
        if not line.startswith("#"):
            metric, labels, number = LINE.fullmatch(line).groups()
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            endpoint = labels.pop("endpoint")
            key = (metric, endpoint, next(iter(labels.values()), None))
            assert key not in samples
            samples[key] = float(number)
    return samples


def growth(before, metric, endpoint, label=None):
    key = (metric, endpoint, label)
    return read().get(key, 0) - before.get(key, 0)

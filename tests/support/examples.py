"""The examples of the documents."""

import re

import yaml


def yaml_blocks(document):
    blocks = re.findall(r"^```yaml\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    # Ansible puts a value in place of an expression
    return [yaml.safe_load(re.sub(r"\{\{.*?\}\}", "a-secret-of-the-example", block)) for block in blocks]

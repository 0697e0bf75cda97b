"""What stays on a host when something is removed."""

import os
import shutil

import front
import pytest
from ansible.module_utils import trigger_remainder
from ansible.module_utils.trigger_host import Endpoint
from ansible.module_utils.trigger_steps import apply
from own_host import METRICS, on_a_host, plan

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mount(8) is root's"),
    pytest.mark.skipif(not shutil.which("userdel"), reason="users are made and removed"),
]
HELLO = front.endpoint()
OTHER = front.endpoint(name="other")
GONE = {"name": "hello", "state": "absent"}


def by_the_play(host, metrics_dir=str(METRICS)):
    return host.play(plan(GONE, OTHER, metrics_dir=metrics_dir))


def by_the_remainder(host, **_):
    """When the run has ended in which the play took place."""
    return apply(trigger_remainder._removes(Endpoint("hello")))


removes = pytest.mark.parametrize("remove", [by_the_play, by_the_remainder])


@removes
def test_an_endpoint_s_metrics_go_with_it(remove):
    """An idle acceptor tells nobody, and there may be no other."""

    def test(host):
        host.play(plan(HELLO, OTHER))
        assert told() == ["hello", "other"]
        remove(host)
        assert told() == ["other"]

    def told():
        text = (METRICS / "trigger.prom").read_text()
        return [name for name in ("hello", "other") if f'endpoint="{name}"' in text]

    on_a_host(test)


@removes
def test_without_metrics_nobody_writes_them(remove):
    def test(host):
        host.play(plan(HELLO, OTHER, metrics_dir=""))
        remove(host, metrics_dir="")
        assert list(METRICS.iterdir()) == []

    on_a_host(test)

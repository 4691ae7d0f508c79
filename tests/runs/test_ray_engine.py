"""Runs on a Ray cluster of several nodes, one of which is killed."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lmbench import Corpus, Split
from lmbench.corpora.on_disk import StoredDocuments
from lmbench.errors import LmbenchError
from lmbench.runs import ray_engine, runner
from lmbench.runs.cells import CellJob
from lmbench.runs.engines import LocalEngine, Order
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.experiment import Experiment
from lmbench.runs.models import Needs, select_models
from lmbench.runs.ray_engine import RayEngine
from lmbench.runs.templates import Workers
from lmbench.runs.worker import Limits
from tests.plugins import MODELS, installed
from tests.running import Recorder
from tests.runs.items import QUESTIONS

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

SLOW = (
    MODELS
    + '''
import time
from pathlib import Path

class Slow(Good):
    """Is slow the first time that it is fitted, and says in which process."""

    def fit(self, data, progress):
        log = Path(os.environ["SLOW_LOG"])
        is_first = not log.exists()
        with log.open("a") as file:
            print(os.getpid(), file=file)
        if is_first:
            time.sleep(600)

'''
)


HEAD = {
    "num_cpus": 0,
    "include_dashboard": False,
    "include_log_monitor": False,
    "no_monitor": True,  # which would add nodes
    "_system_config": {
        "health_check_period_ms": 200,  # else the end of a node is noticed after 15 seconds
        "memory_monitor_refresh_ms": 0,  # else Ray ends jobs if other programs fill the memory
    },
}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("slow") / "log.txt"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, log):
    """Return a cluster whose head does not have a CPU. Its nodes find the plugins of this process."""
    from ray.cluster_utils import Cluster

    models = {name: f"plugin_module:{name.capitalize()}" for name in ("slow", "dies")}
    with installed(tmp_path_factory.mktemp("ray") / "plugins", models, SLOW), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([sys.path[0], os.environ.get("PYTHONPATH", "")]))
        patch.setenv("SLOW_LOG", str(log))
        started = Cluster(initialize_head=True, head_node_args=HEAD)
        try:
            started.connect()
            yield started
        finally:
            ray.shutdown()
            started.shutdown()


@pytest.fixture
def stored(tmp_path):
    """Return a corpus whose training text stays in its file."""
    path = tmp_path / "text.txt"
    path.write_text("a b c\nb c a\n" * 50)
    return Corpus(
        "stored", Split(StoredDocuments.of_file(path, "line")), Split(("a b\n",)), Split(("a b\n", "中 c\n")), "lines"
    )


def numbers(directory):
    return [(cell.row, cell.status, cell.metrics, cell.figures, cell.signature) for cell in directory.all_cells()]


def has_ended(pid):
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not Path(f"/proc/{pid}").exists()


def wait_for_attempt(log):
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return int(log.read_text().split()[0])


class Killer(Recorder):
    """Removes the only node with a CPU, and the file of a text, while the slow model is fitted there."""

    def __init__(self, cluster, node, log, text):
        super().__init__()
        self.cluster, self.node, self.log, self.text = cluster, node, log, text
        self.notices, self.pid = [], 0

    def notice(self, line):
        self.notices.append(line)

    def job_started(self, job):
        super().job_started(job)
        if job.model == "slow" and self.node is not None:
            self.pid = wait_for_attempt(self.log)
            self.text.unlink()
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.node = None
            self.cluster.add_node(num_cpus=2)


def test_a_run_survives_the_end_of_a_node_and_has_the_numbers_of_a_local_one(cluster, log, stored, corpus, tmp_path):
    text = stored.train.documents.path
    task = replace(QUESTIONS, training=replace(stored.training, valid=stored.train))
    experiment = Experiment(select_models("slow,kenlm:order=2"), (stored, corpus), check=False, tasks=(task,))
    options = runner.RunOptions(use_store=False)
    log.touch()  # so that it is not slow here
    with Workers() as workers:
        local = runner.run(experiment, tmp_path / "local", LocalEngine(workers), RunProgress(), options)
    log.unlink()
    progress = Killer(cluster, cluster.add_node(num_cpus=1), log, text)
    directory = runner.run(experiment, tmp_path / "ray", RayEngine(), progress, options)
    assert has_ended(progress.pid)
    assert len(log.read_text().split()) == 4  # the second attempt, the other corpus, and the task
    assert numbers(directory) == numbers(local)
    assert {cell.status for cell in directory.all_cells()} == {"ok"}
    assert any(notice.endswith(" starts again on another node") for notice in progress.notices)
    assert (directory.damage(), directory.missing(), directory.missing("task")) == ([], [], [])
    # Of five jobs on the second node, two run at the same time, or three while one waits for Ray and lends its CPU.
    assert max(cell.costs.company for cell in directory.cells()) in (1, 2)
    for one, same in zip(directory.all_cells(), local.all_cells(), strict=True):
        assert one.files.keys() == same.files.keys()
    assert sorted(event[0] for event in progress.events if event != "ok") == [1, 2, 3, 4, 5, 6]


def test_an_interrupt_ends_the_jobs(cluster, log, corpus, tmp_path):
    log.unlink(missing_ok=True)

    class Impatient(RunProgress):
        def job_started(self, job):
            wait_for_attempt(log)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(
            Experiment(select_models("slow"), (corpus,), check=False),
            tmp_path / "run",
            RayEngine(),
            Impatient(),
            runner.RunOptions(use_store=False),
        )
    assert has_ended(wait_for_attempt(log))


def test_errors_and_limits_are_those_of_a_local_run(cluster, log, corpus, tmp_path):
    log.unlink(missing_ok=True)
    limited = Experiment(select_models("slow"), (corpus,), check=False)
    options = runner.RunOptions(use_store=False)
    engine = RayEngine(limits=Limits(seconds=1))
    [slow] = runner.run(limited, tmp_path / "slow", engine, RunProgress(), options).cells()
    assert slow.error.startswith("stopped after the time limit of 1 s; give more with --timeout")
    experiment = Experiment(select_models("dies,uniform"), (corpus,), check=True)
    directory = runner.run(experiment, tmp_path / "run", RayEngine(jobs=1), Recorder())
    dies, uniform = directory.cells()
    assert dies.error.startswith("the process was killed by signal 9")
    assert uniform.metrics.bits_per_byte == 8
    assert directory.verifications()["uniform"].doubt == ""
    assert directory.verifications()["dies"].doubt.startswith("the suite did not end: the process was killed")
    assert list((tmp_path / "run/logs").iterdir()) != []


class FakeRay:
    """A cluster of some nodes, which does nothing."""

    def __init__(self, *nodes):
        self._nodes = nodes

    def nodes(self):
        return [{"Alive": alive, "Resources": resources} for alive, resources in self._nodes]


def ask(needs, *nodes):
    """Return what a job that needs this asks for on a cluster with these nodes."""
    [model] = select_models("uniform")
    cluster = object.__new__(ray_engine._Cluster)
    cluster._ray = FakeRay(*nodes)
    corpus = Corpus("c", Split(("x" * 1_000_000,)), Split(()), Split(()), "lines")
    job = cluster._clamp(CellJob(None, replace(model, needs=needs), corpus))
    assert job.model.needs.threads == cluster._ask(job)["num_cpus"]
    return cluster._ask(job)


def test_a_task_asks_for_what_its_processes_need_and_for_no_more_than_there_is():
    small, large = {"CPU": 2.0, "memory": 100e6}, {"CPU": 4.0, "memory": 8e9, "GPU": 2.0}
    assert ask(Needs(3, (), True), (True, small), (True, large)) == {
        "num_cpus": 3,
        "num_gpus": 1,
        "memory": (300 << 20) + 60_000_000,
    }
    assert ask(Needs(3, (), True), (True, small), (False, large)) == {
        "num_cpus": 2,
        "num_gpus": 0,
        "memory": 100_000_000,
    }
    assert ask(Needs(1, (), False), (True, large))["num_gpus"] == 0
    assert ask(Needs(), (True, {}))["num_cpus"] == 1


def test_a_node_with_another_version_of_lmbench_says_so():
    settings = ray_engine._Settings("0.0", {}, Limits())
    error = ray_engine._do_on_node(0, None, None, settings, None)
    assert str(error).endswith(", not 0.0; install it on all nodes")


def test_a_task_that_ray_could_not_do_fails_alone(corpus, tmp_path):
    [model] = select_models("uniform")
    cell = Experiment((model,), (corpus,), check=False).plan()[0]
    order = Order(CellJob(cell.row, model, corpus), JobName(kind="cell", model="uniform", number=1, total=1))
    done = ray_engine._receive(order, LmbenchError("the node is full"), tmp_path)
    assert (done.cell.status, done.cell.error) == ("failed", "the node is full")
    assert (tmp_path / "cell.json").is_file()


def test_without_ray_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        LmbenchError, match=r"^Ray is not installed; install it with: pip install 'lmbench-suite\[ray\]'$"
    ):
        next(RayEngine().run([None], lambda: None, RunProgress()))


def test_a_cluster_that_is_not_there_is_reported(monkeypatch):
    def refuse(**_):
        raise ConnectionError("nobody\nlistens")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(LmbenchError, match=r"^cannot connect to Ray at ray://nowhere:10001: nobody listens$"):
        next(RayEngine("ray://nowhere:10001").run([None], lambda: None, RunProgress()))

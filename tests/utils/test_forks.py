"""A child forked after torch had started threads is refused, whoever had used it; all others may compute."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skmimic.exceptions import ForkError

ROOT = Path(__file__).parents[2]

STEPS = {
    "torch computes with one thread": ("torch.set_num_threads(1); compute(); torch.set_num_threads(2)", "computes"),
    "another thread computes": ("other = threading.Thread(target=compute); other.start(); other.join()", "computes"),
    "torch computes": ("compute()", "is refused"),
    "skmimic is imported, too": ("import skmimic.utils", "is refused"),
    "skmimic computes with one thread": ("torch.set_num_threads(1); skmimic.utils.refuse_fork()", "is refused"),
}

FORKS = """
import os, sys, threading, torch

def compute():
    torch.ones(2**20).exp().sum()
    torch.nn.functional.conv2d(torch.ones(8, 4, 16, 16), torch.ones(4, 4, 3, 3)).sum()

def fork():
    child = os.fork()
    if child == 0:
        answer = "fails"
        try:
            import skmimic.utils._forks as forks
            forks.PATIENCE = 1.0
            for _ in range(2):
                forks.refuse_fork()
            compute()
            answer = "computes"
        except forks.ForkError as error:
            answer = "is refused" if "'spawn'" in str(error) and "'loky'" in str(error) else "is refused badly"
        finally:
            print(answer, flush=True)
            os._exit(0)
    os.waitpid(child, 0)

for step in sys.argv[1:]:
    exec(step)
    fork()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of forks before skmimic was imported")
def test_only_children_that_would_hang_are_refused():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-W", "ignore", "-c", FORKS, *(step for step, _ in STEPS.values())]
    done = subprocess.run(command, env=environment, timeout=120, check=True, capture_output=True, text=True)
    assert dict(zip(STEPS, done.stdout.splitlines(), strict=True)) == {
        name: right for name, (_, right) in STEPS.items()
    }


WORKERS = """
import multiprocessing, torch

def work(queue):
    from skmimic.utils import refuse_fork
    refuse_fork()
    queue.put("computed")

if __name__ == "__main__":
    torch.ones(2**20).exp().sum()
    context = multiprocessing.get_context("forkserver")
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    print(queue.get(timeout=100))
    process.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork server on this system")
def test_workers_of_a_fork_server_compute(tmp_path):
    (tmp_path / "workers.py").write_text(WORKERS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, str(tmp_path / "workers.py")]
    done = subprocess.run(command, env=environment, timeout=120, check=True, capture_output=True, text=True)
    assert done.stdout == "computed\n"


def test_the_error_is_a_runtime_error():
    assert issubclass(ForkError, RuntimeError)

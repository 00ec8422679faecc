"""One cell of the table of costs: its data, the work, and what it took. Run in a fresh process each."""

import platform
import re
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch

NOISE = 0.05  # of a range of 2, added to the rows
TURN = 20.0  # degrees, of the rows of fit and transform
N_FIT = 32  # rows from which the corruption of the transform cells is learned
LEARNING_RATE, MOST_STEPS, CHECK_EVERY = 0.05, 2000, 10  # of the plain loop
CHUNK = 256


def generator(size):
    """Load or make the generator of a size: trained ones up to 64, random weights at 128."""
    from skmimic import Generator, load_gan
    from skmimic.generators.architectures import DCGANGenerator

    if size in (16, 28):
        return load_gan("mnist16" if size == 16 else "mnist")
    if size == 64:
        return Generator.load("benchmarks/models/celeba64_0.safetensors")
    torch.manual_seed(0)
    return Generator(DCGANGenerator(64, (3, size, size), 16), data_range=(-1, 1))


def rows(gan, n, turned):
    """Draw rows of the generator's own manifold, with noise, turned or not."""
    from skmimic.corruptions import Rotation

    images = torch.from_numpy(gan.sample(n, random_state=7))
    images = Rotation(TURN)(images) if turned else images
    noise = NOISE * torch.randn(images.shape, generator=torch.Generator().manual_seed(8))
    return (images + noise).clamp(-1, 1).flatten(1).numpy()


class Watch:
    """Counts what the generator decodes, to tell the share of its own time."""

    def __init__(self):
        from skmimic.generators._loaded import LoadedGenerator

        self.calls, self.loaded, plain = Counter(), {}, LoadedGenerator.decode

        def decode(loaded, z):
            key = id(loaded), len(z), z.requires_grad and torch.is_grad_enabled()
            self.calls[key] += 1
            self.loaded[id(loaded)] = loaded
            return plain(loaded, z)

        self.restore = lambda: setattr(LoadedGenerator, "decode", plain)
        LoadedGenerator.decode = decode

    def seconds(self):
        """Time each kind of call alone, and add up as often as it was made."""
        self.restore()
        return sum(n * self._alone(*key) for key, n in self.calls.items())

    def _alone(self, which, n_rows, with_gradient):
        loaded = self.loaded[which]
        z = loaded.prior.sample(n_rows, loaded.latent_dim, torch.Generator().manual_seed(0))
        taken = []
        for _ in range(3):
            start = time.process_time()
            with torch.set_grad_enabled(with_gradient):
                images = loaded.decode(z.requires_grad_(with_gradient))
                if with_gradient:
                    torch.autograd.grad(images.sum(), z)
            taken.append(time.process_time() - start)
        return min(taken)


def measured(work):
    """Do the work; return its seconds, its peak of memory in MiB, the generator's share and what it returns."""
    watch = Watch()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark falls to what is held now
    before, start = high_water(), time.process_time()
    found = work()
    seconds, peak = time.process_time() - start, (high_water() - before) / 1024
    return {"seconds": round(seconds, 3), "peak_MiB": round(peak), "share": round(watch.seconds() / seconds, 2)}, found


def high_water():
    """KiB of memory that this process has held at most since the mark was set down; Linux only."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def machine():
    """Processor, its instructions as torch uses them, and torch."""
    names = re.findall("model name.*: (.*)", Path("/proc/cpuinfo").read_text())
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{(names or [platform.processor()])[0]}, {capability}, torch {torch.__version__}"


def fit(gan, n, folder):
    """Learn an affine corruption from n rows."""
    from skmimic import MimicGANProjector

    X = rows(gan, n, turned=True)
    return measured(lambda: MimicGANProjector(gan, surrogate="affine", random_state=0).fit(X))[0]


def transform(gan, n, folder):
    """Project n rows under a corruption that was learned before, after one warming call."""
    from skmimic import MimicGANProjector

    path = folder / f"adaptation_{gan.fingerprint}.npz"
    if not path.exists():
        MimicGANProjector(gan, surrogate="affine", random_state=0).fit(rows(gan, N_FIT, turned=True)).save_adaptation(
            path
        )
    X = rows(gan, n, turned=True)
    projector = MimicGANProjector(gan, adapt_on=None, random_state=0).fit(X).load_adaptation(path)
    projector.transform(X[:1])
    return measured(lambda: projector.transform(X))[0]


def pgd(gan, n, folder):
    """Project n rows without a corruption, after one warming call."""
    from skmimic import PGDProjector

    X = rows(gan, n, turned=False)
    projector = PGDProjector(gan, random_state=0).fit(X)
    projector.transform(X[:1])
    figures, found = measured(lambda: projector.transform(X))
    return {**figures, "error": float(np.square(found - X).mean())}


def loop(gan, n, folder, error):
    """Descend by Adam on the latents, from zero, in batches of 256, until the mean squared error is that of PGD."""
    X, loaded = rows(gan, n, turned=False), gan.on("cpu")

    def work():
        errors, n_steps = [], 0
        for observed in torch.from_numpy(X).split(CHUNK):
            observed = observed.view(-1, *gan.image_shape)
            z = torch.zeros(len(observed), gan.latent_dim, requires_grad=True)
            optimiser = torch.optim.Adam([z], LEARNING_RATE)
            for step in range(MOST_STEPS):
                value = (loaded.decode(z) - observed).square().mean()
                if step % CHECK_EVERY == 0 and value.item() <= error:
                    break
                optimiser.zero_grad()
                (len(observed) * value).backward()
                optimiser.step()
                z.data.copy_(gan.prior.project(z.data))
            errors.append(value.item() * len(observed))
            n_steps += step
        return sum(errors) / n, n_steps

    figures, (reached, n_steps) = measured(work)
    return {**figures, "error": reached, "steps": n_steps, "arrived": reached <= 1.001 * error}


TASKS = {"fit": fit, "transform": transform, "pgd": pgd, "loop": loop}


def run(task, size, n, folder, **more):
    """Measure one cell."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return {
        "task": task,
        "size": size,
        "rows": n,
        "machine": machine(),
        **TASKS[task](generator(size), n, folder, **more),
    }

"""Train the bundled generators on the training images of MNIST and write them into the package.

    SKMIMIC_DATA=... python benchmarks/train_bundled.py mnist16 --work /tmp/bundled

Started again it goes on where it stopped, on a processor with the same bits. Each stage writes the model file and a
sheet of samples, so that a training that goes wrong is seen early.
"""

import argparse
from pathlib import Path

import torch
from bundled import FOLDER, SIDES, load_digits
from PIL import Image

from skmimic import Generator
from skmimic.generators import as_prior
from skmimic.training import TrainingSettings, train_bigan, train_dcgan, train_vae
from skmimic.utils import has_fast_bfloat16, resolve_device

LATENT_DIM, WIDTH, SEED = 64, 64, 0
TRAINERS = {"DCGAN": train_dcgan, "BiGAN": train_bigan, "VAE": train_vae}
PRIORS = {"DCGAN": "uniform", "BiGAN": "uniform", "VAE": "normal"}
TERMS = "CC BY-SA 3.0, attribution: MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges"


def train(
    images,
    name,
    seed,
    n_epochs,
    checkpoint,
    data,
    terms,
    latent_dim=LATENT_DIM,
    width=WIDTH,
    batch_size=128,
    kind="DCGAN",
    device="auto",
    learning_rate=2e-4,
):
    """Train up to an epoch, from the checkpoint if there is one; the handle has notes on where it comes from."""
    device = resolve_device(device)
    is_fast = has_fast_bfloat16(device)  # elsewhere bfloat16 is emulated, ten times as slow
    settings = TrainingSettings(
        n_epochs=n_epochs, batch_size=batch_size, learning_rate=learning_rate, mixed_precision=is_fast
    )
    prior = as_prior(PRIORS[kind])
    how = {"device": device, "seed": seed, "checkpoint": checkpoint, "verbose": 1}
    networks = TRAINERS[kind](images, latent_dim, width, prior, settings, **how)
    notes = {
        "trained_on": data,
        "trained_by": f"skmimic {kind}, width {width}, {networks.n_steps} steps of {batch_size} images, seed {seed}",
        "terms": terms,
    }
    parts = networks.generator, networks.discriminator, networks.encoder
    return Generator.from_modules(*parts, prior=PRIORS[kind], name=name, notes=notes)


def write_sheet(generator, path):
    """Write 100 samples as one picture."""
    images = generator.sample(100, random_state=0).transpose(0, 2, 3, 1)
    side, n_channels = images.shape[2:]
    sheet = images.reshape(10, 10, side, side, n_channels).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(10 * side, 10 * side, n_channels).squeeze()
    picture = Image.fromarray(((sheet + 1) * 127.5).round().clip(0, 255).astype("uint8"))
    picture.resize((20 * side, 20 * side), Image.NEAREST).save(path)


def main():
    """Train in stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(SIDES))
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints and sheets")
    parser.add_argument("--epochs", type=int, nargs="+", default=[3, 8, 15, 25], help="ends of the stages")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    images = torch.from_numpy(load_digits(arguments.name, "train")[0])
    name, checkpoint = arguments.name, arguments.work / f"{arguments.name}.checkpoint"
    data = f"MNIST, the {len(images)} training images at {SIDES[name]}x{SIDES[name]}"
    for n_epochs in arguments.epochs:
        generator = train(images, name, SEED, n_epochs, checkpoint, data, TERMS)
        write_sheet(generator, arguments.work / f"{name}_{n_epochs:02d}.png")
        generator.save(FOLDER / f"{name}.safetensors", half=True)


if __name__ == "__main__":
    main()

"""Check the bundled generators: do they show all digits, and can they show digits never seen?

    SKMIMIC_DATA=... python benchmarks/check_bundled.py mnist mnist16 > check_bundled.json

Classes: 5,000 samples are named by the nearest of the 60,000 training images. Reconstruction: latents of 500 test
digits by Adam from the nearest of 4,000 samples; the error is the median of ||X - G(z)||_2 in [-1, 1], beside that
of a principal component analysis fitted on the 60,000 training images. For comparison, the same for test digits turned
by 60 degrees and mirrored: a generator that shows these as well as digits has learned little about digits.
"""

import argparse
import json

import numpy as np
import torch
from bundled import FOLDER, load_digits
from PIL import Image
from sklearn.decomposition import PCA

from skmimic import load_gan

N_SAMPLES, N_STARTS, N_TEST, N_STEPS = 5000, 4000, 500, 300
LEAST_SHARE, LARGEST_SHARE, N_COMPONENTS = 0.05, 0.17, 20


def as_rows(images):
    """Images of bytes to rows in [-1, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 127.5 - 1


def nearest(queries, rows):
    """Return the position of the nearest row of each query."""
    queries, rows = torch.from_numpy(queries), torch.from_numpy(rows)
    norms = rows.square().sum(dim=1)
    return torch.cat([(norms - 2 * part @ rows.T).argmin(dim=1) for part in queries.split(250)]).numpy()


def class_shares(samples, rows, labels):
    """Return the share of each digit among samples."""
    found = labels[nearest(samples, rows)]
    return np.bincount(found, minlength=10) / len(found)


def project(loaded, images, z):
    """Latents by Adam, projected to the prior's support after each step; the last third at a quarter of the rate."""
    z = z.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([z], lr=0.05)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [2 * N_STEPS // 3], gamma=0.25)
    for _ in range(N_STEPS):
        optimiser.zero_grad()
        (loaded.decode(z) - images).square().sum().backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            z.copy_(loaded.prior.project(z))
    return z.detach()


def reconstruction_error(loaded, rows):
    """Return the median error of the projections of rows."""
    draws = torch.Generator().manual_seed(1)
    z = loaded.prior.sample(N_STARTS, loaded.latent_dim, draws)
    with torch.no_grad():
        starts = torch.cat([loaded.decode(part) for part in z.split(500)]).flatten(1)
    images = torch.from_numpy(rows).reshape(-1, *loaded.image_shape)
    z = project(loaded, images, z[nearest(rows, starts.numpy())])
    with torch.no_grad():
        return float((loaded.decode(z) - images).flatten(1).norm(dim=1).median())


def turned(images, degrees):
    """Turn images of bytes."""
    return np.stack([np.asarray(Image.fromarray(image[0]).rotate(degrees, Image.BILINEAR)) for image in images])


def check(name):
    """Return all figures of one generator."""
    images, labels = load_digits(name, "train")
    test = load_digits(name, "test")[0][:N_TEST]
    rows, test_rows = as_rows(images), as_rows(test)
    generator = load_gan(name)
    loaded = generator.on("cpu")
    pca = PCA(N_COMPONENTS, random_state=0).fit(rows)
    residual = test_rows - pca.inverse_transform(pca.transform(test_rows))
    shares = class_shares(as_rows_of(generator.sample(N_SAMPLES, random_state=0)), rows, labels)
    figures = {
        "notes": generator.notes,
        "fingerprint": generator.fingerprint,
        "bytes": (FOLDER / f"{name}.safetensors").stat().st_size,
        "class_shares": shares.round(4).tolist(),
        "error": reconstruction_error(loaded, test_rows),
        "error_pca": float(np.median(np.linalg.norm(residual, axis=1))),
        "error_turned": reconstruction_error(loaded, as_rows(turned(test, 60))),
        "error_mirrored": reconstruction_error(loaded, as_rows(test[..., ::-1])),
        **mean_latent_figures(loaded),
        **discriminator_figures(loaded, test_rows, generator),
    }
    enough = shares.min() >= LEAST_SHARE and shares.max() <= LARGEST_SHARE
    return {**figures, "passed": bool(enough and figures["error"] <= figures["error_pca"])}


def as_rows_of(samples):
    """Images in [-1, 1] to rows."""
    return samples.reshape(len(samples), -1)


def mean_latent_figures(loaded):
    """Is there something to see, and somewhere to go, at the mean latent? Both relative to ordinary latents."""
    figures = []
    for z in (
        loaded.prior.mean(loaded.latent_dim)[None],
        loaded.prior.sample(64, loaded.latent_dim, torch.Generator()),
    ):
        jacobian = torch.func.vmap(torch.func.jacrev(lambda row: loaded.decode(row[None])[0]))(z)
        figures.append((float((loaded.decode(z) + 1).mean()), float(jacobian.flatten(1).norm(dim=1).mean())))
    (ink, slope), (usual_ink, usual_slope) = figures
    return {"ink_at_mean": ink / usual_ink, "gradient_at_mean": slope / usual_slope}


def discriminator_figures(loaded, rows, generator):
    """Return the mean logits of real and of generated images."""
    real = torch.from_numpy(rows).reshape(-1, *loaded.image_shape)
    fake = torch.from_numpy(generator.sample(len(rows), random_state=1))
    with torch.no_grad():
        logits = [float(loaded.discriminate(images).mean()) for images in (real, fake)]
    return {"logit_real": logits[0], "logit_fake": logits[1]}


def main():
    """Print the figures as JSON; exit status 1 when a check fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    figures = {name: check(name) for name in parser.parse_args().names}
    print(json.dumps(figures, indent=2))
    raise SystemExit(not all(figure["passed"] for figure in figures.values()))


if __name__ == "__main__":
    main()

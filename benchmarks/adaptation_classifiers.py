"""What judges an alignment: 1-NN on raw pixels and a small convolutional network, both of the source."""

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional as F

__all__ = ["cnn_hits", "convolutional_network", "nearest_neighbour_hits", "trained_network"]

CHUNK = 1000


def nearest_neighbour_hits(X_source, y_source, X, y):
    """Tell which rows the 1-NN classifier of the source gets right.

    Parameters
    ----------
    X_source, X : ndarray (n, n_features)
    y_source, y : ndarray (n,)

    Returns
    -------
    ndarray (n,) of bool
    """
    classifier = KNeighborsClassifier(1).fit(X_source.astype(np.float32), y_source)
    return classifier.predict(X.astype(np.float32)) == y


def convolutional_network(n_classes=10):
    """Make the network for 16x16 images: three convolutions, dropout, two dense layers."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5)),
        *(nn.Linear(1024, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, n_classes)),
    )


def _as_tensor(X):
    return torch.from_numpy(np.asarray(X, np.float32)).reshape(-1, 1, 16, 16) / 127.5 - 1


def trained_network(X, y, path, *, n_steps=1500, batch_size=128):
    """Train the network on the source with seed 0, or read its weights if they are there.

    Parameters
    ----------
    X : ndarray (n, 256)
        In [0, 255].
    y : ndarray (n,)
    path : Path
        Where the weights are kept.
    n_steps, batch_size : int

    Returns
    -------
    torch.nn.Module
        In eval mode.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = convolutional_network()
        if path.exists():
            network.load_state_dict(torch.load(path, weights_only=True))
        else:
            _train(network, _as_tensor(X), torch.as_tensor(y), n_steps, batch_size)
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(network.state_dict(), path)
    return network.eval()


def _train(network, images, labels, n_steps, batch_size):
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    for _ in range(n_steps):
        rows = torch.randint(len(images), (batch_size,))
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def cnn_hits(network, X, y):
    """Tell which rows the network gets right.

    Parameters
    ----------
    network : torch.nn.Module
    X : ndarray (n, 256)
        In [0, 255].
    y : ndarray (n,)

    Returns
    -------
    ndarray (n,) of bool
    """
    with torch.no_grad():
        predicted = [network(part).argmax(1) for part in _as_tensor(X).split(CHUNK)]
    return torch.cat(predicted).numpy() == y

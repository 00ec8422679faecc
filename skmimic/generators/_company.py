"""Whether a network treats each row alone, and which layer does not."""

import torch
from torch import nn

from ..exceptions import GeneratorMismatchError
from ..utils import first_line

__all__ = ["check_alone", "coupling_layer", "for_any_size", "name_of"]

N_ROWS = 8  # of a batch, a size that chunks of rows have
NOISE_HERE = 1e-5  # of the largest value: in the same place of a batch of the same size, kernels do the same
NOISE_ELSEWHERE = 1e-3  # in another place or batch they add in another order, which deep networks enlarge


def name_of(module):
    """Return the name of a module's class, of scripted ones too."""
    return getattr(module, "original_name", type(module).__name__)


def for_any_size(run, name):
    """Let a function of rows say which numbers of rows it does not take.

    Parameters
    ----------
    run : callable
    name : str
        Of the network, for messages.

    Returns
    -------
    callable
        Raises GeneratorMismatchError.
    """

    def tried(rows):
        try:
            return run(rows)
        except GeneratorMismatchError:
            raise
        except Exception as error:  # whatever the module's code raises
            raise GeneratorMismatchError(
                f"{name}: does not take {len(rows)} rows at a time ({first_line(error)}), but batches have many sizes. "
                "Use the length of what comes in its forward, not a number."
            ) from error

    return tried


def check_alone(module, run, rows, name, subject, way_out=""):
    """Refuse a network whose answer for a row depends on the other rows of the batch.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
        Rows (n, ...) to answers (n, ...), by the module.
    rows : tensor (n, ...)
        At least 16, all different.
    name : str
        Of the network, for messages.
    subject : str
        What depends on other rows, for messages.
    way_out : str, default=""
        What else to do, for messages.

    Raises
    ------
    GeneratorMismatchError
        With the name of the layer where it can be told.
    """
    run = for_any_size(run, name)
    batch, strangers = rows[:N_ROWS], rows[N_ROWS : 2 * N_ROWS]
    answers = run(batch)
    among_strangers = torch.cat([batch[:1], strangers[1:]])
    last_among_strangers = torch.cat([strangers[:-1], batch[-1:]])
    is_coupled = (
        _differ(answers[:1], run(among_strangers)[:1], NOISE_HERE)
        or _differ(answers[-1:], run(last_among_strangers)[-1:], NOISE_HERE)
        or _differ(answers, run(batch.flip(0)).flip(0), NOISE_ELSEWHERE)
        or _differ(answers[: N_ROWS // 2], run(batch[: N_ROWS // 2]), NOISE_ELSEWHERE)
    )
    if is_coupled:
        found = coupling_layer(module, run, batch, among_strangers)
        place, cure = _blame(_scripted_norm(module, found) or found)
        raise GeneratorMismatchError(
            f"{name}: {subject} depends on the others in its batch{place}, and skmimic treats every row alone. {cure} "
            f"{way_out}".rstrip()
        )


def coupling_layer(module, run, batch, other):
    """Find the layer that first answers differently for row 0, the only row that two batches share.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
    batch, other : tensors (n, ...)

    Returns
    -------
    (str, torch.nn.Module) or None
        Dotted name and layer; the name is empty for the module itself. None where no layer can be told.
    """
    heard = zip(_calls(module, run, batch), _calls(module, run, other), strict=False)
    was_given_other, first = {}, None
    for (name, _, before, after), (*_, before_other, after_other) in heard:
        was_given_other[name] = _differ(before, before_other, NOISE_HERE)
        if first is None and _differ(after, after_other, NOISE_HERE):
            first = name
    if first is None:
        return None
    while first and was_given_other.get(first, True):
        first = first.rpartition(".")[0]  # what stands between the layers of a forward
    return first, module.get_submodule(first)


def _calls(module, run, rows):
    """Run and note what each layer was given and gave for row 0, in the order in which layers end."""
    heard = []

    def listener(name):
        def listen(layer, given, answer):
            heard.append((name, layer, _first_row(given, rows), _first_row(answer, rows)))

        return listen

    parts = [(name, part) for name, part in module.named_modules() if not isinstance(part, torch.jit.ScriptModule)]
    hooks = [part.register_forward_hook(listener(name)) for name, part in parts]  # TorchScript takes none
    try:
        run(rows)
    finally:
        for hook in hooks:
            hook.remove()
    return heard


def _scripted_norm(module, found):
    """The first batch norm of TorchScript without running statistics in the layer that was found, or anywhere."""
    home = found[0] if found else ""
    for name, part in module.named_modules():
        is_inside = not home or name.startswith(f"{home}.")
        if is_inside and isinstance(part, torch.jit.ScriptModule) and _takes_batch_statistics(part):
            return name, part
    return None


def _takes_batch_statistics(layer):
    is_norm = name_of(layer).startswith("BatchNorm") or isinstance(layer, nn.modules.batchnorm._NormBase)
    return is_norm and getattr(layer, "running_mean", None) is None


def _first_row(values, rows):
    """Row 0 of a tensor, or of the first tensor of several, that has as many rows; else None."""
    if isinstance(values, (tuple, list)):
        values = next((value for value in values if isinstance(value, torch.Tensor)), None)
    has_rows = isinstance(values, torch.Tensor) and values.ndim > 0 and len(values) == len(rows)
    return values[:1].detach().clone() if has_rows and values.is_floating_point() else None


def _differ(one, other, noise):
    if one is None or other is None or one.shape != other.shape:
        return False
    scale = torch.maximum(one.abs().max(), other.abs().max())
    return bool((one - other).abs().max() > noise * scale)


def _blame(found):
    """Say where it happens, and the cure."""
    cure = "Replace what looks at the batch by what looks at one row: LayerNorm, GroupNorm, or running statistics."
    if found is None:
        return "", cure
    name, layer = found
    kind = name_of(layer)
    if _takes_batch_statistics(layer):
        cure = (
            "It has no running statistics and takes those of the batch. Build it with track_running_stats=True and run "
            "some batches in training mode, or replace it by GroupNorm."
        )
    return (f" (layer {name!r}, {kind})" if name else f" (in the forward of {kind} itself)"), cure

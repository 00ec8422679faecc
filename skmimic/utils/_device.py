"""Where tensors live."""

import torch

from ._messages import first_line

__all__ = ["has_fast_bfloat16", "is_out_of_memory", "resolve_device"]

CPU_ALLOCATOR_SAYS = ("can't allocate memory", "not enough memory")  # Linux and macOS, Windows


def resolve_device(device="auto"):
    """Return the torch device to compute on.

    Parameters
    ----------
    device : {"auto"} or str or torch.device, default="auto"
        ``"auto"`` takes CUDA when there is one, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If the device is unknown or not available on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here: {first_line(error)}. Pass 'auto' or 'cpu'."
        ) from error
    if resolved.type == "meta":
        raise ValueError(f"device={device!r} computes nothing. Pass 'auto' or 'cpu'.")
    return resolved


def has_fast_bfloat16(device):
    """Whether a device multiplies bfloat16 numbers natively; elsewhere they are slower than float32.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    bool
        False with a torch that cannot tell.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def is_out_of_memory(error):
    """Whether an exception says that memory ran out, on a GPU or in torch's CPU allocator."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in CPU_ALLOCATOR_SAYS)

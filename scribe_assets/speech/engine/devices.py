"""Which device is used, and what its memory holds."""

import gc
import sys
from typing import TYPE_CHECKING, Any

from scribe_assets.errors import PermanentError

if TYPE_CHECKING:
    import torch


def resolve_device(device: str) -> str:
    """`auto`, `cpu`, `cpu:N`, `cuda` or `cuda:N` to the device that is there.

    Raises:
        PermanentError: a GPU is asked for by name and there is none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise PermanentError(
            f"SCRIBE_DEVICE is {device}, and there are {torch.cuda.device_count()} GPUs that "
            "torch can use; set it to auto or cpu, or check the driver"
        )
    return device


def weights_size(networks: "list[torch.nn.Module]") -> int:
    """Bytes of the weights of torch modules."""
    tensors = [
        tensor for network in networks for tensor in (*network.parameters(), *network.buffers())
    ]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def free(model: Any) -> None:
    """Give back a model's memory, even where something still refers to it.

    Args:
        model: a `WhisperModel`, a `Diarizer` or a torch module.
    """
    if hasattr(model, "model") and hasattr(model.model, "unload_model"):  # faster-whisper
        model.model.unload_model()
    elif hasattr(model, "to"):  # torch: on the meta device a tensor has no memory
        import torch

        model.to(torch.device("meta"))
    gc.collect()
    free_cached_memory()


def free_cached_memory() -> None:
    """Give back what torch keeps of the GPU for later, which CTranslate2 cannot use."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()

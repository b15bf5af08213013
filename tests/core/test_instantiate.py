"""Lack of memory is no fault of a configuration's values."""

from errno import ENOENT, ENOMEM

import pytest
from omegaconf import OmegaConf

from ganlab.core.errors import UserError, lacks_memory
from ganlab.core.instantiate import build, configuration_errors

SHORT = "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"


def short_of_memory() -> None:
    raise RuntimeError(SHORT)


def test_lack_of_memory_passes_and_other_errors_are_the_configurations() -> None:
    node = OmegaConf.create({"_target_": f"{__name__}.short_of_memory"})
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        build(node)
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"), configuration_errors():
        short_of_memory()
    with pytest.raises(UserError, match="cannot be built"), configuration_errors():
        raise RuntimeError("sizes do not match")


def test_a_name_with_the_word_is_no_lack_of_memory() -> None:
    assert not lacks_memory(FileNotFoundError(ENOENT, "No such file or directory", "/x/allocation/out of memory"))
    assert not lacks_memory(ImportError("cannot import name 'alloc'"))
    assert lacks_memory(OSError(ENOMEM, "Cannot allocate memory"))
    assert lacks_memory(ImportError("libx.so: failed to map segment from shared object"))
    assert lacks_memory(OSError("libx.so: failed to map segment from shared object"))

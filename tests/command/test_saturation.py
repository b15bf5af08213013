"""Parts of the data that lie beyond the range of training are named."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ganlab.arrangement.leads import Leads
from ganlab.codec import Codec
from ganlab.command.run import beyond_range
from ganlab.dataset.module import Data
from ganlab.dataset.wfdb import WFDB
from ganlab.split.patient import PatientSplit
from ganlab.standardization.base import Standardization
from ganlab.standardization.centred_range import CentredRange
from ganlab.standardization.quantile_range import QuantileRange


@pytest.mark.parametrize(("standardization", "loud"), [(QuantileRange(1), True), (CentredRange(), False)])
def test_a_patient_with_an_offset(
    standardization: Standardization, loud: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"patient{n}" for n in range(1, 7)]

    def data(offset: str) -> Data:
        for name in names:
            (tmp_path / "root" / name).mkdir(parents=True, exist_ok=True)
            wave = np.sin(np.arange(900) / 9)[:, None] * 0.5 + (0.0 if name == offset else 5.0)
            wfdb.wrsamp("r", fs=500, units=["mV"], sig_name=["i"], p_signal=wave, fmt=["16"], adc_gain=[1000],
                        baseline=[0], write_dir=str(tmp_path / "root" / name))  # fmt: skip
        source = WFDB(tmp_path / "root", 500.0, cache=tmp_path / f"cache_{offset}")
        return Data(source, PatientSplit(), Leads(["i"], side=20))

    first = data("")
    first.setup()
    assert beyond_range(first, Codec(standardization, first.arrangement)) == []
    (other,) = first.part("validation").unique_patients
    second = data(other)
    second.setup()
    lines = beyond_range(second, Codec(standardization, second.arrangement))
    assert [line.record for line in lines] == (["part validation"] if loud else [])
    if loud:
        assert lines[0].reason.startswith("100 % of its values are beyond the range")
        assert "part validation: 100 % of its values" in caplog.text

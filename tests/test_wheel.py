"""A wheel works from another folder, its conf included."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, TINY, newest_run


def test_a_wheel_trains_from_another_folder(tmp_path: Path) -> None:
    def call(*command: str, cwd: Path = tmp_path) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
        done = subprocess.run(
            [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    call("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("*.whl")
    call("-m", "pip", "install", "--no-deps", "--quiet", "--target", str(tmp_path / "site"), str(wheel))
    assert {path.name for path in (tmp_path / "site").iterdir() if "dist-info" not in path.name} == {"ganlab", "bin"}
    assert (tmp_path / "site" / "bin" / "ganlab").is_file()
    where = call("-c", "import ganlab.core.settings; print(ganlab.core.settings.CONF)").strip()
    assert Path(where) == tmp_path / "site" / "ganlab" / "conf"
    call("-m", "ganlab.run", *TINY, "tracking=none", "metrics=paper")
    assert (newest_run(tmp_path) / "report.html").is_file()

"""Values of a wrong type, and names that are none: refused with what is accepted, the nearest name first."""

from collections.abc import Callable, Sequence
from typing import Literal

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException

import ganlab.command.entry  # noqa: F401  (commands put Hydra's refusals in words of the setting)
from ganlab.core.errors import UserError
from ganlab.core.settings import CONF
from ganlab.core.values import check_values, check_whole, did_you_mean


class Taking:
    def __init__(
        self,
        count: int = 1,
        share: float | None = None,
        on: bool = False,
        name: str = "",
        names: Sequence[str] | None = None,
        way: Literal["up", "down"] = "up",
        other: object = None,
        order: Callable[[int], int] | None = None,
        plain: Callable[[int], int] = abs,
    ) -> None: ...


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ({"count": "two"}, "count=two: accepted is a whole number"),
        ({"count": 2.5}, "a whole number"),
        ({"count": True}, "a whole number"),
        ({"count": None}, "a whole number"),
        ({"share": "half"}, "share=half: accepted is a number or null"),
        ({"on": "yes"}, "on=yes: accepted is true or false"),
        ({"name": [1]}, "a text"),
        ({"names": "i"}, "names=i: accepted is a list, each a text or null"),
        ({"way": "left"}, "way=left: accepted is up or down"),
        ({"plain": 1.5}, "plain=1.5: accepted is an object, by its _target_"),
        ({"plain": "z"}, "plain=z: accepted is an object, by its _target_"),
        ({"order": 1.5}, "order=1.5: accepted is an object, by its _target_ or null"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused(value: dict, accepted: str) -> None:
    with pytest.raises(UserError, match=f"room.*{accepted}"):
        check_values(Taking, value, "room.")


def test_values_of_the_right_type_are_taken() -> None:
    assert (
        check_values(Taking, {"share": 1, "name": 3, "names": ["i", 2], "way": "down", "other": "x", "more": 1}) == {}
    )
    assert check_values(Taking, {"count": 1e3, "share": 1e3, "other": 1.5}) == {"count": 1000}


@pytest.mark.parametrize("value", ["1", 0, 5, 1.0, True, None])
def test_a_whole_number_out_of_range_is_refused(value: object) -> None:
    check_whole("n", 4, 1, 4)
    with pytest.raises(UserError, match=r"n=.*: accepted is a whole number from 1 to 4"):
        check_whole("n", value, 1, 4)


def test_the_nearest_name_is_asked_for() -> None:
    assert did_you_mean("emma", ["ema", "none"]) == " Did you mean ema?"
    assert did_you_mean("zzz", ["ema", "none"]) == ""


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batch_siz=3", "batch_siz: no such setting. Did you mean batch_size?"),
        ("experimnt=laptop", "experimnt: no such setting. Did you mean experiment?"),
        ("trainer.max_epoch=3", "Did you mean trainer.max_epochs"),
        ("max_epochs=3", r"Did you mean trainer\.max_epochs\?"),
        ("datset=ptbdb", "Did you mean dataset?"),
        ("trick.ema.decay=0.9", "trick.ema exists with trick=ema"),
        ("metrics.measures.distribution.k=9", r"To set it: \+metrics.measures.distribution.k="),
        (
            "trick=emma",
            "trick=emma: no such choice. Did you mean ema? Accepted are balanced_sampler, .*, under",
        ),
        (
            "trick=[ema,lable_smoothing]",
            "trick=lable_smoothing: .*mean label_smoothing? Accepted are balanced_sampler, ",
        ),
        (
            "experiment=rgb",
            "Did you mean paper/rgb? Accepted are ablation/01_paper, .*, laptop, paper/acgan, .*, thesis/thyroid_fcn",
        ),
        ("loss=5", "loss=5: accepted is one of bce, "),
        ("loss=''", "loss=: no such choice. Accepted are bce, "),
        ("dataset=null", "dataset=null: accepted is one of cinc, "),
        ("arrangement=[z,rgb]", "arrangement=.z,rgb.: accepted is one of cmyk, concat, "),
        ("trick=[ema,1]", "trick=.ema,1.: accepted are balanced_sampler, "),
        ("hydra/launcher=jobli", "hydra/launcher=jobli: .*mean joblib?"),
        ("hydra/launchr=joblib", "no such group. Did you mean hydra/launcher"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(override: str, message: str) -> None:
    GlobalHydra.instance().clear()
    with (
        initialize_config_dir(CONF, version_base="1.3"),
        pytest.raises(
            ConfigCompositionException, match=message.replace("?", r"\?") if "\\" not in message else message
        ),
    ):
        hydra_compose("config", [override])

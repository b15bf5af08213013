"""What a message takes over from other libraries."""

from ganlab.core.errors import reason_of, without_frames


def test_frames_of_cpp_are_left_out() -> None:
    error = RuntimeError(
        "[enforce fail at inline_container.cc:672] . unexpected pos 64\nof 3"
        "\nException raised from writer at /pytorch/x.cc:9 (most recent):\nframe #0: c10::Error::Error() + 0x1"
    )
    assert reason_of(error) == "[enforce fail at inline_container.cc:672] . unexpected pos 64 of 3"
    assert without_frames("bad\n  frame #0: a\n") == "bad"

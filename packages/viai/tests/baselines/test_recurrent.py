from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common.errors import InputError
from viai.baselines.interface import Scene, SoundMethod
from viai.baselines.recurrent import METHODS, Recurrent, blend, turned
from viai.checkpoints import RECURRENT_STAGES, build_network, save_network
from viai.config import TINY

LENGTH, PICTURES = 25 * 1_280, 25


def make_scene(seed: int, gap: tuple[int, int], *, sees: bool = True) -> Scene:
    rng = np.random.default_rng(seed)
    samples = (0.5 * np.sin(np.arange(LENGTH) / rng.uniform(3, 20))).astype(np.float32)
    samples[gap[0] : gap[1]] = 0
    return Scene(
        samples=samples,
        gap=gap,
        mel=np.zeros((80, LENGTH // 320), np.float32),
        unknown=np.zeros(LENGTH // 320, np.bool_),
        frames=rng.integers(0, 256, (PICTURES, 3, 32, 32), dtype=np.uint8) if sees else None,
        flow=rng.integers(0, 256, (PICTURES, 2, 32, 32), dtype=np.uint8) if sees else None,
    )


def load(name: str, folder: Path, temperature: float = 1.0) -> Recurrent:
    return Recurrent.from_pretrained(name, folder, device="cpu", temperature=temperature, context_seconds=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that were not trained, but drawn wide enough that sound and picture matter."""
    place = tmp_path_factory.mktemp("recurrent")
    for number, stage in enumerate(RECURRENT_STAGES):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            network = build_network(stage, TINY)
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.add_(0.3 * torch.randn_like(parameter))
        save_network(
            place / f"{stage}.safetensors", network.state_dict(), stage=stage, config=TINY, step=0, seed=0, data={}
        )
    return place


SCENES = [make_scene(1, (20_000, 20_200)), make_scene(2, (19_201, 19_290)), make_scene(3, (700, 1_000))]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_fills_every_gap_and_nothing_else(name: str, folder: Path) -> None:
    method = load(name, folder)
    assert isinstance(method, SoundMethod)
    assert method.name == name
    played = method.play(SCENES, seed=0)
    assert [len(sound) for sound in played] == [200, 89, 300]
    assert all(sound.dtype == np.float32 for sound in played)
    assert all(-1 <= sound.min() < sound.max() <= 1 for sound in played)


@pytest.mark.parametrize("name", METHODS)
def test_a_scene_sounds_the_same_alone_and_in_any_company(name: str, folder: Path) -> None:
    method = load(name, folder)
    together = method.play(SCENES, seed=5)
    for scene, sound in zip(SCENES, together, strict=True):
        np.testing.assert_array_equal(method.play([scene], seed=5)[0], sound)
    for other, sound in zip(method.play(SCENES[::-1], seed=5)[::-1], together, strict=True):
        np.testing.assert_array_equal(other, sound)
    assert not np.array_equal(method.play(SCENES[:1], seed=6)[0], together[0])


def test_more_scenes_than_a_block_holds_are_played(folder: Path) -> None:
    method = load("samplernn", folder)
    scenes = [make_scene(number, (800, 816), sees=False) for number in range(70)]
    played = method.play(scenes, seed=0)
    np.testing.assert_array_equal(method.play(scenes[69:], seed=0)[0], played[69])


@pytest.mark.parametrize("name", METHODS)
def test_the_gap_is_not_read(name: str, folder: Path) -> None:
    method = load(name, folder)
    scene = SCENES[0]
    filled = scene.samples.copy()
    filled[scene.gap[0] : scene.gap[1]] = 0.7
    expected, played = (method.play([each], seed=0)[0] for each in (scene, replace(scene, samples=filled)))
    np.testing.assert_array_equal(played, expected)


def test_a_method_of_one_direction_does_not_hear_the_right_side_but_one_of_two_does(folder: Path) -> None:
    scene = SCENES[0]
    other = scene.samples.copy()
    other[scene.gap[1] :] *= -0.5
    for name, hears in (("samplernn", False), ("bi-samplernn", True)):
        method = load(name, folder)
        one, two = (method.play([each], seed=0)[0] for each in (scene, replace(scene, samples=other)))
        assert np.array_equal(one, two) is not hears


def test_sight_and_sound_before_the_context_do_not_matter(folder: Path) -> None:
    method = load("visual2sound", folder)
    scene, expected = SCENES[0], method.play(SCENES[:1], seed=0)[0]
    # 0.1 s before 20,000 is sample 18,400 in picture 14, and the lead are eight more; the gap ends in picture 15.
    for place, matters in ((15, True), (14, True), (16, False), (13, False)):
        assert scene.frames is not None
        frames = scene.frames.copy()
        frames[place] = 255 - frames[place]
        played = method.play([replace(scene, frames=frames)], seed=0)[0]
        assert np.array_equal(played, expected) is not matters


def test_backward_is_forward_on_a_scene_turned_over(folder: Path) -> None:
    both = load("bi-visual2sound", folder)
    assert both.backward is not None
    ahead = replace(both, backward=None).play(SCENES, seed=2)
    back = replace(both, forward=both.backward, backward=None).play([turned(scene) for scene in SCENES], seed=2)
    for sound, left, right in zip(both.play(SCENES, seed=2), ahead, back, strict=True):
        np.testing.assert_array_equal(sound, blend(left, right[::-1]))
        assert sound[0] == left[0]
        assert sound[-1] == pytest.approx(right[0], abs=1e-7)


def test_a_scene_turned_over_twice_is_itself() -> None:
    scene = SCENES[0]
    once, twice = turned(scene), turned(turned(scene))
    assert once.gap == (LENGTH - 20_200, LENGTH - 20_000)
    assert not once.samples[once.gap[0] : once.gap[1]].any()
    assert scene.frames is not None
    assert once.frames is not None
    assert twice.frames is not None
    assert twice.gap == scene.gap
    np.testing.assert_array_equal(twice.samples, scene.samples)
    np.testing.assert_array_equal(once.frames[0], scene.frames[-1])
    np.testing.assert_array_equal(twice.frames, scene.frames)


def test_the_blend_by_hand() -> None:
    # The squared cosine at 0, 45 and 90 degrees is 1, 1/2 and 0.
    np.testing.assert_allclose(blend(np.full(3, 1.0), np.full(3, 3.0)), [1, 2, 3])
    np.testing.assert_allclose(blend(np.ones(1), np.zeros(1)), [1])


def test_a_gap_at_the_very_beginning_is_played_from_the_learnt_state(folder: Path) -> None:
    method = load("samplernn", folder)
    sound = method.play([make_scene(0, (0, 50), sees=False)], seed=0)[0]
    assert np.isfinite(sound).all()
    assert len(sound) == 50


def test_a_low_temperature_draws_the_likeliest_levels_whatever_the_seed(folder: Path) -> None:
    method = load("samplernn", folder, temperature=1e-4)
    one, two = (method.play(SCENES[:1], seed=seed)[0] for seed in (0, 1))
    np.testing.assert_array_equal(one, two)


def test_what_cannot_be_played_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown recurrent method 'rnn'; choose one of samplernn, visual2sound, bi-"):
        Recurrent.from_pretrained("rnn", folder)
    with pytest.raises(InputError, match="a temperature of 0 cannot be drawn at; give a positive number"):
        Recurrent.from_pretrained("samplernn", folder, temperature=0)
    with pytest.raises(InputError, match=r"samplernn\.safetensors") as caught:
        Recurrent.from_pretrained("samplernn", tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "samplernn.safetensors").write_bytes((folder / "visual2sound.safetensors").read_bytes())
    with pytest.raises(InputError, match="holds the network 'visual2sound'; expected 'samplernn'"):
        Recurrent.from_pretrained("samplernn", tmp_path)


def test_a_network_that_sees_refuses_scenes_that_it_cannot_see(folder: Path) -> None:
    method = load("visual2sound", folder)
    with pytest.raises(InputError, match="needs the picture of every scene, and one has none; use samplernn"):
        method.play([make_scene(0, (800, 816), sees=False)], seed=0)
    scene = make_scene(0, (800, 816))
    small = replace(scene, frames=np.zeros((25, 3, 16, 16), np.uint8), flow=np.zeros((25, 2, 16, 16), np.uint8))
    with pytest.raises(InputError, match="trained on pictures of 32 x 32 pixels, and a scene has 16 x 16"):
        method.play([small], seed=0)

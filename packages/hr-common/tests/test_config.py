import tomllib
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from hr_common.config import differences, from_dict, load, to_dict, to_toml
from hr_common.errors import InputError


class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    warm_up: int | None = None


@dataclass(frozen=True, kw_only=True)
class Model:
    layers: int = 3
    kind: Literal["small", "large"] = "small"
    widths: tuple[int, ...] = (8, 16)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    name: str = "run"
    amp: bool = False
    root: Path = Path("data")
    mood: Mood = Mood.CALM
    model: Model = Model()
    optimiser: Optimiser = Optimiser()
    critic: Optimiser | None = None
    limit: int | None = 5

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < self.model.layers:
            raise ValueError(f"limit {self.limit} is below model.layers {self.model.layers}")


@dataclass(frozen=True, kw_only=True)
class Several:
    runs: tuple[Optimiser, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Needy:
    steps: int
    names: list[str] = field(default_factory=list)


def test_file_and_overrides_are_laid_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "conf.toml"
    file.write_text('name = "from file"\n[model]\nlayers = 4\nwidths = [1, 2, 3]\n[optimiser]\nlearning_rate = 1\n')
    preset = Settings(amp=True, model=Model(kind="large", dropout=0.5))
    overrides = ["model.layers=5", "optimiser.betas = [0.5, 0.9]", "root=/music", "mood=wild", "limit=none", "limit=7"]
    result = load(Settings, preset=preset, file=file, overrides=overrides)
    assert result == Settings(
        name="from file",
        amp=True,
        root=Path("/music"),
        mood=Mood.WILD,
        model=Model(layers=5, kind="large", widths=(1, 2, 3), dropout=0.5),
        optimiser=Optimiser(learning_rate=1.0, betas=(0.5, 0.9)),
        limit=7,
    )
    assert isinstance(result.optimiser.learning_rate, float)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("name=bare word", "bare word"),
        ('name="quoted"', "quoted"),
        ("name=1:30", "1:30"),
        ("name=2024-05-01", "2024-05-01"),
        ("name=", ""),
        ("name=a=b", "a=b"),
        ("name=x\namp=true", "x\namp=true"),
    ],
)
def test_words_that_are_no_toml_are_strings(override: str, expected: str) -> None:
    assert load(Settings, preset=Settings(), file=None, overrides=[override]) == Settings(name=expected)


def test_a_table_may_be_none_and_be_filled() -> None:
    filled = load(Settings, preset=Settings(), file=None, overrides=["critic.warm_up=3"])
    assert filled.critic == Optimiser(warm_up=3)
    assert load(Settings, preset=filled, file=None, overrides=["critic=none"]).critic is None
    assert load(Settings, preset=filled, file=None, overrides=["model={layers=4, kind='large'}"]).model.kind == "large"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.layers=abc", r'model.layers = "abc": input should be a valid integer \(in --set model.layers=abc\)'),
        ('model.layers="3"', "valid integer"),
        ("model.layers=3.5", "valid integer"),
        ("model.layers=true", "valid integer"),
        ("optimiser.learning_rate=fast", "valid number"),
        ("amp=1", "valid boolean"),
        ("name=3", "valid string"),
        ("model.kind=medium", "'small' or 'large'"),
        ("model.dropout=1.5", "less than 1"),
        ("model.widths=[1, x]", "valid array"),
        ("model.widths=[1, 2.5]", r"model.widths\[1\] = 2.5: input should be a valid integer"),
        ("optimiser.betas=[1.0]", "optimiser.betas"),
        ("model=3", "model = 3"),
        ("limit=2", "Settings: limit 2 is below model.layers 3"),
        ("limit", "--set limit: expected name=value"),
        ("=3", "expected name=value"),
        ("model.layer=3", "unknown setting 'model.layer' in --set model.layer=3; did you mean 'model.layers'?"),
        ("layers=3", "did you mean 'model.layers'?"),
        ("optimizer.learning_rate=1", "unknown setting 'optimizer' .* did you mean 'optimiser'?"),
        ("model.zzz=1", "known here: layers, kind, widths, dropout"),
        ("name.first=x", "name = "),
    ],
)
def test_a_mistake_is_named_with_its_place(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(Settings, preset=Settings(), file=None, overrides=[override])


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "conf.toml"
    file.write_text('nmae = "x"\n[model]\nlayers = "three"\n')
    with pytest.raises(InputError) as caught:
        load(Settings, preset=Settings(), file=file, overrides=["amp=maybe", "optimiser.beta=1"])
    mistakes = str(caught.value).split("; ")
    assert "\n" not in str(caught.value)
    for words in ("'nmae'", "'name'", "model.layers", str(file), "amp", "'optimiser.betas'"):
        assert any(words in mistake for mistake in mistakes), words


def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "conf.toml"
    file.write_text("name = \nlayers = 3\n")
    with pytest.raises(InputError, match=r"conf.toml: no valid TOML: .*line 1"):
        load(Settings, preset=Settings(), file=file)
    with pytest.raises(InputError, match="No such file"):
        load(Settings, preset=Settings(), file=tmp_path / "missing.toml")


def test_mappings_are_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "conf.toml"
    file.write_text('[[runs]]\nwarm_up = 1\n[[runs]]\n[weights]\n"a b" = 2\n')
    result = load(Several, preset=Several(weights={"old": 1.0}), file=file)
    assert result == Several(runs=(Optimiser(warm_up=1), Optimiser()), weights={"a b": 2.0})
    assert tomllib.loads(to_toml(Several(weights={"a b": 2.0})))["weights"] == {"a b": 2.0}
    assert tomllib.loads(to_toml(result))["runs"][0]["warm_up"] == 1
    file.write_text("[[runs]]\nwarmup = 1\n")
    with pytest.raises(InputError, match=r"unknown setting 'runs\.warmup' in .*conf.toml; known here: runs, weights"):
        load(Several, preset=Several(), file=file)


def test_settings_without_a_default_have_to_be_given() -> None:
    with pytest.raises(InputError, match="setting 'steps' is missing"):
        from_dict(Needy, {})
    assert from_dict(Needy, {"steps": 3, "names": ["a"]}) == Needy(steps=3, names=["a"])
    with pytest.raises(InputError, match="unknown setting 'step' in Needy; did you mean 'steps'"):
        from_dict(Needy, {"step": 3})


configurations = st.builds(
    Settings,
    name=st.text(st.characters(codec="utf-8")),
    amp=st.booleans(),
    root=st.sampled_from([Path("a b"), Path("/x")]),
    mood=st.sampled_from(Mood),
    model=st.builds(
        Model,
        layers=st.integers(-(2**60), 5),
        kind=st.sampled_from(["small", "large"]),
        widths=st.lists(st.integers(-(2**63), 2**63 - 1)).map(tuple),
        dropout=st.floats(0, 1, exclude_max=True),
    ),
    optimiser=st.builds(
        Optimiser,
        learning_rate=st.floats(allow_nan=False),
        betas=st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
        warm_up=st.none() | st.integers(0, 9),
    ),
    critic=st.none() | st.builds(Optimiser, warm_up=st.none() | st.integers(0, 9)),
    limit=st.none() | st.integers(5, 9),
)


@settings(deadline=None, max_examples=20)
@given(configurations)
def test_settings_survive_toml_and_dictionaries(config: Settings) -> None:
    assert from_dict(Settings, tomllib.loads(to_toml(config))) == config
    assert from_dict(Settings, to_dict(config)) == config


def test_toml_looks_like_a_person_wrote_it() -> None:
    text = to_toml(Settings(name='say "hi"\x7f', model=replace(Model(), dropout=1e-5), limit=None))
    assert text.startswith(
        'name = "say \\"hi\\"\\u007f"\namp = false\nroot = "data"\nmood = "calm"\ncritic = "none"\nlimit = "none"\n'
    )
    assert '\n\n[model]\nlayers = 3\nkind = "small"\nwidths = [8, 16]\ndropout = 1e-05\n' in text


def test_dictionaries_hold_what_json_holds() -> None:
    assert to_dict(Settings())["model"] == {"layers": 3, "kind": "small", "widths": [8, 16], "dropout": 0.0}
    assert to_dict(Settings())["root"] == "data"


def test_differences_are_named_by_their_dotted_names() -> None:
    there = {"training": {"steps": 5, "seed": 1}, "old": 2}
    here = {"training": {"steps": 7, "seed": 3}, "new": {"size": 4}}
    assert list(differences(there, here, free=("training.seed",))) == [
        "new.size None there, 4 here",
        "old 2 there, None here",
        "training.steps 5 there, 7 here",
    ]
    assert list(differences(there, there)) == []
    assert list(differences(there, here, free=("training", "old"))) == ["new.size None there, 4 here"]

"""[classifier]: thresholds by brand, an operator's reasons, and what is said of a mistake in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerback import bootstrap
from answerback.config import Config, ConfigError, load_config
from classifier.artifact import QUICK, SHIPPED, ArtifactError, read_manifest
from desk.model.thresholds import BrandThresholds
from tests.classifier.shipped import calm_post
from tests.classifier.tiny import write_tiny_folder


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_brands_and_reasons_are_read(tmp_path: Path) -> None:
    tiny_weights = write_tiny_folder(tmp_path / "weights")
    settings = load(
        tmp_path,
        f'[classifier]\nweights = "{tiny_weights}"\ncomplaint_threshold = 0.5\nlook_threshold = 0.2\n'
        '[[classifier.brands]]\nbrand = "fernway"\ncomplaint_threshold = 0.3\n'
        '[[classifier.reasons]]\nname = "locker"\nsentence = "The parcel locker does not open."\n'
        'examples = ["The code does not open the locker."]\n',
    ).classifier
    thresholds = bootstrap.make_thresholds(settings)
    assert thresholds.brands == {"fernway": BrandThresholds(complaint=0.3)}
    predictor = bootstrap.make_predictor(settings)
    (found,) = predictor.predict(["The parcel locker does not open."])
    assert found.reason == "locker"


@pytest.mark.parametrize(
    ("model", "folder"), [("full", SHIPPED), ("screened", SHIPPED), ("quick", SHIPPED / QUICK)]
)
def test_the_operator_chooses_the_model(tmp_path: Path, model: str, folder: Path) -> None:
    settings = load(tmp_path, f'[classifier]\nmodel = "{model}"\n').classifier
    assert bootstrap.make_predictor(settings).version == read_manifest(folder).version


def test_a_quick_model_is_sought_in_the_weights_of_ones_own(tmp_path: Path) -> None:
    mine = write_tiny_folder(tmp_path / "mine")
    settings = load(tmp_path, f'[classifier]\nmodel = "quick"\nweights = "{mine}"\n').classifier
    with pytest.raises(ArtifactError, match=r"mine have no quick one.* --distil .*mine --out .*mine/quick"):
        bootstrap.make_predictor(settings)


def test_screening_reads_in_full_what_a_brand_shows(tmp_path: Path) -> None:
    text = '[classifier]\nmodel = "screened"\n'
    brand = '[[classifier.brands]]\nbrand = "f"\nlook_threshold = 0\n'
    calm = [calm_post()]
    screened, curious = (
        bootstrap.make_predictor(load(tmp_path, one).classifier) for one in (text, text + brand)
    )
    assert screened.predict(calm)[0].model == read_manifest(SHIPPED / QUICK).version
    assert curious.predict(calm)[0].model == read_manifest(SHIPPED).version


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[classifier.brands]]\nbrand = "f"\ncomplaint_threshold = 0.3\nlook_threshold = 0.4',
            ['brands "f"', "look_threshold must not be above complaint_threshold"],
        ),
        (
            '[classifier]\nlook_threshold = 0.4\n[[classifier.brands]]\nbrand = "f"\ncomplaint_threshold = 0',
            ['brands "f"', "look_threshold must not be above"],
        ),
        (
            '[[classifier.brands]]\nbrand = "f"\n[[classifier.brands]]\nbrand = "f"',
            ['two of brands are called "f"'],
        ),
        ('[classifier]\nmodel = "small"', ["classifier.model", "full", "quick"]),
        ('[[classifier.brands]]\nbrand = "f"\nthreshold = 1', ["unknown key", "complaint_threshold"]),
        ('[[classifier.brands]]\nbrand = "f"\nlook_threshold = 2', ["classifier.brands[1].look_threshold"]),
        ('[[classifier.reasons]]\nname = "a b"', ["classifier.reasons[1].sentence", "missing"]),
        ('[[classifier.reasons]]\nname = "other"\nsentence = "Any."', ["choose another name"]),
        ('[[classifier.reasons]]\nname = "a\\u001bb"\nsentence = "Any."', ["on one line"]),
        (
            '[[classifier.reasons]]\nname = "ab"\nsentence = "Any."\nexample = "x"',
            ["unknown key", "examples"],
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    for word in words:
        assert word in str(raised.value)
    assert "\x1b" not in str(raised.value)

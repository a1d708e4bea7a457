"""[classifier]: thresholds by brand, an operator's reasons, and what is said of a mistake in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from answerback import bootstrap
from answerback.config import Config, ConfigError, load_config
from classifier.artifact import QUICK, SHIPPED, ArtifactError, read_manifest, write_manifest
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


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights with thresholds as training finds them, and quick ones with others."""
    folder = write_tiny_folder(tmp_path_factory.mktemp("measured") / "weights")
    quick = Path(shutil.copytree(folder, folder / QUICK))
    for one, complaint, look in ((folder, 0.4966, 0.0723), (quick, 0.45, 0.05)):
        known = read_manifest(one)
        write_manifest(one, known.with_thresholds(complaint_threshold=complaint, look_threshold=look))
    return folder


def served(tmp_path: Path, weights: Path, text: str, model: str = "full") -> None:
    settings = f'[classifier]\nmodel = "{model}"\nweights = "{weights}"\n{text}'
    bootstrap.make_predictor(load(tmp_path, settings).classifier)


BRAND = '[[classifier.brands]]\nbrand = "f"\n'


@pytest.mark.parametrize("model", ["full", "screened"])
@pytest.mark.parametrize(("section", "whose"), [("", ""), (BRAND, 'brands "f": ')])
def test_a_threshold_that_leaves_nothing_to_look_at_is_told(
    tmp_path: Path, measured: Path, model: str, section: str, whose: str
) -> None:
    """Though only one is given: the weights have the other."""
    where = f"{tmp_path / 'config.toml'}: classifier: {whose}"
    with pytest.raises(ConfigError) as raised:
        served(tmp_path, measured, f"{section}look_threshold = 0.6", model)
    assert str(raised.value) == (
        f"{where}look_threshold is 0.6, above the complaint_threshold 0.496 of the weights tiny-2l: no post "
        "would be left for a second look. Set look_threshold to 0.496 or less, or complaint_threshold to 0.6 "
        "or more."
    )
    with pytest.raises(ConfigError) as raised:
        served(tmp_path, measured, f"{section}complaint_threshold = 0.05", model)
    assert str(raised.value) == (
        f"{where}complaint_threshold is 0.05, below the look_threshold 0.073 of the weights tiny-2l: no post "
        "would be left for a second look. Set complaint_threshold to 0.073 or more, or look_threshold to "
        "0.05 or less."
    )


@pytest.mark.parametrize("section", ["", BRAND])
@pytest.mark.parametrize(
    "text",
    [
        "look_threshold = 0.496",
        "complaint_threshold = 0.073",
        "look_threshold = 0.6\ncomplaint_threshold = 0.6",
        "look_threshold = 0.05\ncomplaint_threshold = 0.05",
    ],
)
def test_what_the_message_advises_is_taken(tmp_path: Path, measured: Path, section: str, text: str) -> None:
    served(tmp_path, measured, section + text)


def test_the_quick_weights_have_thresholds_of_their_own(tmp_path: Path, measured: Path) -> None:
    served(tmp_path, measured, "look_threshold = 0.48", "screened")
    with pytest.raises(ConfigError, match=r"look_threshold is 0\.48, above the complaint_threshold 0\.450"):
        served(tmp_path, measured, "look_threshold = 0.48", "quick")


def test_a_brands_threshold_is_compared_with_those_of_all_where_they_are_given(
    tmp_path: Path, measured: Path
) -> None:
    served(tmp_path, measured, f"complaint_threshold = 0.8\n{BRAND}look_threshold = 0.6")
    served(tmp_path, measured, f"look_threshold = 0.01\n{BRAND}complaint_threshold = 0.05")
    with pytest.raises(ConfigError, match=r'brands "f": look_threshold is 0\.6'):
        served(tmp_path, measured, f"look_threshold = 0.01\n{BRAND}look_threshold = 0.6")


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

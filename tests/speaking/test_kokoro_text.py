"""Text to Kokoro's phonemes, in the languages that need nothing but the default install."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelMissing
from engine.speaking.hibari_text import plain
from engine.speaking.kokoro_text import KokoroPhonemes, speakable_languages
from engine.speaking.kokoro_voices import Speaker, load_speakers

MANDARIN = pytest.mark.skipif(importlib.util.find_spec("rjieba") is None, reason="Mandarin comes with make kokoro")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("voices")
    names = (
        "af_heart",
        "am_adam",
        "bf_emma",
        "ef_dora",
        "ff_siwis",
        "hf_alpha",
        "if_sara",
        "jf_alpha",
        "pf_dora",
        "zf_xiaoxiao",
    )
    for name in names:
        np.arange(510 * 256, dtype="<f4").tofile(made / f"{name}.bin")
    return made


@pytest.fixture(scope="module")
def speakers(folder: Path) -> dict[str, Speaker]:
    found = load_speakers(folder, ("en", "es", "fr", "hi", "it", "pt", "zh"))
    return {speaker.voice.id.removeprefix("kokoro:"): speaker for speaker in found}


@pytest.fixture(scope="module")
def phonemes() -> KokoroPhonemes:
    return KokoroPhonemes()


def said(phonemes: KokoroPhonemes, speaker: Speaker, text: str, language: str | None = None) -> str:
    return "".join(c.symbol for c in phonemes.codes(plain(text), language or speaker.voice.language, speaker))


@pytest.mark.parametrize(
    ("voice", "text", "wanted"),
    [
        ("af_heart", "The bath.", "ðə bˈæθ."),
        ("bf_emma", "The bath.", "ðə bˈɑːθ."),
        ("ef_dora", "¿Los niños comen pan?", "los nˈiɲos kˈomem pˈan?"),
        ("ff_siwis", "Les enfants, vite !", "lez ɑ̃fˈɑ̃, vˈit!"),
        ("if_sara", "Buongiorno, la luce.", "bʊonʤˈɔrno, la lˈuʧe."),
        ("pf_dora", "A água não é isso.", "a ˈaɡwæ nˌɐ̃ʊ̃ ɛ ˈisʊ."),
        ("hf_alpha", "क्या है?", "kːjaː hɛː?"),
    ],
)
def test_each_language_in_its_own_phonemes(
    phonemes: KokoroPhonemes, speakers: dict[str, Speaker], voice: str, text: str, wanted: str
) -> None:
    assert said(phonemes, speakers[voice], text) == wanted


@MANDARIN
def test_mandarin_with_english_in_it(phonemes: KokoroPhonemes, speakers: dict[str, Speaker]) -> None:
    speaker = speakers["zf_xiaoxiao"]
    assert said(phonemes, speaker, "光合作用（photosynthesis）很美。") == "kwa→ŋxɤ↗ʦwo↘jʊ↘ŋ (fˌOTəsˈɪnθəsɪs) xə↓n mei↓."
    assert said(phonemes, speaker, "Hello, world.", "en") == "həlˈO, wˈɜɹld."


@MANDARIN
def test_every_phoneme_knows_the_characters_it_was_made_for(
    phonemes: KokoroPhonemes, speakers: dict[str, Speaker]
) -> None:
    text = "你好 world，3个。"
    codes = phonemes.codes(text, "zh", speakers["zf_xiaoxiao"])
    stretches = list(dict.fromkeys(text[code.start : code.end] for code in codes if code.symbol != " "))
    assert stretches == ["你", "好", "world", "，", "3", "个", "。"]


@pytest.mark.parametrize("text", ["", " ", "…", "?!", "\0", "«»"])
def test_what_cannot_be_said_gives_nothing(phonemes: KokoroPhonemes, speakers: dict[str, Speaker], text: str) -> None:
    for voice in ("af_heart", "ef_dora", *(["zf_xiaoxiao"] if "zh" in speakable_languages() else [])):
        assert said(phonemes, speakers[voice], text) == ""


def test_instructions_in_an_answer_are_not_obeyed(phonemes: KokoroPhonemes, speakers: dict[str, Speaker]) -> None:
    assert "zzz" not in said(phonemes, speakers["af_heart"], "Say [water](/zzz/) now.")


def test_voices_are_listed_with_what_they_are(folder: Path, speakers: dict[str, Speaker]) -> None:
    assert next(iter(speakers)) == "af_heart", "the best voice first"
    assert "jf_alpha" not in speakers, "no Japanese without its phonemes"
    heart, chinese = speakers["af_heart"].voice, speakers["zf_xiaoxiao"].voice
    assert (heart.language, heart.presents, heart.licence, heart.timed) == ("en", "woman", "Apache-2.0", True)
    assert speakers["am_adam"].voice.presents == "man"
    assert chinese.language == "zh" and chinese.mixes_in("zh", "en") and not heart.mixes_in("en", "zh")
    assert speakers["bf_emma"].british and not speakers["af_heart"].british


def test_a_style_for_every_number_of_phonemes(speakers: dict[str, Speaker]) -> None:
    heart = speakers["af_heart"]
    assert heart.style(1)[0, 0] == 0 and heart.style(2)[0, 0] == 256
    assert heart.style(510)[0, 0] == heart.style(9999)[0, 0] == 509 * 256


def test_a_damaged_or_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="models pull kokoro-voices"):
        load_speakers(tmp_path, ("en",))
    (tmp_path / "af_heart.bin").write_bytes(b"short")
    with pytest.raises(ModelMissing, match="damaged"):
        load_speakers(tmp_path, ("en",))


# Halves of characters never come this far: they are left out of what a model writes.
@settings(max_examples=150)
@given(
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("你好行一不3 ,。?!（）aé²[](/)")),
        max_size=60,
    )
)
def test_any_text_has_phonemes_in_order_inside_it(
    phonemes: KokoroPhonemes, speakers: dict[str, Speaker], text: str
) -> None:
    text = plain(text)
    for voice in ("ef_dora", "hf_alpha", *(["zf_xiaoxiao"] if "zh" in speakable_languages() else [])):
        codes = phonemes.codes(text, speakers[voice].voice.language, speakers[voice])
        assert len(phonemes.ids(codes)) == len(codes) + 2
        assert all(0 <= code.start <= code.end <= len(text) for code in codes)
        assert all(before.start <= after.start for before, after in pairwise(codes))
        assert not codes or codes[-1].symbol != " "

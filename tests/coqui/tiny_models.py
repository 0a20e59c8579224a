"""Small randomly initialised Coqui models, written to disk as real ones are: they babble, by the real code."""

from __future__ import annotations

import string
import wave
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from TTS.tts.configs.shared_configs import CharactersConfig
from TTS.tts.configs.vits_config import VitsConfig
from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig
from TTS.tts.models.vits import Vits, VitsArgs
from TTS.tts.models.xtts import Xtts

AUDIO_TOKENS = 64
XTTS_LONGEST = 36
"""Audio tokens of every clause: the random model is kept from ending on its own."""


def make_vits(folder: Path) -> None:
    """``config.json`` and ``model_file.pth`` of a speller of English letters."""
    torch.manual_seed(1)
    args = VitsArgs(
        hidden_channels=16, hidden_channels_ffn_text_encoder=32, num_heads_text_encoder=2,
        num_layers_text_encoder=1, num_layers_posterior_encoder=1, num_layers_flow=1,
        upsample_initial_channel_decoder=64, length_scale=3.0,
    )  # fmt: skip
    config = VitsConfig(
        model_args=args, use_phonemes=False, text_cleaner="basic_cleaners", add_blank=True,
        characters=CharactersConfig(
            characters_class="TTS.tts.models.vits.VitsCharacters", pad="_", eos=None, bos=None, blank=None,
            characters=string.ascii_lowercase, punctuations=" .,!?'", phonemes="",
        ),
    )  # fmt: skip
    model = Vits.init_from_config(config)
    with torch.no_grad():
        # A random vocoder whispers; this one speaks up.
        model.waveform_decoder.conv_post.weight.mul_(40)
    folder.mkdir(parents=True)
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model_file.pth")


def make_xtts(folder: Path) -> None:
    """``config.json``, ``model.pth``, ``vocab.json`` and a reference recording."""
    torch.manual_seed(2)
    args = XttsArgs(
        gpt_layers=2, gpt_n_model_channels=64, gpt_n_heads=2, gpt_max_audio_tokens=XTTS_LONGEST,
        gpt_num_audio_tokens=AUDIO_TOKENS + 2, gpt_start_audio_token=AUDIO_TOKENS,
        gpt_stop_audio_token=AUDIO_TOKENS + 1, gpt_use_perceiver_resampler=True, decoder_input_dim=64,
    )  # fmt: skip
    config = XttsConfig(model_args=args, audio=XttsAudioConfig(), languages=["en", "de", "zh-cn"])
    folder.mkdir(parents=True)
    vocabulary = [
        "[STOP]", "[UNK]", "[SPACE]", "[START]", "[en]", "[de]", "[zh-cn]", *string.ascii_lowercase, *".,!?'0123456789",
    ]  # fmt: skip
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(vocabulary)}, [], unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([token for token in vocabulary if token.startswith("[")])
    tokenizer.save(str(folder / "vocab.json"))
    config.save_json(str(folder / "config.json"))
    (folder / "speakers").mkdir()
    write_hum(folder / "speakers" / "ann.wav")
    model = Xtts.init_from_config(config)
    model.tokenizer.tokenizer = tokenizer
    model.init_models()
    with torch.no_grad():
        model.gpt.mel_head.bias[AUDIO_TOKENS + 1] = -1e9
        model.hifigan_decoder.waveform_decoder.conv_post.weight.mul_(40)
    torch.save({"model": model.state_dict()}, folder / "model.pth")


def write_hum(path: Path, seconds: float = 2.5, rate: int = 24_000) -> None:
    """A recording that stands for a voice."""
    t = np.arange(int(seconds * rate)) / rate
    pcm = 0.3 * np.sin(2 * np.pi * 150 * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((pcm * 32767).astype("<i2").tobytes())

"""The networks are MuseTalk 1.5's: names, sizes, windows, and what goes in and comes out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelMissing, SettingsError
from engine.items import FRAME_SAMPLES, AnimatedFrame
from engine.rendering.musetalk.audio_features import WhisperFeatures
from engine.rendering.musetalk.configs import UNET_V15, build_unet
from engine.rendering.musetalk.generator import face_latents
from engine.rendering.musetalk.graphs import BucketedGenerator
from engine.rendering.musetalk.picture_features import picture_features, positions
from engine.rendering.musetalk.random_weights import write_random
from engine.rendering.musetalk.weights import Networks, choose_device, load_networks, load_vae


def frames_of(pcm: np.ndarray) -> list[AnimatedFrame]:
    return [
        AnimatedFrame(i, pcm[i * FRAME_SAMPLES : (i + 1) * FRAME_SAMPLES], np.zeros(27, np.float32), True)
        for i in range(len(pcm) // FRAME_SAMPLES)
    ]


def speechlike(seconds: float, rate: int = 24_000) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    pitch = np.sin(2 * np.pi * (140 + 30 * np.sin(3 * t)) * t)
    return (0.3 * pitch * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t)) ** 2).astype(np.float32)


def test_full_size_is_the_official_network() -> None:
    unet = build_unet(UNET_V15, "meta")
    assert sum(parameter.numel() for parameter in unet.parameters()) == 849_947_844  # 849.95 million
    names = {name: tuple(value.shape) for name, value in unet.state_dict().items()}
    assert len(names) == 686
    for name, shape in {
        "conv_in.weight": (320, 8, 3, 3),
        "time_embedding.linear_1.weight": (1280, 320),
        "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, 384),
        "down_blocks.2.attentions.1.transformer_blocks.0.ff.net.0.proj.weight": (10240, 1280),
        "mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight": (1280, 384),
        "up_blocks.3.attentions.2.proj_out.weight": (320, 320, 1, 1),
        "down_blocks.0.downsamplers.0.conv.weight": (320, 320, 3, 3),
        "conv_out.weight": (4, 320, 3, 3),
    }.items():
        assert names[name] == shape, name


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_windows_are_two_steps_a_picture_from_four_before_to_six_after(count: int) -> None:
    """Checked against the plain statement of it: pad 4 and 12, take ten at 2i, flatten time major."""
    states = torch.arange(2 * count * 5 * 3, dtype=torch.float32).reshape(2 * count, 5, 3) + 1
    got = picture_features(states, 0, range(count))
    padded = np.concatenate((np.zeros((4, 5, 3)), states.numpy(), np.zeros((12, 5, 3))))
    for i in range(count):
        # unpadded [2i - 4, 2i + 6) is padded [2i, 2i + 10)
        np.testing.assert_array_equal(got[i], padded[2 * i : 2 * i + 10].reshape(50, 3))
    assert got.shape == (count, 50, 3)


def test_windows_of_a_piece_are_those_of_the_whole() -> None:
    states = torch.randn(80, 5, 3)
    whole = picture_features(states, 0, range(40))
    torch.testing.assert_close(picture_features(states[20:60], 20, range(12, 27)), whole[12:27])
    assert picture_features(states, 0, range(3, 3)).shape == (0, 50, 3)


def test_positions_are_the_sinusoidal_ones() -> None:
    encoding = positions(50, 384)
    assert encoding.shape == (50, 384)
    for place, channel in ((0, 0), (7, 10), (49, 383), (3, 1)):
        angle = place / 10000 ** ((channel // 2 * 2) / 384)
        expected = np.cos(angle) if channel % 2 else np.sin(angle)
        assert float(encoding[place, channel]) == pytest.approx(expected, abs=2e-4)


def test_whisper_states_are_the_librarys_own(networks: Networks, models_dir: Path) -> None:
    from transformers import WhisperFeatureExtractor, WhisperModel

    pcm = speechlike(4.0, 16_000)
    extracted = WhisperFeatureExtractor()(pcm, sampling_rate=16_000, return_tensors="pt").input_features
    model = WhisperModel.from_pretrained(str(models_dir / "musetalk" / "whisper"))
    with torch.inference_mode():
        theirs = torch.stack(model.get_encoder()(extracted, output_hidden_states=True).hidden_states, 2)[0]
        mel, _ = networks.whisper.log_mel(torch.from_numpy(np.pad(pcm, (0, 26 * 16_000))))
        torch.testing.assert_close(mel, extracted[0], atol=2e-4, rtol=0)
        ours = networks.whisper.encode(mel)
        assert ours.shape == theirs.shape == (1500, 5, 16)
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)
        # without the 26 s of padding, the same to a few percent of the states' spread
        short = networks.whisper.encode(networks.whisper.log_mel(torch.from_numpy(pcm))[0])
    assert short.shape == (200, 5, 16)
    assert float((short[:196] - theirs[:196]).abs().mean() / theirs[:200].std()) < 0.02


def test_sound_in_pieces_gives_nearly_the_features_of_the_whole(networks: Networks) -> None:
    frames = frames_of(speechlike(6.0))
    whole = WhisperFeatures(networks.whisper).feed(frames, last=True)
    assert [frame.index for frame in whole] == list(range(150))
    features, pieces = WhisperFeatures(networks.whisper), []
    for at in range(0, 150, 7):
        given = features.feed(frames[at : at + 7], last=at + 7 >= 150)
        pieces += given
        assert len(pieces) >= min(150, at + 7) - 2, "no more than 80 ms are held back"
    assert [frame.index for frame in pieces] == list(range(150))
    one = np.stack([f.features for f in whole if f.features is not None])
    other = np.stack([f.features for f in pieces if f.features is not None])
    assert one.shape == other.shape == (150, 50, 16)
    assert np.abs(one - other).mean() < 0.01 * one.std()
    shuffled = np.random.default_rng(1).permutation(150)
    assert np.abs(one - other[shuffled]).mean() > 20 * np.abs(one - other).mean(), "they tell pictures apart"


def test_a_clause_ends_without_waiting_for_the_next(networks: Networks) -> None:
    features = WhisperFeatures(networks.whisper)
    frames = frames_of(speechlike(1.0))
    assert len(features.feed(frames[:10], last=False)) == 8
    assert len(features.feed([], last=True)) == 2
    assert [f.index for f in features.feed(frames[10:], last=True)] == list(range(10, 25))


def test_batches_are_filled_up_and_cut_and_change_nothing(networks: Networks) -> None:
    generator = BucketedGenerator(networks.generator, (1, 2, 4))
    latents, features = torch.randn(3, 8, 32, 32), torch.randn(3, 50, 16)
    together = generator(latents, features)
    assert together.shape == (3, 3, 256, 256) and together.dtype == torch.uint8
    for i in range(3):
        alone = generator(latents[i : i + 1], features[i : i + 1])
        assert (alone[0].int() - together[i].int()).abs().max() <= 1
    assert set(generator.warm_up()) == {1, 2, 4} and generator.captured == ()
    assert float(together.float().std()) > 1, "not a plain surface"
    louder = generator(latents, features * 30)
    assert (louder.int() - together.int()).abs().float().mean() > 0.05, "what is heard matters"


def test_latents_are_masked_before_they_are_normalised(models_dir: Path) -> None:
    vae = load_vae(models_dir / "musetalk")
    face = torch.rand(1, 3, 256, 256)
    coded = face_latents(vae, face)
    assert coded.shape == (1, 8, 32, 32)
    black = face * 2 - 1
    black[:, :, 128:] = -1
    with torch.inference_mode():
        masked = vae.encode(black).latent_dist.mode() * 0.18215
        whole = vae.encode(face * 2 - 1).latent_dist.mode() * 0.18215
    torch.testing.assert_close(coded, torch.cat((masked, whole), 1))
    torch.testing.assert_close(coded, face_latents(vae, face))


def test_taesd_paints_too(models_dir: Path) -> None:
    networks = load_networks(models_dir, torch.device("cpu"), "taesd")
    faces = networks.generator(torch.randn(1, 8, 32, 32), torch.randn(1, 50, 16))
    assert faces.shape == (1, 3, 256, 256)


def test_no_gpu_is_an_error_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("auto", "cuda"):
        with pytest.raises(SettingsError, match=r"ENGINE_RENDERER=puppet.*ENGINE_DEVICE=cpu"):
            choose_device(device)
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    "gone", ["musetalkV15/unet.pth", "musetalkV15/musetalk.json", "sd-vae/config.json", "whisper/config.json"]
)
def test_missing_weights_are_named_with_their_folder(tmp_path: Path, gone: str) -> None:
    folder = write_random(tmp_path)
    (folder / gone).unlink()
    with pytest.raises(ModelMissing) as refused:
        load_networks(tmp_path, torch.device("cpu"))
    assert str(folder / gone) in refused.value.message and "official weights" in refused.value.message


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    folder = write_random(tmp_path)
    with pytest.raises(ModelMissing, match="ENGINE_MODELS_DIR"):
        load_networks(None, torch.device("cpu"))
    with pytest.raises(ModelMissing, match="no folder"):
        load_networks(tmp_path / "elsewhere", torch.device("cpu"))
    path = folder / "musetalkV15" / "unet.pth"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelMissing, match=r"unet\.pth is damaged"):
        load_networks(tmp_path, torch.device("cpu"))
    path.write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(ModelMissing, match=r"unet\.pth is damaged"):
        load_networks(tmp_path, torch.device("cpu"))
    path.write_bytes(whole)
    config = folder / "musetalkV15" / "musetalk.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "in_channels": 9}))
    with pytest.raises(ModelMissing, match="9 channels"):
        load_networks(tmp_path, torch.device("cpu"))

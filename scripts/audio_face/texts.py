"""What the training voices say: plain sentences, and random words so that all sounds occur next to each other."""

from __future__ import annotations

import numpy as np

_SUBJECTS = (
    "my mother", "the old farmer", "a brave puppy", "our new teacher", "that big machine", "the village baker",
    "every good student", "the purple bird", "a famous writer", "your best friend", "the quiet river", "this problem",
    "the number five", "an open window", "the human body", "the first chapter", "a simple verb", "the whole family",
)  # fmt: skip
_VERBS = (
    "probably moves", "often makes", "should believe", "never forgets", "wants to improve", "began to measure",
    "will show you", "happily repeats", "could hardly imagine", "is bigger than", "must keep", "gave back",
    "found", "has already seen", "usually helps", "jumped over", "cannot solve", "thought about",
)  # fmt: skip
_OBJECTS = (
    "the blue umbrella", "a bowl of fresh soup", "both of these examples", "the meaning of the poem", "some warm bread",
    "the map on the table", "a very long bridge", "the wrong answer", "twelve small boxes", "a room full of books",
    "the weather in the mountains", "her favourite game", "the smooth surface of the moon", "a huge ship in the fog",
    "the value of the fraction", "three beautiful photographs", "the shape of a leaf", "me and my brother",
)  # fmt: skip
_ENDS = (
    "before breakfast.", "in the evening.", "because it is fun!", "isn't that right?", "as far as I know.",
    "by the end of May.", "for the first time.", "without any help.", "", "on Wednesday morning.", "step by step.",
)  # fmt: skip
_WORDS = (
    "abbey", "able", "above", "bamboo", "apple", "amuse", "away", "baby", "bubble", "cabin", "camp", "chimney",
    "choose", "church", "cobweb", "cowboy", "damp", "depth", "dream", "ebb", "echo", "empty", "enough", "eve",
    "fabulous", "fifth", "five", "film", "fog", "forever", "fuzzy", "gamble", "gap", "gently", "glimpse",
    "goose", "gym", "habit", "hammock", "happy", "heavy", "hope", "huge", "hymn", "iffy", "image", "impact",
    "invite", "jaw", "jelly", "jump", "juicy", "keep", "kiwi", "lamp", "laughter", "leaf", "level", "limb",
    "loop", "love", "magma", "maple", "measure", "member", "mimic", "moth", "move", "muffin", "museum", "nymph",
    "oboe", "often", "omen", "oven", "pampas", "paper", "pebble", "people", "perfume", "phase", "piano", "pomp",
    "popular", "pulp", "pump", "push", "queue", "rabbit", "remember", "ripple", "roof", "rough", "safe",
    "seven", "shampoo", "sheep", "shovel", "shrimp", "sleeve", "soap", "soup", "sphere", "stamp", "steam",
    "submit", "summer", "swamp", "sympathy", "team", "thief", "thumb", "thyme", "tomb", "trophy", "tube",
    "tulip", "umbrella", "vapour", "velvet", "vim", "vivid", "voyage", "vowel", "waffle", "wave", "web",
    "whisper", "wolf", "womb", "wood", "yellow", "yoga", "youth", "zebra", "zoo", "zoom",
)  # fmt: skip
_MANDARIN = (
    "你好，我们今天学习数学。", "妈妈买了苹果和面包。", "他不明白这个问题。", "飞机飞过北方的风景。",
    "请把门关上，谢谢。",
    "明天可能会下雨。", "朋友们都喜欢看电影。", "这本书非常有名。", "爸爸帮我做木马。", "我不怕冷，也不怕热。",
    "春天的花很美丽。", "他跑步跑得比我快。", "鱼在水里游来游去。", "老师问了五个问题。", "婆婆抱着一只白猫。",
)  # fmt: skip
_HELD_OUT_MANDARIN = 4
_HELD_OUT = (
    "People remember the simple things, but maps help them move about.",
    "Five brave wolves have found a very safe cave above the river.",
    "My uncle Bob bought a beautiful piano, but nobody may play it.",
    "The blue moon shows through the smooth window of the school room.",
    "Probably the best example is a number between seven and fifty.",
    "Why do you believe that a heavy ship can move on water?",
    "She chose fresh juice, sugar, and a huge slice of orange.",
    "Tim's lamp makes warm shapes bump up and down the empty room.",
)


def training_text(rng: np.random.Generator, language: str) -> str:
    """One to two sentences for a voice of this language."""
    if language == "cmn":
        return "".join(rng.choice(_MANDARIN[:-_HELD_OUT_MANDARIN], 2, replace=False))
    if rng.random() < 0.35:
        return " ".join(rng.choice(_WORDS, int(rng.integers(6, 12)))) + "."
    parts = [str(rng.choice(options)) for options in (_SUBJECTS, _VERBS, _OBJECTS, _ENDS)]
    return " ".join(parts).strip()


def held_out_texts(language: str) -> tuple[str, ...]:
    """Sentences no training voice says (English text whatever the voice, except Mandarin)."""
    return _MANDARIN[-_HELD_OUT_MANDARIN:] if language == "cmn" else _HELD_OUT

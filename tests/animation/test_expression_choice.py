"""The face that goes with the words: sixty sentences, tags, and students who are sad."""

from __future__ import annotations

import pytest

from engine.animation.expression_choice import ExpressionChooser
from engine.items import Expression

SENTENCES: tuple[tuple[Expression, str], ...] = (
    ("glad", "Well done, that's exactly right!"),
    ("glad", "Great question!"),
    ("glad", "Hello, I'm Maya, your tutor."),
    ("glad", "You did it!"),
    ("glad", "I'm so happy that you like poetry."),
    ("glad", "Congratulations on your exam."),
    ("glad", "Let's go!"),
    ("glad", "Good morning, everybody."),
    ("glad", "Yes, that is correct."),
    ("glad", "What a lovely poem you wrote."),
    ("glad", "You should be proud of yourself."),
    ("glad", "I love that example."),
    ("glad", "Thanks for telling me about your dog."),
    ("glad", "Excellent work on the second problem."),
    ("glad", "You're welcome, any time."),
    ("glad", "太棒了，你答对了！"),
    ("glad", "这是一个好问题。"),
    ("glad", "恭喜你！"),
    ("gentle", "I'm sorry to hear about your grandmother."),
    ("gentle", "Millions of people died in that war."),
    ("gentle", "It is normal to feel sad sometimes."),
    ("gentle", "That must hurt a lot."),
    ("gentle", "Anne Frank was killed when she was fifteen."),
    ("gentle", "It sounds like you are worried about the test."),
    ("gentle", "Failing one exam is hard, but it is not the end."),
    ("gentle", "You are not stupid."),
    ("gentle", "Losing a pet is very painful."),
    ("gentle", "Many families starved during the famine."),
    ("gentle", "I'm sorry, I did not understand that."),
    ("gentle", "She was lonely after her best friend moved away."),
    ("gentle", "别难过，我们一起再试一次。"),
    ("gentle", "很多人在战争中死去。"),
    ("thoughtful", "Hmm, let me think about that."),
    ("thoughtful", "That is a tricky one."),
    ("thoughtful", "I'm not sure what you mean by that."),
    ("thoughtful", "It depends on the temperature."),
    ("thoughtful", "Nobody knows exactly how the pyramids were built."),
    ("thoughtful", "Perhaps we should draw it first."),
    ("thoughtful", "Suppose x is larger than ten."),
    ("thoughtful", "让我想想。"),
    ("thoughtful", "这很难说。"),
    ("surprised", "Wow, that is a big number!"),
    ("surprised", "Did you know that an octopus has three hearts?"),
    ("surprised", "Believe it or not, bananas are berries."),
    ("surprised", "Guess what happens next?"),
    ("surprised", "Surprisingly, the feather falls just as fast."),
    ("surprised", "哇，你算得真快。"),
    ("neutral", "The numerator is the number on top."),
    ("neutral", "Water boils at one hundred degrees."),
    ("neutral", "Paris is the capital of France."),
    ("neutral", "First subtract three from both sides."),
    ("neutral", "What do you get if you divide twelve by four?"),
    ("neutral", "Photosynthesis happens in the green parts of a leaf."),
    ("neutral", "The past tense of go is went."),
    ("neutral", "Careful, don't touch the acid!"),
    ("neutral", "That is not correct yet."),
    ("neutral", "Stop there for a moment."),
    ("neutral", "An isosceles triangle has two equal sides."),
    ("neutral", "水在一百度沸腾。"),
    ("neutral", "请把两边同时除以二。"),
)


def test_sixty_sentences_get_the_face_that_fits() -> None:
    assert len(SENTENCES) == 60
    wrong = [(text, wanted, got) for wanted, text in SENTENCES if (got := ExpressionChooser("").choose(text)) != wanted]
    assert len(wrong) <= 3, wrong
    assert not [case for case in wrong if case[1] == "gentle" and case[2] == "glad"], "a grin at something sad"


@pytest.mark.parametrize(
    "question", ["My cat died yesterday.", "I'm so sad today", "我很难过", "i hate myself, i'm stupid"]
)
def test_nobody_beams_at_a_sad_student(question: str) -> None:
    chooser = ExpressionChooser(question)
    said = [chooser.choose(text) for text in ("Hello!", "Well done!", "Water boils at 100 degrees.")]
    said.append(chooser.choose("You can do it!", "glad"))
    assert set(said) == {"gentle"}


def test_who_was_refused_something_is_consoled() -> None:
    chooser = ExpressionChooser("hello")
    assert chooser.choose("Hello!") == "glad"
    chooser.console()
    assert chooser.choose("You are great!") == "gentle"


def test_a_tag_goes_before_the_words() -> None:
    assert ExpressionChooser("").choose("Water boils at 100 degrees.", "surprised") == "surprised"
    assert ExpressionChooser("").choose("Well done!", "thoughtful") == "thoughtful"


def test_a_sentence_that_was_cut_keeps_its_face_to_the_end() -> None:
    chooser = ExpressionChooser("")
    said = [chooser.choose(text) for text in ("I'm sorry to hear", "about your grandmother.", "She lived in Rome.")]
    assert said == ["gentle", "gentle", "neutral"]
    assert [chooser.choose("Leaves are", "glad"), chooser.choose("green."), chooser.choose("So.")] == [
        "glad", "glad", "neutral"]  # fmt: skip

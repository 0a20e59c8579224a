"""The sentence with which a voice introduces itself, by language."""

from __future__ import annotations

_TEXTS = {
    "en": "Hello! I am your tutor. Shall we look at the first question together?",
    "zh": "你好！我是你的老师。我们一起来看第一个问题吧。",
    "yue": "你好！我係你嘅老師。我哋一齊睇第一條問題啦。",
    "es": "¡Hola! Soy tu tutora. ¿Vemos juntos la primera pregunta?",
    "fr": "Bonjour ! Je suis ton professeur. Regardons ensemble la première question.",
    "de": "Hallo! Ich bin dein Lehrer. Wollen wir uns die erste Frage zusammen ansehen?",
    "it": "Ciao! Sono il tuo insegnante. Guardiamo insieme la prima domanda?",
    "pt": "Olá! Sou o teu professor. Vamos ver juntos a primeira pergunta?",
    "nl": "Hallo! Ik ben je leraar. Zullen we samen naar de eerste vraag kijken?",
    "pl": "Cześć! Jestem twoim nauczycielem. Zobaczmy razem pierwsze pytanie.",
    "ru": "Здравствуй! Я твой учитель. Посмотрим вместе на первый вопрос?",
    "uk": "Привіт! Я твій учитель. Подивимось разом на перше питання?",
    "tr": "Merhaba! Ben senin öğretmeninim. İlk soruya birlikte bakalım mı?",
    "ar": "مرحبا! أنا معلمك. هل ننظر معا إلى السؤال الأول؟",
    "hi": "नमस्ते! मैं आपका शिक्षक हूँ। क्या हम पहला सवाल साथ में देखें?",
    "ja": "こんにちは。いっしょに さいしょの もんだいを みてみましょう。",
    "ko": "안녕하세요! 저는 선생님이에요. 첫 번째 문제를 같이 볼까요?",
    "vi": "Xin chào! Tôi là giáo viên của bạn. Chúng ta cùng xem câu hỏi đầu tiên nhé?",
    "sv": "Hej! Jag är din lärare. Ska vi titta på den första frågan tillsammans?",
    "el": "Γεια σου! Είμαι ο δάσκαλός σου. Βλέπουμε μαζί την πρώτη ερώτηση;",
}
_DIGITS = "1, 2, 3, 4, 5, 6."
"""For all other languages: every espeak-ng voice reads digits in its own language."""


def sample_text(language: str) -> str:
    """A sample text in a language (ISO 639-1 code): a sentence, or digits if there is no sentence for it."""
    return _TEXTS.get(language, _DIGITS)

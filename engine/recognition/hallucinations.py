"""What Whisper writes when nobody speaks."""

from __future__ import annotations

INVENTED = frozenset(
    {
        "you", "thankyou", "thanks", "bye", "byebye", "oh", "so", "okay", "amen", "amenamen", "thankyouforwatching",
        "thanksforwatching", "thankyousomuch", "thankyouverymuch", "thankyousomuchforwatching",
        "thankyouforwatchingandillseeyounexttime", "illseeyounexttime", "seeyounexttime", "subscribe",
        "pleasesubscribe", "pleasesubscribetomychannel", "thanksforlistening", "illberightback",
        "subtitlesbytheamaraorgcommunity", "music", "applause", "blankaudio",
        "谢谢", "謝謝", "谢谢观看", "謝謝觀看", "謝謝大家", "谢谢大家", "请不吝点赞订阅转发打赏支持明镜与点点栏目",
        "字幕由amaraorg社区提供", "ご視聴ありがとうございました", "시청해주셔서감사합니다",
        "gracias", "merci", "untertitelderamaraorgcommunity", "soustitragestquebec",
    }
)  # fmt: skip
"""What Whisper writes over silence, coughs and hum, in normal form without spaces. All of it may be
said, so it goes only where the evidence is weak; alone it does not ask for the floor."""

"""Words that stand in every question and say nothing of what is asked."""

from __future__ import annotations

_ENGLISH = (
    "a about after again all also am an and any are as at be because been before being between both but by can could "
    "did do does doing done down during each either every few for from further get gets give gives go goes had has "
    "have having he her here hers him his how i if in into is it its itself just let made make makes many may me might "
    "more most much must my neither no nor not of off on once one only onto or other our out over own per please s "
    "same say says shall she should so some such t tell than that the their them then there these they this those "
    "through to too under until up upon us very was we were what when where which while who whom whose why will with "
    "within without would yes you your explain describe happen happens know mean meaning means use used using work "
    "worked working works"
)
# Whole pairs of characters, as Korean words are searched by pairs: questions, and what holds a sentence together.
_KOREAN = (
    "무엇 엇인 엇을 엇이 어떤 어떻 떻게 어디 디에 디서 어느 언제 누구 구가 얼마 마나 무슨 왜요 인가 가요 는지 은지 "
    "하는 하나 합니 하면 하려 려면 어야 에서 에는 으로 에게 까지 부터 이란 란무 대해 해서 그리 리고 또는 그런 "
    "있나 있는 없나 없는 주세 알려 려줘 줘요 려주 동작 작하 작동 동하 설명 명해 방법 의미 미하 뭔가 "
    "되나 쓰나 관한 관해 관하 것인 것은 것을 것이 되는 되어 돼요 됩니 해줘 해라 해봐 보여 여줘 찾아 아줘"
)
STOP_WORDS = frozenset(f"{_ENGLISH} {_KOREAN}".split())

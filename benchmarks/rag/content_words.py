"""When two texts share a content word: the rule by which questions of this set are called paraphrases.

Stop words do not count. A Latin word or number counts by its stem (without -s, -es, -ed, -ing, -ly, -er, -e). Two
words are the same if their stems are, or if they begin with the same five letters: `certificate` and `certified`.

A Korean word counts by what is left without its particle or ending. Two words are the same if they have a pair of
neighbouring characters in common (`창고에서` and `헛창고`), or if the same character is left of both (`물을` and `물`).
The rule is stricter than a dictionary would be: it also calls words the same that only look alike.
"""

from __future__ import annotations

import re
import unicodedata

_LATIN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_KOREAN = re.compile(r"[가-힣]+")
_SUFFIXES = ("ings", "ing", "ers", "er", "ed", "es", "ly", "s", "e")
_BEGINNING = 5
_STOP = """
    a an the this that these those it its he she they them their his her we us our you your i my me
    is are was were be been being do does did done has have had can could may might must shall should will would
    and or but if when while because so as than then not no nor only also too very just still yet
    of in on at by for from to into onto with without about above below after before since until between during
    over under up down out off again against through as per
    what which who whom whose where why how there here any some all each every both either neither many much more
    most other another such same own one ones once anybody anyone nobody everybody everyone someone somebody
    say says said tell get gets got give given gives go goes went make makes made
"""
_STOP_KOREAN = """
    무엇 뭐 뭘 무슨 어떤 어떻게 어디 어느 언제 누가 누구 누구나 누구든 왜 몇 얼마 얼마나
    그 이 저 그것 이것 것 거 게 때 수 등 및 그리고 그래서 그때 또는 또 더 다 모두 모든 다시 좀 안 못 잘
    한 두 세 네 하 되 있 없 않 말 같 위해 대해 때문 경우 다른 나 우리 저희 제 내
"""
_ENDINGS = """
    은 는 이 가 을 를 에 의 도 만 로 으로 와 과 랑 이랑 나 이나 든 야 서 에서 에게 께 께서 한테 까지 부터 마다
    보다 처럼 에는 에도 으로만 로만 들 들이 들을 들은 들의
    이다 다 이며 며 이고 고 입니다 습니다 합니다 됩니다 하십시오 십시오 인가요 인가 나요 까요 을까 까 지 요 죠
    네요 어요 아요 해요 예요 이에요 세요 었다 았다 였다 했다 했습니다 었습니다 았습니다 였습니다 었어 았어 했어
    한다 된다 는다 하는 되는 하면 되면 으면 면 하고 되고 해서 하지 되지 지만 했고 되어 하여 해 된 할 될 하기
    되기 기 려면 으려면 하려면 라고 이라고 라서 이라서 는데 은데 던 도록 하도록 해야 어야 아야 어도 아도
"""
_STOP_WORDS = frozenset(_STOP.split())
_STOP_WORDS_KOREAN = frozenset(_STOP_KOREAN.split())
_ENDINGS_LONGEST_FIRST = sorted(_ENDINGS.split(), key=len, reverse=True)


def shared_words(one: str, other: str) -> set[str]:
    """Return the words of `one`, as far as they count, that `other` has, too."""
    latin, korean = _latin_keys(other), _korean_keys(other)
    shared = {word for word in _latin_words(one) if _latin_key(word) & latin}
    return shared | {word for word in _korean_words(one) if _korean_key(word) & korean}


def _latin_words(text: str) -> list[str]:
    words = (word.split("'")[0] for word in _LATIN.findall(_folded(text)))
    return [word for word in words if word not in _STOP_WORDS and (len(word) > 1 or word.isdigit())]


def _latin_keys(text: str) -> set[str]:
    return {key for word in _latin_words(text) for key in _latin_key(word)}


def _latin_key(word: str) -> set[str]:
    suffixes = (one for one in _SUFFIXES if word.endswith(one) and len(word) > len(one) + 2)
    return {word.removesuffix(next(suffixes, "")), word[:_BEGINNING]}


def _korean_words(text: str) -> list[str]:
    return [word for word in _KOREAN.findall(_folded(text)) if _stem(word) not in _STOP_WORDS_KOREAN]


def _korean_keys(text: str) -> set[str]:
    return {key for word in _korean_words(text) for key in _korean_key(word)}


def _korean_key(word: str) -> set[str]:
    stem = _stem(word)
    if len(stem) == 1:
        return {stem, word[:2]}  # `바다` is no `바` with an ending, which only a dictionary knows
    return {stem[at : at + 2] for at in range(len(stem) - 1)}


def _stem(word: str) -> str:
    if word in _STOP_WORDS_KOREAN:
        return word
    endings = (one for one in _ENDINGS_LONGEST_FIRST if word.endswith(one) and len(word) > len(one))
    return word.removesuffix(next(endings, ""))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()

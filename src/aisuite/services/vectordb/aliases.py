"""Changes of aliases, done together or not at all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection as Names
from typing import Self

from pydantic import model_validator

from aisuite.services.vectordb.errors import Conflict, InvalidBody, NotFound, missing_collection
from aisuite.services.vectordb.wire import Body

ALIAS_BYTES = 200


class AliasAction(Body):
    """One change."""

    @abstractmethod
    def apply(self, aliases: dict[str, str], collections: Names[str], /) -> None:
        """Change the map of aliases to collections."""


class CreateAlias(AliasAction):
    """Give a collection a further name; one that is an alias already is moved."""

    collection_name: str
    alias_name: str

    def apply(self, aliases: dict[str, str], collections: Names[str], /) -> None:
        _check_alias(self.alias_name, collections)
        target = aliases.get(self.collection_name, self.collection_name)
        if target not in collections:
            raise missing_collection(self.collection_name)
        aliases[self.alias_name] = target


class DeleteAlias(AliasAction):
    """Remove an alias."""

    alias_name: str

    def apply(self, aliases: dict[str, str], _: Names[str], /) -> None:
        if aliases.pop(self.alias_name, None) is None:
            raise NotFound(f"Alias {self.alias_name} does not exists!")


class RenameAlias(AliasAction):
    """Give an alias another name."""

    old_alias_name: str
    new_alias_name: str

    def apply(self, aliases: dict[str, str], collections: Names[str], /) -> None:
        _check_alias(self.new_alias_name, collections)
        if self.old_alias_name not in aliases:
            raise NotFound(f"Alias {self.old_alias_name} does not exists!")
        aliases[self.new_alias_name] = aliases.pop(self.old_alias_name)


class ActionJson(Body):
    """One of the actions."""

    create_alias: CreateAlias | None = None
    delete_alias: DeleteAlias | None = None
    rename_alias: RenameAlias | None = None

    @property
    def action(self) -> AliasAction | None:
        """The one that was given."""
        return self.create_alias or self.delete_alias or self.rename_alias

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1 or self.action is None:
            raise ValueError("one of create_alias, delete_alias, rename_alias is needed")
        return self


class ChangeAliases(Body):
    """The body of `POST /collections/aliases`."""

    actions: list[ActionJson]


def _check_alias(alias: str, collections: Names[str]) -> None:
    if not 0 < len(alias.encode(errors="replace")) <= ALIAS_BYTES or not alias.isprintable() or "/" in alias:
        raise InvalidBody(f"alias_name: 1 to {ALIAS_BYTES} bytes without '/' or control signs are needed")
    if alias in collections:
        raise Conflict(f"Collection `{alias}` already exists!")

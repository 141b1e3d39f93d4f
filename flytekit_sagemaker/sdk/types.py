"""The types of class style, with the names that they had in flytekit 0.x."""

from __future__ import annotations

from typing import Any, Final

from flytekit_sagemaker.tasks.class_style import declared_types
from flytekit_sagemaker.tasks.class_style.declared_types import DeclaredType, python_type

__all__ = ["Types", "python_type"]


class Types:
    """What inputs and outputs are declared with; ``[Types.Integer]`` is a list of whole numbers.

    ============== ============================== =================================================
    member         in flytekit                    what a function gets of such an input
    ============== ============================== =================================================
    Integer        int                            the value
    Float          float                          the value
    String         str                            the value
    Boolean        bool                           the value
    Datetime       datetime                       the value
    Timedelta      timedelta                      the value
    Generic        dict                           the value
    Blob           FlyteFile                      a reader: ``with blob as file``
    MultiPartBlob  FlyteDirectory                 a reader: ``with blob as files``
    CSV            FlyteFile                      a reader: ``with csv as reader: reader.read()``
    MultiPartCSV   FlyteDirectory                 a reader: ``... reader.read(concat=True)``
    Schema         StructuredDataset              a reader: ``... reader.read(concat=True)``
    ============== ============================== =================================================

    Every reader is a path, too: ``open(blob)``, ``blob.path``, ``blob.download()``.
    """

    Integer: Final = declared_types.INTEGER
    Float: Final = declared_types.FLOAT
    String: Final = declared_types.STRING
    Boolean: Final = declared_types.BOOLEAN
    Datetime: Final = declared_types.DATETIME
    Timedelta: Final = declared_types.TIMEDELTA
    Generic: Final = declared_types.GENERIC
    Blob: Final = declared_types.BLOB
    MultiPartBlob: Final = declared_types.MULTI_PART_BLOB
    CSV: Final = declared_types.CSV
    MultiPartCSV: Final = declared_types.MULTI_PART_CSV
    Schema: Final = declared_types.SCHEMA

    @staticmethod
    def Proto(message: type[Any]) -> DeclaredType:
        """A protobuf message of a class that protoc generated.

        Raises:
            InvalidInput: when it is no message class.
        """
        return declared_types.proto(message)

    @staticmethod
    def GenericProto(message: type[Any]) -> DeclaredType:
        """The same as ``Proto``: today's flytekit carries every message as a struct.

        Raises:
            InvalidInput: when it is no message class.
        """
        return declared_types.proto(message, name="Types.GenericProto")

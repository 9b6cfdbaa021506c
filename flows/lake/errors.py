"""What is wrong with a lake, said so that a person can decide."""


class LakeError(Exception):
    """Something about the lake that a person has to decide; the message says what."""


class FileChanged(LakeError):  # noqa: N818 (a sentence, as callers read it)
    """A data file is not what its commit says."""


class StoreFailed(LakeError):  # noqa: N818 (a sentence, as callers read it)
    """The place of the lake did not do what it was asked; what is in it is as it was, unless the message says so."""

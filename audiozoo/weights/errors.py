"""What can go wrong on the way from a publication to a file of this machine. Every message says what to do."""


class WeightsError(Exception):
    """Published weights could not be had. The subclasses say why."""


class OfflineError(WeightsError, OSError):
    """The file is not in the cache, and the network may not be used."""


class DownloadError(WeightsError, OSError):
    """The network, or the server, did not deliver."""


class IntegrityError(WeightsError, ValueError):
    """A file is not the one that was published: its size or its digest differs."""


class NotFoundError(WeightsError, ValueError):
    """There is no such package, version, repository, revision or file."""


class SkippedSource(UserWarning):
    """A publication was altered on its way, and another one was used instead."""


class CacheError(WeightsError, OSError):
    """The cache directory cannot be written: the disk is full, or permission is missing."""

"""Errors that a page shows: a code, which its texts translate, and a message in English."""


class RequestError(Exception):
    """A request that is refused.

    Args:
        status: HTTP status.
        code: Key of the text that the page shows.
        message: Rule, value received and remedy, for the log and for other clients.
    """

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def invalid(message):
    """Error for fields of a request that no page of ours sends."""
    return RequestError(422, "invalid", message)


def missing(what):
    """Error for something that is not, or not for this annotator, on this server."""
    return RequestError(404, "missing", f"{what} is not on this server. Open the list again.")

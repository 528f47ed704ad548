"""One kind of error for wrong input."""


class InputError(ValueError):
    """The input is wrong: the message says what, where, and how to mend it, in one line.

    Args:
        message: What a user reads.
        keep_lines: Show the message in the lines that it has. Without, whatever breaks a line, such as a library's
            message inside it, is shown as a space.
    """

    def __init__(self, message: str, *, keep_lines: bool = False) -> None:
        super().__init__(message)
        self.keep_lines = keep_lines

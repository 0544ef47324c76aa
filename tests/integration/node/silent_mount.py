"""A command with a file system under a folder whose server never answers, as a dead NFS server's:

    unshare --mount --propagation private python -m tests.integration.node.silent_mount FOLDER ...

Whoever enters the folder hangs until this process is gone.
"""

from __future__ import annotations

import ctypes
import os
import sys

if __name__ == "__main__":
    folder, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)  # it is never read from
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"crony-test", folder.encode(), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    os.set_inheritable(server, True)
    os.execv(command[0], command)

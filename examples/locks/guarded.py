"""Three things outside of Holdfast that a fence guards: a row of a database, a file, an object of a store.

Each keeps the highest fence that it has accepted beside what it guards, and refuses a lower one, in the
same step in which it writes. The fence is the second number of LOCK.ACQUIRE's answer, or
HOLDFAST_FENCE under `holdfast lock`.
"""

import fcntl
import os


class TooLate(Exception):
    """Somebody with a newer fence has written: nothing was changed."""


def write_row(connection, account, total, fence):
    """A row with a column for the fence. `connection`: of any database with SQL; sqlite3's here."""
    with connection:
        changed = connection.execute(
            "UPDATE accounts SET total = ?, fence = ? WHERE id = ? AND fence <= ?",
            (total, fence, account, fence)).rowcount
    if changed == 0:
        raise TooLate(f"account {account} has been written under a newer fence than {fence}")


def write_file(path, text, fence):
    """A file with its fence in another beside it. Programs on one machine, or on a file system whose
    flock() holds between machines."""
    with open(path + ".fence", "a+") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # while the two are compared and written
        door.seek(0)
        newest = int(door.read() or 0)
        if fence < newest:
            raise TooLate(f"{path} has been written under fence {newest}, newer than {fence}")
        door.truncate(0)
        door.write(str(fence))
        door.flush()
        os.fsync(door.fileno())  # the fence is there before what it guards
        with open(path + ".new", "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(path + ".new", path)


def write_object(store, name, body, fence):
    """An object of a store with conditional writes (S3, Google Cloud Storage, Azure Blob, MinIO).

    `store`: get(name) -> (body, metadata, etag), or (None, {}, None) if there is none; put(name, body,
    metadata, etag) -> whether it was written, which it is only if the object has still this etag: by
    the header If-Match, or If-None-Match: * where there was none.
    """
    while True:
        _, metadata, etag = store.get(name)
        newest = int(metadata.get("fence", 0))
        if fence < newest:
            raise TooLate(f"{name} has been written under fence {newest}, newer than {fence}")
        if store.put(name, body, {"fence": str(fence)}, etag):
            return

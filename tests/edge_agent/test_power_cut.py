"""A power cut takes along whatever was written and not yet synced: no commit that was reported may be among it.

A process records every write, truncation and sync that SQLite asks of the system while an outbox is at work, through a
VFS of its own. From the record the files are built as a power cut at any moment could leave them: what was synced is
there, of the rest nothing, or any part of it, in any order.
"""

import os
import pickle
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.outbox.outbox import Outbox

RECORDER = r"""
import ctypes, json, os, pickle, sqlite3, sys
from pathlib import Path

mapped = {line.split()[-1] for line in open("/proc/self/maps") if "libsqlite3" in line}
if not mapped:
    sys.exit(77)
lib = ctypes.CDLL(mapped.pop())
P, INT, I64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64


def pointers(names):
    return [(name, P) for name in names.split()]


class Methods(ctypes.Structure):
    _fields_ = [("version", INT)] + pointers(
        "close read write truncate sync size lock unlock reserved control sector device"
        " shm_map shm_lock shm_barrier shm_unmap fetch unfetch")


class Vfs(ctypes.Structure):
    _fields_ = [("version", INT), ("file_size", INT), ("most_path", INT), ("next", P), ("name", ctypes.c_char_p),
                ("data", P)] + pointers(
        "open delete access full dl_open dl_error dl_sym dl_close random sleep time error time64"
        " set_call get_call next_call")


class File(ctypes.Structure):
    _fields_ = [("methods", ctypes.POINTER(Methods))]


OPEN = ctypes.CFUNCTYPE(INT, P, P, ctypes.POINTER(File), INT, P)
DELETE = ctypes.CFUNCTYPE(INT, P, ctypes.c_char_p, INT)
WRITE = ctypes.CFUNCTYPE(INT, P, P, INT, I64)
TRUNCATE = ctypes.CFUNCTYPE(INT, P, I64)
SYNC = ctypes.CFUNCTYPE(INT, P, INT)
log, names, kept = [], {}, []

lib.sqlite3_vfs_find.restype = ctypes.POINTER(Vfs)
real = lib.sqlite3_vfs_find(None).contents
vfs = Vfs.from_buffer_copy(real)
real_open, real_delete = OPEN(real.open), DELETE(real.delete)


def recording(file, name, folder_too):
    methods = Methods.from_buffer_copy(file.contents.methods.contents)
    real_write, real_truncate, real_sync = WRITE(methods.write), TRUNCATE(methods.truncate), SYNC(methods.sync)

    def write(at, data, size, offset):
        log.append(("write", name, offset, ctypes.string_at(data, size)))
        return real_write(at, data, size, offset)

    def truncate(at, size):
        log.append(("truncate", name, size))
        return real_truncate(at, size)

    def sync(at, flags):
        result = real_sync(at, flags)
        log.append(("sync", name))
        if folder_too:
            folder_too.clear()
            log.append(("sync folder",))
        return result

    hooks = WRITE(write), TRUNCATE(truncate), SYNC(sync)
    methods.write, methods.truncate, methods.sync = (ctypes.cast(hook, P) for hook in hooks)
    kept.append((methods, hooks, real_write, real_truncate, real_sync))
    file.contents.methods = ctypes.pointer(methods)


def opened(at, name, file, flags, out):
    result = real_open(at, name, file, flags, out)
    if result == 0 and name:
        # A new journal or write-ahead log: SQLite syncs the folder too when it first syncs the file.
        is_new_log = flags & 0x4 and flags & (0x800 | 0x4000 | 0x80000)
        recording(file, Path(ctypes.string_at(name).decode()).name, [True] if is_new_log else [])
    return result


def deleted(at, name, sync_folder):
    result = real_delete(at, name, sync_folder)
    log.append(("delete", Path(name.decode()).name))
    if sync_folder:
        log.append(("sync folder",))
    return result


hooks = OPEN(opened), DELETE(deleted)
vfs.name, vfs.open, vfs.delete = b"recording", ctypes.cast(hooks[0], P), ctypes.cast(hooks[1], P)
assert lib.sqlite3_vfs_register(ctypes.byref(vfs), 1) == 0

from contracts.envelope import Ack
from edge_agent.outbox.outbox import NewRow, Outbox

folder, mode = Path(sys.argv[1]), sys.argv[2]
outbox = Outbox(folder / "outbox.db", token="boot")
if mode == "normal":
    outbox._db.execute("PRAGMA synchronous = NORMAL")
log.append(("reported", 0, 0))
body = json.dumps({"s": "toilet.door", "k": "contact", "x": {"open": True}, "bf": False, "pad": "x" * 900})[1:]
acked = 0
for step in range(60):
    last = outbox.append([NewRow(step, 2, step, False, body)] * (1 + step % 4), {"source": step})
    log.append(("reported", last, acked))
    if mode == "full" and step % 9 == 8:
        acked = last - 5
        log.append(("reported", last, acked))  # from now on these may be gone
        outbox.acknowledge([Ack(outbox.epoch, acked)])
    if step == 40:
        outbox._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
Path(sys.argv[3]).write_bytes(pickle.dumps((outbox.epoch, log)))
os._exit(0)  # closing would go on asking for the hooks while they are taken apart
"""


@pytest.fixture
def record(tmp_path):
    def record(mode):
        """The epoch of an outbox, and everything that was asked of the system while it was at work."""
        folder, out = tmp_path / mode, tmp_path / f"{mode}.log"
        folder.mkdir()
        ran = subprocess.run(
            [sys.executable, "-c", RECORDER, str(folder), mode, str(out)],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        if ran.returncode == 77:
            pytest.skip("this Python has SQLite built in, so nothing can be put under it")
        assert ran.returncode == 0, ran.stderr
        return pickle.loads(out.read_bytes())

    return record


def after_the_cut(log, rng):
    """The files as a power cut after the last entry leaves them; ``rng`` None: nothing that was not synced is there."""
    files, pending = {}, {}
    for what, *entry in log:
        if what == "sync":
            for change in pending.pop(entry[0], []):
                apply(files, *change)
        elif what == "sync folder":
            for name, changes in pending.items():
                gone = max((i for i, change in enumerate(changes, 1) if change[0] == "delete"), default=0)
                if gone:
                    files.pop(name, None)
                    del changes[:gone]
        elif what != "reported":
            pending.setdefault(entry[0], []).append((what, *entry))
    for changes in pending.values():
        for change in changes:
            if rng is not None and rng.random() < 0.5:
                apply(files, *torn(change, rng))
    return files


def torn(change, rng):
    """A write of which the disk may have done the first sectors only."""
    if change[0] != "write" or rng.random() < 0.5:
        return change
    what, name, offset, data = change
    return what, name, offset, data[: 512 * rng.randrange(len(data) // 512 + 1)]


def apply(files, what, name, *details):
    if what == "delete":
        files.pop(name, None)
        return
    content = files.setdefault(name, bytearray())
    if what == "truncate":
        del content[details[0] :]
    else:
        offset, data = details
        content.extend(bytes(max(0, offset + len(data) - len(content))))
        content[offset : offset + len(data)] = data


def harm(folder, log, epoch, rng):
    """What is wrong with the outbox that opens after the cut; None: nothing."""
    folder.mkdir()
    for name, content in after_the_cut(log, rng).items():
        (folder / name).write_bytes(content)
    _, last, acked = next(entry for entry in reversed(log) if entry[0] == "reported")
    with Outbox(folder / "outbox.db", token="boot") as outbox:
        if outbox.epoch != epoch:
            return "the file was not readable and had to be replaced"
        there = {row.n for row in outbox.rows(acked + 1, last, last, priority=False)}
        lost = [n for n in range(acked + 1, last + 1) if n not in there]
        if lost or outbox.last_n < last:
            return f"lost: {lost}"
    with sqlite3.connect(folder / "outbox.db") as db:
        (found,) = db.execute("PRAGMA integrity_check").fetchone()
    db.close()
    return None if found == "ok" else found


def harms(tmp_path, epoch, log, cuts, rng):
    return {cut: found for cut in cuts if (found := harm(tmp_path / f"cut-{cut}-{rng}", log[:cut], epoch, rng))}


def cuts_of(log, count):
    """Moments to cut the power at, from when the outbox was first open; most of them with something not synced."""
    begin = next(i for i, entry in enumerate(log) if entry[0] == "reported") + 1
    return sorted(random.Random(4).sample(range(begin, len(log) + 1), count))


@pytest.mark.parametrize("rest", ["nothing of the rest", "any part of the rest"])
def test_a_power_cut_at_any_moment_takes_no_reported_commit_along(tmp_path, record, rest):
    epoch, log = record("full")
    assert {"outbox.db", "outbox.db-wal"} <= {entry[1] for entry in log if entry[0] == "sync"}
    rng = None if rest == "nothing of the rest" else random.Random(9)
    assert harms(tmp_path, epoch, log, cuts_of(log, 70), rng) == {}


def test_the_model_of_a_power_cut_finds_commits_that_were_not_synced(tmp_path, record):
    """The same work with `synchronous=NORMAL`, which waits for the disk at checkpoints only."""
    epoch, log = record("normal")
    found = harms(tmp_path, epoch, log, cuts_of(log, 12), None)
    assert any("lost" in harm for harm in found.values())

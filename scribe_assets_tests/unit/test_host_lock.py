"""One host of a name, and how it is found and replaced."""

import os
from pathlib import Path

from scribe_assets.launcher.host_lock import HostLock, host_of
from scribe_assets.launcher.processes import ProcessIdentity


def test_there_is_one_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "launcher" / "a.lock"
    lock = HostLock.acquire(path)
    assert lock is not None
    assert HostLock.acquire(path) is None
    lock.leave()
    again = HostLock.acquire(path)
    assert again is not None
    again.leave()


def test_it_says_whose_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert host_of(path) is None
    lock = HostLock.acquire(path)
    assert lock is not None
    assert host_of(path) is None
    lock.write(ProcessIdentity.current())
    assert host_of(path) == ProcessIdentity.current()
    lock.leave()


def test_who_retires_makes_room_and_is_found_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    old = HostLock.acquire(path)
    assert old is not None
    old.write(ProcessIdentity.current())
    old.retire()
    new = HostLock.acquire(path)
    assert new is not None
    assert host_of(old.path) == ProcessIdentity.current()
    assert old.address != new.address
    old.leave()
    new.leave()
    assert list(tmp_path.iterdir()) == [path]


def test_a_child_that_closes_it_does_not_free_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = HostLock.acquire(path)
    assert lock is not None
    pid = os.fork()
    if pid == 0:
        lock.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert HostLock.acquire(path) is None
    lock.leave()

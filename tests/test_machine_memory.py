"""What is left of memory, by made-up machines."""

import resource
import subprocess
import sys

import psutil
import pytest

from pensieve.machine_memory import (
    LOOK_INTERVAL_S,
    UNBOUNDED,
    Reading,
    RecentReading,
    control_group_bytes,
    control_group_limit,
    read_memory,
)

V2_MOUNT = "29 22 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw"
V1_MOUNT = "33 28 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
OTHER_MOUNTS = (
    "22 27 0:21 / /proc rw - proc proc rw",
    "34 28 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
)


class Machine:
    """A root directory with what the kernel would show there."""

    def __init__(self, root):
        self.root = root

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def process(self, groups, *mounts):
        self.write("proc/self/cgroup", groups + "\n")
        self.write("proc/self/mountinfo", "\n".join([*OTHER_MOUNTS, *mounts]) + "\n")

    def v2(self, path, current, limit="max", high="max", inactive=0):
        folder = f"sys/fs/cgroup/{path}"
        self.write(f"{folder}/memory.current", f"{current}\n")
        self.write(f"{folder}/memory.max", f"{limit}\n")
        self.write(f"{folder}/memory.high", f"{high}\n")
        stat = f"anon 5\nfile 9\nactive_file 3\ninactive_file {inactive}\n"
        self.write(f"{folder}/memory.stat", stat)

    def v1(self, path, usage, limit, inactive=0, name="total_inactive_file"):
        folder = f"sys/fs/cgroup/memory/{path}"
        self.write(f"{folder}/memory.usage_in_bytes", f"{usage}\n")
        self.write(f"{folder}/memory.limit_in_bytes", f"{limit}\n")
        self.write(f"{folder}/memory.stat", f"cache 1\n{name} {inactive}\n")

    def room(self):
        return control_group_bytes(self.root)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_group_of_version_2_can_give_what_is_below_its_limit(machine):
    machine.process("0::/app", V2_MOUNT)
    machine.v2("app", current=300, limit=1000)

    assert machine.room() == 700


def test_the_most_that_groups_may_have_is_the_least_of_their_limits(machine):
    machine.process("0::/app/inner", V2_MOUNT)
    machine.v2("app", current=300, limit=1000)
    machine.v2("app/inner", current=300, high=800)
    assert control_group_limit(machine.root) == 800

    machine.v2("app/inner", current=300, limit=2000)
    assert control_group_limit(machine.root) == 1000


def test_without_groups_nothing_is_limited(machine):
    assert control_group_limit(machine.root) == UNBOUNDED

    machine.process("5:memory:/app", V1_MOUNT)
    machine.v1("app", usage=3, limit=1 << 30)
    assert control_group_limit(machine.root) == 1 << 30


def test_file_pages_that_are_not_in_use_count_as_free(machine):
    machine.process("0::/app", V2_MOUNT)
    machine.v2("app", current=900, limit=1000, inactive=250)

    assert machine.room() == 350


def test_above_memory_high_a_group_crawls_so_that_is_its_limit(machine):
    machine.process("0::/app", V2_MOUNT)
    machine.v2("app", current=300, limit=1000, high=800)

    assert machine.room() == 500


def test_the_groups_above_bound_as_well(machine):
    machine.process("0::/user/session/app", V2_MOUNT)
    machine.v2("user/session/app", current=10, limit=900)
    machine.v2("user/session", current=400, limit=700)
    machine.v2("user", current=450)

    assert machine.room() == 300


def test_a_group_that_is_over_its_limit_can_give_nothing(machine):
    machine.process("0::/app", V2_MOUNT)
    machine.v2("app", current=1200, limit=1000)

    assert machine.room() == 0


def test_the_root_and_groups_without_a_limit_bound_nothing(machine):
    machine.process("0::/app", V2_MOUNT)
    machine.v2("app", current=300)

    assert machine.room() == UNBOUNDED


def test_a_group_of_version_1_can_give_what_is_below_its_limit(machine):
    machine.process("4:memory:/app\n1:cpu:/elsewhere\n0::/", V1_MOUNT)
    machine.v1("app", usage=600, limit=1000, inactive=50)

    assert machine.room() == 450


def test_version_1_has_controllers_together_and_a_statistic_by_another_name(machine):
    mount = V1_MOUNT.replace("rw,memory", "rw,hugetlb,memory")
    machine.process("4:hugetlb,memory:/app", mount)
    machine.v1("app", usage=600, limit=1000, inactive=50, name="inactive_file")
    machine.v1("", usage=5000, limit=(1 << 63) - 4096)

    assert machine.room() == 450


def test_where_both_versions_are_the_least_holds(machine):
    unified = V2_MOUNT.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
    machine.process("4:memory:/app\n0::/app", V1_MOUNT, unified)
    machine.v1("app", usage=100, limit=1000)
    machine.v2("unified/app", current=100, limit=800)

    assert machine.room() == 700


def test_a_container_sees_its_own_group_as_the_mount(machine):
    """Without a namespace of its own: the path is that of the host's."""
    mount = V1_MOUNT.replace("0:30 / ", "0:30 /docker/4711 ")
    machine.process("4:memory:/docker/4711", mount)
    machine.v1("", usage=100, limit=1000)

    assert machine.room() == 900


def test_a_group_within_a_container_is_found_below_the_mount(machine):
    mount = V1_MOUNT.replace("0:30 / ", "0:30 /docker/4711 ")
    machine.process("4:memory:/docker/4711/app", mount)
    machine.v1("", usage=100, limit=1000)
    machine.v1("app", usage=100, limit=300)

    assert machine.room() == 200


def test_of_a_group_outside_the_mount_the_mount_holds(machine):
    machine.process("0::/../other", V2_MOUNT)
    machine.v2("", current=100, limit=1000)

    assert machine.room() == 900


@pytest.mark.parametrize("name", ["memory.max", "memory.current", "memory.stat"])
@pytest.mark.parametrize("text", ["", "nonsense\n", "\n\n", "1 2 3\n", "\xff\xfe"])
def test_a_file_that_says_something_else_is_no_failure(machine, name, text):
    machine.process("0::/app", V2_MOUNT)
    machine.v2("app", current=300, limit=1000)
    machine.write(f"sys/fs/cgroup/app/{name}", text)

    assert machine.room() >= 0


def test_one_damaged_group_does_not_hide_the_others(machine):
    machine.process("0::/user/app", V2_MOUNT)
    machine.v2("user", current=300, limit=1000)
    machine.v2("user/app", current="broken", limit=10)

    assert machine.room() == 700


@pytest.mark.parametrize("groups", ["", "0", "0:/app", "::", "4:memory", "\0"])
@pytest.mark.parametrize("mount", ["", "1", " - ", "a b c d e - cgroup2", "- - -"])
def test_a_process_that_cannot_be_placed_is_bound_by_no_group(machine, groups, mount):
    machine.process(groups, mount)

    assert machine.room() == UNBOUNDED


def test_without_proc_no_group_bounds(machine):
    assert machine.room() == UNBOUNDED


def test_the_machine_bounds_where_nothing_else_does(machine, monkeypatch):
    class Memory:
        available = 123

    monkeypatch.setattr(psutil, "virtual_memory", Memory)

    assert read_memory(machine.root) == Reading(123, "machine")


def test_the_least_bounds(machine, monkeypatch):
    machine.process("0::/app", V2_MOUNT)
    machine.v2("app", current=900, limit=1000)

    assert read_memory(machine.root) == Reading(100, "control group")


def test_a_machine_that_cannot_be_read_is_no_failure(machine, monkeypatch):
    def fail():
        raise OSError("no /proc/meminfo")

    monkeypatch.setattr(psutil, "virtual_memory", fail)
    monkeypatch.setattr(psutil, "Process", fail)

    assert read_memory(machine.root).free_bytes == UNBOUNDED


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces these limits")
@pytest.mark.parametrize("name", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_the_limits_of_the_process_bound(name):
    program = (
        "import resource; from pensieve.machine_memory import read_memory;"
        f"resource.setrlimit(resource.{name}, (1 << 30, resource.RLIM_INFINITY));"
        "a = read_memory(); taken = bytearray(200 << 20); b = read_memory();"
        "assert a.bound == b.bound == 'process limit', (a, b);"
        "assert 0 < a.free_bytes < 1 << 30, a;"
        "assert 190 << 20 < a.free_bytes - b.free_bytes < 210 << 20, (a, b)"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_limits_that_are_not_set_bound_nothing():
    limits = [resource.RLIMIT_AS, resource.RLIMIT_DATA]
    if any(resource.getrlimit(each)[0] != resource.RLIM_INFINITY for each in limits):
        pytest.skip("the tests are run with a limit")

    assert read_memory().bound != "process limit"


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_reading_is_made_at_most_some_times_a_second():
    clock, readings = Clock(), []

    def read():
        readings.append(clock.now)
        return Reading(len(readings), "machine")

    recent = RecentReading(read, clock)
    for _ in range(100):
        recent()
        clock.now += LOOK_INTERVAL_S / 10

    assert len(readings) in (10, 11)


def test_a_slow_reading_is_followed_by_a_longer_pause():
    clock = Clock()

    def read():
        clock.now += 1.0
        return Reading(5, "machine")

    recent = RecentReading(read, clock)
    assert recent() == Reading(5, "machine")
    clock.now += 50
    assert not recent.is_due
    clock.now += 50
    assert recent.is_due


def test_a_new_reading_can_be_had_at_any_time():
    values = iter([7, 8])
    recent = RecentReading(lambda: Reading(next(values), "machine"), Clock())

    assert [recent().free_bytes, recent().free_bytes, recent.now().free_bytes] == [
        7,
        7,
        8,
    ]

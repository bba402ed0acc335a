"""The parts of the bench, in the order in which they run. Each module has NAME and run(bench) -> Page."""

from parts import (costs, disks, etcd, failover, keys, latency, limits, locks, reads, replicas, snapshot,
                   writes)

ALL = [limits, writes, disks, etcd, replicas, reads, locks, costs, latency, snapshot, keys, failover]
BY_NAME = {part.NAME: part for part in ALL}

"""The parts of the bench, in the order in which they run. Each module has NAME and run(bench) -> Page."""

from parts import (writes, etcd, replicas, reads, locks, latency, failover, snapshot, keys, costs, limits)

ALL = [limits, writes, etcd, replicas, reads, locks, costs, latency, snapshot, keys, failover]
BY_NAME = {part.NAME: part for part in ALL}

"""The bars in Chinese, for README.zh-CN.md."""


def _writes():
    for pipeline in (1, 16, 64):
        for word in ("SET", "INCR"):
            yield f"three/{word}/{pipeline}", f"三节点 / redis always:{word},流水线 {pipeline}"


WHAT = dict(_writes()) | {
    "three/etcd": "三节点 / 三节点 etcd 的最好成绩:SET,流水线 1",
    "three/wait": "三节点 / redis 加两个副本、每次 SET 后 WAIT 1,流水线 1",
    "one/SET/1": "单节点 / redis always:SET,流水线 1",
    "one/SET/16": "单节点 / redis always:SET,流水线 16",
    "lease/1": "租约读 GET / 不持久化的 redis:流水线 1",
    "lease/16": "租约读 GET / 不持久化的 redis:流水线 16",
    "lease/64": "租约读 GET / 不持久化的 redis:流水线 64",
    "quorum/16": "多数派读 GET / 租约读:三节点,流水线 16",
    "locks/pairs": "三节点上的加锁与解锁 / redis always 上的 SET NX PX + EVAL:一万个名字",
    "locks/latency": "一把锁,100 个等待者:每秒交接次数 × 提交延迟",
    "locks/poll": "一把锁,100 个等待者:交接次数 / 100 个轮询 redis 的客户端",
    "costs/set": "流水线 16 时一次 SET 的开销:三节点合计 / redis always",
    "snapshot/turn": "做快照时事件循环最长的一轮",
    "snapshot/latency": "SET 的 99.9 百分位延迟:有快照 / 无快照",
    "memory": "每个键的内存(16 B 键,32 B 值)/ redis",
    "restart": "带着这些键重启 / redis 加载 AOF",
    "failover/kill/p90": "杀死领导者到下一次写入确认:第 90 百分位",
    "failover/kill/longest": "杀死领导者到下一次写入确认:最长",
    "failover/stop/p90": "领导者沉默(SIGSTOP):第 90 百分位",
}

VERDICTS = {"met": "达到", "met, and the aim": "达到目标", "falls short": "未达到", "not measured": "未测量"}
HEADER = ["内容", "测得", "至少", "目标", ""]

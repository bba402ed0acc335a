#!/usr/bin/env python3
"""python3-redis (redis-py), unchanged, against one endpoint: python_redis.py HOST PORT

Every function named test_… is a test; it is given a client and a prefix of its own for names.
"""

import sys
import threading
import time
import traceback
import uuid

import redis

HOST, PORT = sys.argv[1], int(sys.argv[2])
RUN = "py:" + uuid.uuid4().hex[:8]


def connect(**options):
    return redis.Redis(host=HOST, port=PORT, socket_timeout=20, **options)


def raises(error, text, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except error as caught:
        assert text in str(caught), caught
        return
    raise AssertionError(f"no {error.__name__}")


def in_threads(count, function):
    """Runs function(i) in threads; an exception in one of them is raised here."""
    errors = []

    def guarded(i):
        try:
            function(i)
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# --- Strings ------------------------------------------------------------------------------------

def test_strings(r, p):
    assert r.set(p + "a", "Ada") is True
    assert r.get(p + "a") == b"Ada"
    assert r.get(p + "none") is None
    assert r.append(p + "a", " L") == 5
    assert r.strlen(p + "a") == 5
    assert r.getrange(p + "a", -1, -1) == b"L"
    assert r.substr(p + "a", 0, 2) == b"Ada"
    assert r.setrange(p + "a", 8, "x") == 9
    assert r.get(p + "a") == b"Ada L\0\0\0x"
    assert r.getset(p + "a", "new") == b"Ada L\0\0\0x"
    assert r.getdel(p + "a") == b"new"
    assert r.getdel(p + "a") is None


def test_any_bytes(r, p):
    every = bytes(range(256))
    key = p.encode() + every
    assert r.set(key, every) is True
    assert r.get(key) == every
    assert r.set(p + "empty", "") and r.get(p + "empty") == b""
    text = connect(decode_responses=True)
    text.set(p + "text", "Ελλάδα 中国 🗝")
    assert text.get(p + "text") == "Ελλάδα 中国 🗝"


def test_big_values(r, p):
    for size in (16 * 1024 - 1, 16 * 1024, 1 << 20, 8 << 20):
        value = b"%d" % size * (size // 6)
        r.set(p + "big", value)
        assert r.strlen(p + "big") == len(value)
        assert r.get(p + "big") == value


def test_set_options(r, p):
    assert r.set(p + "k", 1, xx=True) is None
    assert r.set(p + "k", 1, nx=True) is True
    assert r.set(p + "k", 2, nx=True) is None
    assert r.set(p + "k", 3, get=True) == b"1"
    assert r.set(p + "k", 4, ex=100) and 98 <= r.ttl(p + "k") <= 100
    assert r.set(p + "k", 5, keepttl=True) and 90 <= r.ttl(p + "k") <= 100
    assert r.set(p + "k", 6, px=5000) and 0 < r.pttl(p + "k") <= 5000
    assert r.set(p + "k", 7, exat=int(time.time()) + 60) and 55 <= r.ttl(p + "k") <= 61
    assert r.set(p + "k", 8) and r.ttl(p + "k") == -1
    assert r.setnx(p + "k", 9) is False
    assert r.setex(p + "k", 50, 10) and 48 <= r.ttl(p + "k") <= 50
    assert r.psetex(p + "k", 50000, 11) and 48 <= r.ttl(p + "k") <= 50


def test_many_at_once(r, p):
    names = {f"{p}{i}": str(i) for i in range(1000)}
    assert r.mset(names) is True
    assert r.mget(list(names)) == [value.encode() for value in names.values()]
    assert r.mget(p + "1", p + "none") == [b"1", None]
    assert r.msetnx({p + "1": "x", p + "new": "x"}) is False
    assert r.exists(p + "new") == 0
    assert r.msetnx({p + "new": "x"}) is True
    assert r.delete(*names) == 1000


def test_counters(r, p):
    assert [r.incr(p + "n") for _ in range(3)] == [1, 2, 3]
    assert r.incr(p + "n", 10) == 13
    assert r.decr(p + "n", 3) == 10
    assert r.incrbyfloat(p + "f", 0.1) == 0.1
    assert r.incrbyfloat(p + "f", 0.2) == 0.3
    r.set(p + "n", 2**63 - 1)
    raises(redis.ResponseError, "increment or decrement would overflow", r.incr, p + "n")
    r.set(p + "n", "ten")
    raises(redis.ResponseError, "value is not an integer or out of range", r.incr, p + "n")


# --- Keys and time ------------------------------------------------------------------------------

def test_keys(r, p):
    r.mset({p + "a": 1, p + "b": 2})
    assert r.exists(p + "a", p + "a", p + "none") == 2
    assert r.type(p + "a") == b"string" and r.type(p + "none") == b"none"
    assert r.rename(p + "a", p + "c") is True
    raises(redis.ResponseError, "no such key", r.rename, p + "a", p + "d")
    assert r.renamenx(p + "c", p + "b") is False
    assert r.copy(p + "b", p + "c") is False
    assert r.copy(p + "b", p + "c", replace=True) is True and r.get(p + "c") == b"2"
    assert r.touch(p + "b", p + "c", p + "none") == 2
    assert r.object("encoding", p + "b") == b"int"
    assert sorted(r.keys(p + "*")) == [f"{p}b".encode(), f"{p}c".encode()]
    assert r.randomkey() is not None and r.dbsize() >= 2
    assert r.unlink(p + "b") == 1 and r.delete(p + "b", p + "c") == 1


def test_scan_iter(r, p):
    names = {f"{p}scan:{i}".encode() for i in range(500)}
    with r.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.set(name, 1)
        pipe.set(p + "other", 1)
        pipe.execute()
    assert set(r.scan_iter(match=p + "scan:*")) == names
    assert set(r.scan_iter(match=p + "scan:*", count=10)) == names
    assert set(r.scan_iter(match=p + "scan:*", count=10000, _type="string")) == names
    assert set(r.scan_iter(match=p + "scan:*", _type="hash")) == set()


def test_scan_during_changes(r, p):
    """What is there from the beginning to the end is found, whatever comes and goes."""
    stay = {f"{p}stay:{i}".encode() for i in range(300)}
    for name in stay:
        r.set(name, 1)
        r.set(name + b":go", 1)
    found = set()
    for i, name in enumerate(r.scan_iter(match=p + "stay:*", count=20)):
        found.add(name)
        r.delete(f"{p}stay:{i}:go")
        r.set(f"{p}come:{i}", 1)
    assert stay <= found


def test_expiry(r, p):
    r.set(p + "k", 1, px=150)
    assert r.get(p + "k") == b"1"
    deadline = time.monotonic() + 2
    while r.get(p + "k") is not None:
        assert time.monotonic() < deadline, "not gone two seconds later"
        time.sleep(0.01)
    assert r.exists(p + "k") == 0 and r.ttl(p + "k") == -2
    assert r.expire(p + "k", 10) is False

    r.set(p + "k", 1)
    assert r.expire(p + "k", 100) is True and 98 <= r.ttl(p + "k") <= 100
    assert r.expire(p + "k", 50, gt=True) is False
    assert r.expire(p + "k", 200, xx=True) is True
    assert r.persist(p + "k") is True and r.ttl(p + "k") == -1
    at = int(time.time()) + 1000
    assert r.expireat(p + "k", at) is True and r.expiretime(p + "k") == at
    assert r.pexpireat(p + "k", at * 1000 + 7) is True and r.pexpiretime(p + "k") == at * 1000 + 7
    assert r.getex(p + "k", px=90000) == b"1" and 88 <= r.ttl(p + "k") <= 90
    assert r.getex(p + "k", persist=True) == b"1" and r.ttl(p + "k") == -1
    assert r.expire(p + "k", -1) is True and r.exists(p + "k") == 0


# --- Pipelines and transactions -----------------------------------------------------------------

def test_pipeline(r, p):
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.incr(p + "n")
    pipe.get(p + "n").set(p + "x", "y").get(p + "none")
    assert pipe.execute() == list(range(1, 1001)) + [b"1000", True, None]


def test_pipeline_with_an_error_inside(r, p):
    pipe = r.pipeline(transaction=False)
    pipe.set(p + "w", "word").incr(p + "w").incr(p + "n")
    answers = pipe.execute(raise_on_error=False)
    assert answers[0] is True and answers[2] == 1
    assert isinstance(answers[1], redis.ResponseError)


def test_transaction(r, p):
    with r.pipeline() as pipe:
        pipe.set(p + "a", 1).incr(p + "a").mget(p + "a", p + "none").get(p + "none")
        assert pipe.execute() == [True, 2, [b"2", None], None]
        pipe.set(p + "a", "word").incr(p + "a").set(p + "b", 1)
        raises(redis.ResponseError, "not an integer", pipe.execute)
    assert r.get(p + "b") == b"1", "an error inside EXEC stops nothing"


def test_watch(r, p):
    with r.pipeline() as pipe:
        pipe.watch(p + "k")
        assert pipe.get(p + "k") is None
        connect().set(p + "k", "someone else")
        pipe.multi()
        pipe.set(p + "k", "mine")
        raises(redis.WatchError, "", pipe.execute)
    assert r.get(p + "k") == b"someone else"


def test_watch_sees_expiry_and_deletion(r, p):
    for change in (lambda: connect().delete(p + "k"), lambda: time.sleep(0.3)):
        r.set(p + "k", 1, px=200)
        with r.pipeline() as pipe:
            pipe.watch(p + "k")
            change()
            pipe.multi()
            pipe.set(p + "k", 2)
            raises(redis.WatchError, "", pipe.execute)


def test_watch_with_retries(r, p):
    """Eight threads raise one number by hand; nothing is lost."""
    def raise_it(pipe):
        value = int(pipe.get(p + "n") or 0)
        pipe.multi()
        pipe.set(p + "n", value + 1)
    in_threads(8, lambda _: [connect().transaction(raise_it, p + "n") for _ in range(10)])
    assert r.get(p + "n") == b"80"


# --- Locks and pools ----------------------------------------------------------------------------

def test_lock_by_hand(r, p):
    """SET NX PX, then WATCH, GET, compare, DEL: never two inside, and nobody is left waiting."""
    inside, entered = [], []

    def release(client, mine):
        with client.pipeline() as pipe:
            pipe.watch(p + "lock")
            if pipe.get(p + "lock") == mine:
                pipe.multi()
                pipe.delete(p + "lock")
                pipe.execute()

    def work(i):
        client = connect()
        for turn in range(5):
            mine = f"{i}:{turn}".encode()
            while not client.set(p + "lock", mine, nx=True, px=10000):
                time.sleep(0.002)
            inside.append(i)
            assert inside == [i]
            entered.append(mine)
            inside.remove(i)
            release(client, mine)
    in_threads(8, work)
    assert len(entered) == 40 and r.exists(p + "lock") == 0


def test_pool(r, p):
    pool = redis.ConnectionPool(host=HOST, port=PORT, max_connections=50, socket_timeout=20)
    shared = redis.Redis(connection_pool=pool)
    in_threads(20, lambda _: [shared.incr(p + "n") for _ in range(50)])
    assert r.get(p + "n") == b"1000"
    pool.disconnect()
    assert shared.incr(p + "n") == 1001, "a pool connects anew"

    blocking = redis.BlockingConnectionPool(host=HOST, port=PORT, max_connections=2, timeout=20)
    in_threads(8, lambda _: redis.Redis(connection_pool=blocking).incr(p + "n"))
    assert r.get(p + "n") == b"1009"


def test_health_check_and_url(r, p):
    by_url = redis.Redis.from_url(f"redis://{HOST}:{PORT}/0", health_check_interval=0.01)
    by_url.set(p + "k", 1)
    time.sleep(0.05)
    assert by_url.get(p + "k") == b"1"


# --- The server ---------------------------------------------------------------------------------

def test_ping_and_time(r, p):
    assert r.ping() is True
    assert r.echo("hello") == b"hello"
    seconds, microseconds = r.time()
    assert abs(seconds - time.time()) < 60 and 0 <= microseconds < 1_000_000
    assert isinstance(r.wait(0, 100), int)


def test_client_calls(r, p):
    one = connect(single_connection_client=True, client_name="compat-" + RUN[3:])
    number = one.client_id()
    assert isinstance(number, int) and connect(single_connection_client=True).client_id() > number
    assert one.client_getname() == "compat-" + RUN[3:]
    assert one.client_setname("other-" + RUN[3:]) is True
    about = one.client_info()
    assert int(about["id"]) == number and about["name"] == "other-" + RUN[3:]
    listed = {client["id"]: client for client in r.client_list()}
    assert listed[str(number)]["name"] == "other-" + RUN[3:]
    assert listed[str(number)]["addr"].startswith(HOST + ":")
    assert [c["id"] for c in r.client_list(client_id=[str(number)])] == [str(number)]
    assert one.client_no_evict("ON") in (True, b"OK")
    raises(redis.ResponseError, "No such client", r.client_kill, "127.0.0.1:1")
    assert r.client_kill_filter(_id=str(number)) == 1
    raises(redis.ConnectionError, "", one.connection.read_response)


def test_client_pause(r, p):
    assert r.client_pause(300, all=False) is True
    began = time.monotonic()
    assert r.get(p + "none") is None, "reads go on"
    assert time.monotonic() - began < 0.25
    r.set(p + "k", 1)
    assert time.monotonic() - began > 0.2, "writes wait"
    assert r.client_unpause() in (True, b"OK")


def test_info(r, p):
    about = r.info()
    assert about["redis_version"].startswith("7.") and about["role"] in ("master", "slave")
    assert about["loading"] == 0 and about["connected_clients"] >= 1 and about["process_id"] > 0
    assert r.info("server")["tcp_port"] == PORT
    assert "redis_version" not in r.info("clients")
    before = r.info("keyspace").get("db0", {"keys": 0})["keys"]
    r.mset({p + "a": 1, p + "b": 2})
    assert r.info("keyspace")["db0"]["keys"] == before + 2


def test_config(r, p):
    assert set(r.config_get("maxmemory")) == {"maxmemory"}
    assert {"save", "appendonly"} <= set(r.config_get())
    both = r.config_get("maxmem*")
    assert {"maxmemory", "maxmemory-policy"} <= set(both)
    assert r.config_get("no-such-parameter") == {}
    assert r.config_resetstat() is True
    raises(redis.ResponseError, "no-such-parameter", r.config_set, "no-such-parameter", "1")


def test_command(r, p):
    commands = r.command()
    assert commands["get"]["arity"] == 2 and "readonly" in commands["get"]["flags"]
    assert commands["set"]["first_key_pos"] == 1 and "write" in commands["set"]["flags"]
    assert r.command_count() == len(commands)
    assert r.command_getkeys("MSET", "a", 1, "b", 2) == ["a", "b"]


def test_errors(r, p):
    raises(redis.ResponseError, "unknown command 'NO-SUCH'", r.execute_command, "NO-SUCH", 1)
    raises(redis.ResponseError, "wrong number of arguments for 'get' command",
           r.execute_command, "GET")
    raises(redis.ResponseError, "syntax error", r.execute_command, "SET", p, 1, "NO-SUCH")
    assert r.ping() is True


def test_own_commands(r, p):
    """Commands that a library does not know are called by name."""
    if "holdfast_version" not in r.info("everything"):
        return "the server is not Holdfast"
    token, ttl, fence, mode = r.execute_command("LOCK.ACQUIRE", p + "l", "me", "TTL", 60000)
    assert token == fence > 0 and 59000 < ttl <= 60000 and mode == b"exclusive"
    assert r.execute_command("LOCK.ACQUIRE", p + "l", "you", "TTL", 60000) is None
    assert r.execute_command("GUARD", p + "l", token, "INCR", p + "n") == 1
    assert r.execute_command("LOCK.RENEW", p + "l", token, "TTL", 90000) > 60000
    assert r.execute_command("LOCK.RELEASE", p + "l", token) == 1
    raises(redis.ResponseError, "FENCED", r.execute_command, "GUARD", p + "l", token, "INCR", p + "n")
    assert [r.execute_command("ONCE", p + "id", "INCR", p + "n") for _ in range(3)] == [2, 2, 2]


# --- All of them --------------------------------------------------------------------------------

def main():
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            reason = test(connect(), f"{RUN}:{name[5:]}:")
        except Exception:
            failed += 1
            print(f"FAILED: {name}\n{traceback.format_exc()}")
            continue
        if reason:
            print(f"SKIP: {name}: {reason}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

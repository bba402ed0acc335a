// npm's ioredis, unchanged, against one endpoint: node ioredis.mjs HOST PORT

import { Redis } from "ioredis";
import { expect, expectError, expectThat, host, main, port, Skip, test, until } from "./harness.mjs";

async function connect(options = {}) {
  const client = new Redis({ host, port, lazyConnect: true, ...options });
  client.on("error", () => {});
  await client.connect();
  return client;
}

test("strings", async (r, p) => {
  expect("OK", await r.set(p + "a", "Ada"));
  expect("Ada", await r.get(p + "a"));
  expect(null, await r.get(p + "none"));
  expect(5, await r.append(p + "a", " L"));
  expect("L", await r.getrange(p + "a", -1, -1));
  expect(7, await r.setrange(p + "a", 6, "x"));
  expect("Ada L\0x", await r.getdel(p + "a"));
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await r.set(p + "bytes", bytes);
  expect(bytes, await r.getBuffer(p + "bytes"));
  const big = Buffer.alloc(2_000_000, "0123456789");
  await r.set(p + "big", big);
  expectThat(big.equals(await r.getBuffer(p + "big")), "2 MB come back");
});

test("options of set", async (r, p) => {
  expect("OK", await r.set(p + "k", "1", "EX", 100, "NX"));
  expect(null, await r.set(p + "k", "2", "PX", 100, "NX"));
  expectThat((await r.ttl(p + "k")) >= 98, "EX 100");
  expect("1", await r.set(p + "k", "2", "GET"));
  expect(0, await r.setnx(p + "k", "3"));
  await expectError(/wrong number of arguments for 'set' command/, r.call("set", p + "k"));
});

test("many at once", async (r, p) => {
  expect("OK", await r.mset({ [p + "a"]: 1, [p + "b"]: 2 }));
  expect(["1", null, "2"], await r.mget(p + "a", p + "none", p + "b"));
  expect(2, await r.del(p + "a", p + "b", p + "none"));
});

test("counters", async (r, p) => {
  expect(1, await r.incr(p + "n"));
  expect(11, await r.incrby(p + "n", 10));
  expect(10, await r.decr(p + "n"));
  expect("10.5", await r.incrbyfloat(p + "n", 0.5));
  await expectError(/not an integer/, r.incr(p + "n"));
  const answers = await Promise.all(Array.from({ length: 1000 }, () => r.incr(p + "m")));
  expect(Array.from({ length: 1000 }, (_, i) => i + 1), answers);
});

test("automatic pipelining", async (_, p) => {
  const r = await connect({ enableAutoPipelining: true });
  const answers = await Promise.all(Array.from({ length: 300 }, () => r.incr(p + "n")));
  expect(300, Math.max(...answers));
  expect(300, new Set(answers).size);
  r.disconnect();
});

test("pipeline", async (r, p) => {
  const pipeline = r.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.incr(p + "n");
  const answers = await pipeline.set(p + "w", "word").incr(p + "w").get(p + "none").exec();
  expect([null, 1000], answers[999]);
  expect([null, "OK"], answers[1000]);
  expectThat(/not an integer/.test(answers[1001][0].message), "an error inside stops nothing");
  expect([null, null], answers[1002]);
});

test("multi", async (r, p) => {
  expect([[null, "OK"], [null, 2]], await r.multi().set(p + "a", 1).incr(p + "a").exec());
  expect("OK", await r.multi({ pipeline: false }));
  expect("QUEUED", await r.incr(p + "a"));
  expect([[null, 3]], await r.exec());
});

test("watch", async (r, p) => {
  const other = await connect();
  await r.watch(p + "k");
  await other.set(p + "k", "someone else");
  expect(null, await r.multi().set(p + "k", "mine").exec());
  expect("someone else", await r.get(p + "k"));
  other.disconnect();
});

test("expiry", async (r, p) => {
  await r.set(p + "k", "1", "PX", 150);
  await until(async () => (await r.get(p + "k")) === null);
  await r.set(p + "k", "1");
  expect(1, await r.pexpire(p + "k", 100000));
  expectThat((await r.pttl(p + "k")) > 98000, "PEXPIRE");
  expect(1, await r.persist(p + "k"));
  expect(-1, await r.ttl(p + "k"));
});

test("scan stream", async (r, p) => {
  const names = Array.from({ length: 300 }, (_, i) => `${p}scan:${i}`);
  await r.mset(names.flatMap((name) => [name, 1]));
  const found = new Set();
  for await (const page of r.scanStream({ match: `${p}scan:*`, count: 50 })) {
    for (const name of page) found.add(name);
  }
  expect(names.sort(), [...found].sort());
});

test("a lock by hand", async (_, p) => {
  let inside = 0;
  let entered = 0;
  await Promise.all(Array.from({ length: 6 }, async (_, i) => {
    const r = await connect();
    for (let turn = 0; turn < 5; turn++) {
      await until(() => r.set(p + "lock", `${i}:${turn}`, "PX", 10000, "NX"), 20000);
      expect(1, ++inside);
      entered++;
      expect(`${i}:${turn}`, await r.get(p + "lock"));
      inside--;
      expect(1, await r.del(p + "lock"));
    }
    r.disconnect();
  }));
  expect(30, entered);
});

test("reconnecting", async (r, p) => {
  const id = await r.client("ID");
  const other = await connect();
  expect(1, await other.client("KILL", "ID", id));
  await until(async () => (await r.client("ID")) !== id);
  expect(1, await r.incr(p + "n"));
  other.disconnect();
});

test("the server", async (r, p) => {
  expect("PONG", await r.ping());
  expect("hello", await r.echo("hello"));
  expectThat((await r.info("replication")).includes("role:"), "INFO");
  expect("maxmemory", (await r.config("GET", "maxmemory"))[0]);
  expect("OK", await r.client("SETNAME", "compat"));
  expect("compat", await r.client("GETNAME"));
  expectThat((await r.client("LIST")).includes("name=compat"), "CLIENT LIST");
  const named = await connect({ connectionName: "compat-named" });
  expect("compat-named", await named.client("GETNAME"));
  named.disconnect();
  await expectError(/unknown command 'NO-SUCH'/, r.call("NO-SUCH", p));
  expect("OK", await r.quit());
});

test("commands of our own", async (r, p) => {
  if (!(await r.info("everything")).includes("holdfast_version")) {
    throw new Skip("the server is not Holdfast");
  }
  expect("1", String(await r.call("ONCE", p + "id", "INCR", p + "n")));
  expect("1", String(await r.call("ONCE", p + "id", "INCR", p + "n")));
  expect(0, await r.call("LOCK.CHECK", p + "none", 1));
});

await main("ioredis", connect, async (client) => client.disconnect());

#include "server/session_commands.h"

#include "server/client_test_tools.h"
#include "server/password.h"

namespace holdfast::server::testing {
namespace {

using replica::Verdict;
using SessionTest = ClientsTest;

TEST_F(SessionTest, HttpIsNotObeyed) {
  for (const char* line : {"POST / HTTP/1.1", "Host: 127.0.0.1:7379"}) {
    TestClient client(clients);
    client.say(std::string(line) + "\r\nSET a 1");
    EXPECT_EQ(told(client), "");
    EXPECT_TRUE(client.stream->closed) << line;
    EXPECT_TRUE(node.routed.empty());
  }
}

TEST_F(SessionTest, SmallTalk) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "PING"), "+PONG\r\n");
  EXPECT_EQ(ask(client, "ping hi"), "$2\r\nhi\r\n");
  EXPECT_EQ(ask(client, "PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(ask(client, "ECHO hi"), "$2\r\nhi\r\n");
  EXPECT_EQ(ask(client, "SELECT 0"), "+OK\r\n");
  EXPECT_EQ(ask(client, "SELECT 1"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(ask(client, "SELECT x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(ask(client, "TIME"), "*2\r\n$10\r\n1700000000\r\n$6\r\n123000\r\n");
  EXPECT_EQ(ask(client, "READONLY\r\nREADWRITE"), "+OK\r\n+OK\r\n");
  EXPECT_EQ(ask(client, "RESET"), "+RESET\r\n");
  EXPECT_EQ(ask(client, "_SETTING a b"),
            "-ERR unknown command '_SETTING', with args beginning with: 'a' 'b' \r\n");
  EXPECT_TRUE(ask(client, "ONCE id _LOCK.DROP l 1 1 1 1").starts_with("-ERR unknown command"));
  EXPECT_TRUE(ask(client, "STEADY").starts_with("-ERR unknown command 'STEADY'"));
  EXPECT_TRUE(node.routed.empty());
}

TEST_F(SessionTest, Hello) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_EQ(ask(client, "HELLO x"),
            "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_EQ(ask(client, "HELLO 3 FOO"), "-ERR Syntax error in HELLO option 'FOO'\r\n");
  EXPECT_EQ(ask(client, "HELLO 2 AUTH default"), "-ERR Syntax error in HELLO option 'AUTH'\r\n");
  EXPECT_EQ(ask(client, "HELLO 2 SETNAME \"a b\""),
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(ask(client, "HELLO 3 SETNAME me"),
            "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n"
            ":3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster"
            "\r\n$7\r\nmodules\r\n*0\r\n");
  EXPECT_EQ(ask(client, "CLIENT GETNAME"), "$2\r\nme\r\n");
  EXPECT_TRUE(ask(client, "HELLO").starts_with("%7\r\n"));
  EXPECT_EQ(ask(client, "RESET"), "+RESET\r\n");
  EXPECT_TRUE(ask(client, "HELLO").starts_with("*14\r\n"));
}

// ---- passwords

TEST_F(SessionTest, WithoutAPasswordAuthSaysSo) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "AUTH x"),
            "-ERR AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?\r\n");
  EXPECT_EQ(ask(client, "AUTH default x"), "+OK\r\n");
  EXPECT_EQ(ask(client, "AUTH other x"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(ask(client, "AUTH a b c"), "-ERR syntax error\r\n");
}

TEST_F(SessionTest, BeforeAuthNothingIsDone) {
  node.password = encode_password("secret", {}, 1);
  TestClient client(clients);
  EXPECT_EQ(ask(client, "GET a"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(ask(client, "PING"), "-NOAUTH Authentication required.\r\n");
  EXPECT_TRUE(ask(client, "NOSUCH").starts_with("-ERR unknown command"));
  EXPECT_TRUE(ask(client, "HELLO 3").starts_with("-NOAUTH HELLO must be called with the client"));
  EXPECT_EQ(ask(client, "AUTH wrong"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(ask(client, "AUTH nobody secret"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_TRUE(node.routed.empty());
  EXPECT_TRUE(ask(client, "HELLO 3 AUTH default secret").starts_with("%7\r\n"));
  client.say("GET a");
  EXPECT_EQ(node.routed.size(), 1u);
  answer(0, "_\r\n");
  turn();
  client.stream->take();
  EXPECT_EQ(ask(client, "RESET"), "+RESET\r\n");
  EXPECT_EQ(ask(client, "PING"), "-NOAUTH Authentication required.\r\n");
}

TEST_F(SessionTest, APasswordIsHashedBeforeItLeaves) {
  TestClient client(clients);
  client.say("CONFIG SET requirepass secret\r\nAUTH secret");
  ASSERT_EQ(node.routed.size(), 1u);
  EXPECT_TRUE(node.routed[0].text().starts_with("_SETTING requirepass-hash pbkdf2-sha256$10000$"));
  EXPECT_EQ(node.routed[0].record.find("secret"), std::string::npos);
  EXPECT_TRUE(node.routed[0].write);
  node.password = std::string(node.routed[0].decoded().commands[0][2]);
  answer(0, "+OK\r\n", 3);
  turn();
  turn();
  EXPECT_EQ(client.stream->take(), "+OK\r\n+OK\r\n");
  EXPECT_EQ(ask(client, "CONFIG GET requirepass"), "*2\r\n$11\r\nrequirepass\r\n$5\r\n*****\r\n");
  TestClient other(clients);
  EXPECT_EQ(ask(other, "PING"), "-NOAUTH Authentication required.\r\n");
  client.say("CONFIG SET requirepass \"\"");
  EXPECT_EQ(node.routed.at(1).text(), "_SETTING requirepass-hash ");
}

TEST_F(SessionTest, WhoWasLetInBeforeThePasswordWasKnownHereHasToGiveIt) {
  TestClient early(clients);
  EXPECT_EQ(ask(early, "PING"), "+PONG\r\n");
  node.password = encode_password("secret", {}, 1);
  clients.epoch_applied(node.epoch);
  EXPECT_EQ(ask(early, "PING"), "-NOAUTH Authentication required.\r\n");
  node.password.clear();
  turn();
  TestClient later(clients);
  node.password = encode_password("other", {}, 1);
  turn();
  EXPECT_EQ(ask(later, "PING"), "+PONG\r\n");  // as in Redis: it came while there was none
}

// ---- CLIENT

TEST_F(SessionTest, ClientReply) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "CLIENT REPLY SKIP\r\nPING\r\nPING"), "+PONG\r\n");
  client.say("CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nGET a");
  answer(0, "$-1\r\n");
  EXPECT_EQ(told(client), "");
  EXPECT_EQ(ask(client, "CLIENT REPLY ON"), "+OK\r\n");
  EXPECT_EQ(ask(client, "CLIENT REPLY what"), "-ERR syntax error\r\n");
}

TEST_F(SessionTest, ClientNamesAndLists) {
  TestClient first(clients);
  TestClient second(clients, "127.0.0.1:50001");
  EXPECT_EQ(ask(second, "CLIENT ID"), ":2\r\n");
  EXPECT_EQ(ask(second, "CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(ask(second, "CLIENT SETNAME two"), "+OK\r\n");
  EXPECT_EQ(ask(second, "CLIENT SETINFO LIB-NAME lib\r\nCLIENT SETINFO lib-ver 1.2"),
            "+OK\r\n+OK\r\n");
  EXPECT_EQ(ask(second, "CLIENT SETINFO x y"), "-ERR Unrecognized option 'x'\r\n");
  const std::string list = ask(first, "CLIENT LIST");
  EXPECT_NE(list.find("id=1 addr=127.0.0.1:50000 laddr=127.0.0.1:7379"), std::string::npos);
  EXPECT_NE(list.find("id=2 addr=127.0.0.1:50001"), std::string::npos);
  EXPECT_NE(list.find("name=two "), std::string::npos);
  EXPECT_NE(list.find("cmd=client|list user=default redir=-1 resp=2"), std::string::npos);
  EXPECT_NE(list.find("lib-name=lib lib-ver=1.2"), std::string::npos);
  EXPECT_EQ(ask(first, "CLIENT LIST ID 2").find("id=1 "), std::string::npos);
  EXPECT_EQ(ask(first, "CLIENT LIST TYPE pubsub"), "$0\r\n\r\n");
  EXPECT_EQ(ask(first, "CLIENT LIST TYPE x"), "-ERR Unknown client type 'x'\r\n");
  EXPECT_EQ(ask(first, "CLIENT LIST ID x"), "-ERR Invalid client ID\r\n");
  EXPECT_EQ(ask(first, "CLIENT FOO"), "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
  EXPECT_EQ(ask(first, "CLIENT TRACKING ON"),
            "-ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.\r\n");
}

TEST_F(SessionTest, ClientKill) {
  TestClient first(clients);
  TestClient second(clients, "127.0.0.1:50001");
  EXPECT_EQ(ask(first, "CLIENT KILL 1.2.3.4:5"), "-ERR No such client\r\n");
  EXPECT_EQ(ask(first, "CLIENT KILL ID x"), "-ERR client-id should be greater than 0\r\n");
  EXPECT_EQ(ask(first, "CLIENT KILL FOO bar"), "-ERR syntax error\r\n");
  EXPECT_EQ(ask(first, "CLIENT KILL USER no"), "-ERR No such user 'no'\r\n");
  EXPECT_EQ(ask(first, "CLIENT KILL TYPE normal ID 99"), ":0\r\n");
  EXPECT_EQ(ask(first, "CLIENT KILL ADDR 127.0.0.1:50001"), ":1\r\n");
  EXPECT_TRUE(second.stream->closed);
  EXPECT_EQ(ask(first, "CLIENT KILL SKIPME no"), ":1\r\n");
  EXPECT_TRUE(first.stream->closed);
}

TEST_F(SessionTest, ClientPauseHoldsDataCommandsUntilItsEnd) {
  TestClient client(clients);
  TestClient other(clients);
  EXPECT_EQ(ask(client, "CLIENT PAUSE x"), "-ERR timeout is not an integer or out of range\r\n");
  EXPECT_EQ(ask(client, "CLIENT PAUSE -1"), "-ERR timeout is negative\r\n");
  EXPECT_EQ(ask(client, "CLIENT PAUSE 1 FOO"), "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
  EXPECT_EQ(ask(client, "CLIENT PAUSE 5000 WRITE"), "+OK\r\n");
  other.say("GET a\r\nSET a 1\r\nGET a\r\nPING");
  EXPECT_EQ(texts(), (Texts{"GET a"}));
  EXPECT_NE(ask(client, "INFO clients").find("blocked_clients:1\r\n"), std::string::npos);
  EXPECT_NE(ask(client, "CLIENT LIST ID 2").find(" flags=b "), std::string::npos);
  for (int i = 0; i < 49; ++i) pass(milliseconds(100));
  EXPECT_EQ(node.routed.size(), 1u);
  answer(0, "$-1\r\n");
  EXPECT_EQ(told(other), "$-1\r\n");
  EXPECT_LE(clients.wake_at(), node.time + milliseconds(100));
  pass(milliseconds(100));
  EXPECT_EQ(texts(1), (Texts{"SET a 1", "GET a"}));
  EXPECT_NE(ask(client, "INFO clients").find("blocked_clients:0\r\n"), std::string::npos);
  ask(client, "CLIENT PAUSE 5000");
  client.say("GET b");
  EXPECT_EQ(node.routed.size(), 3u);
  EXPECT_EQ(ask(other, "CLIENT UNPAUSE"), "");  // behind what it waits for itself
  turn();
  EXPECT_EQ(node.routed.size(), 4u);
}

// ---- FEED.READ … BLOCK

constexpr std::string_view kNothing = "*2\r\n$3\r\nr1f\r\n*0\r\n";
constexpr std::string_view kSomething = "*2\r\n$3\r\nr20\r\n*1\r\n*4\r\n$1\r\nk\r\n";

TEST_F(SessionTest, ABlockedFeedAsksAgainFromWhereItIsOnlyWhenSomethingHasChanged) {
  TestClient client(clients);
  client.say("FEED.READ $ BLOCK 1000\r\nGET a");
  EXPECT_EQ(texts(), (Texts{"FEED.READ $ BLOCK 1000"}));
  EXPECT_FALSE(node.routed[0].write);
  node.newest_change = 0x1f;
  answer(0, kNothing);
  for (int i = 0; i < 20; ++i) pass(milliseconds(5));
  EXPECT_EQ(node.routed.size(), 1u);
  node.newest_change = 0x20;
  pass(milliseconds(10));
  EXPECT_EQ(texts(1), (Texts{"FEED.READ r1f BLOCK 1000"}));
  // Not of its keys.
  node.newest_change = 0x21;
  answer(1, "*2\r\n$3\r\nr21\r\n*0\r\n");
  EXPECT_EQ(told(client), "");
  node.newest_change = 0x22;
  pass(milliseconds(10));
  EXPECT_EQ(texts(2), (Texts{"FEED.READ r21 BLOCK 1000"}));
  answer(2, kSomething);
  EXPECT_EQ(told(client), kSomething);
  turn();
  EXPECT_EQ(texts(3), (Texts{"GET a"}));
}

TEST_F(SessionTest, ABlockedFeedEndsWithTheAnswerThatThereIsThen) {
  TestClient client(clients);
  client.say("FEED.READ r5 BLOCK 50");
  answer(0, kNothing);
  pass(milliseconds(49));
  EXPECT_EQ(node.routed.size(), 1u);
  // Not what was heard before, which may be old.
  pass(milliseconds(2));
  EXPECT_EQ(texts(1), (Texts{"FEED.READ r1f BLOCK 50"}));
  answer(1, kNothing);
  EXPECT_EQ(told(client), kNothing);
  // An error ends it at once, and so does an answer without BLOCK.
  client.say("FEED.READ r5 BLOCK 50");
  answer(2, "-COMPACTED r6\r\n");
  EXPECT_EQ(told(client), "-COMPACTED r6\r\n");
  client.say("FEED.READ r5");
  answer(3, kNothing);
  EXPECT_EQ(told(client), kNothing);
}

TEST_F(SessionTest, ABlockedFeedOutlivesAChangeOfLeader) {
  TestClient client(clients);
  client.say("FEED.READ r5 BLOCK 1000");
  answer(0, kNothing);
  no_leader();
  node.newest_change = 0x20;
  pass(milliseconds(10));
  EXPECT_EQ(node.routed.size(), 1u);
  new_leader(4);
  pass(milliseconds(10));
  EXPECT_EQ(texts(1), (Texts{"FEED.READ r1f BLOCK 1000"}));
  EXPECT_EQ(node.routed[1].under, node.epoch);
  answer(1, kSomething);
  EXPECT_EQ(told(client), kSomething);
}

// ---- WAIT

replica::ReplicaStatus three_replicas() {
  replica::ReplicaStatus status;
  status.protocol.role = consensus::Role::leader;
  status.protocol.epoch = {3, NodeId(1)};
  status.protocol.commit = Index(40);
  status.protocol.last = Index(41);
  status.applied = Index(40);
  status.protocol.membership.voters = {NodeId(1), NodeId(2), NodeId(3)};
  status.protocol.peers = {{NodeId(2), Index(41), true, true, false},
                           {NodeId(3), Index(30), true, false, false}};
  return status;
}

TEST_F(SessionTest, WaitAsksUntilEnoughReplicasHaveTheLastWrite) {
  node.replica_status = three_replicas();
  TestClient client(clients);
  EXPECT_EQ(ask(client, "WAIT x 1"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(ask(client, "WAIT 1 x"), "-ERR timeout is not an integer or out of range\r\n");
  EXPECT_EQ(ask(client, "WAIT 1 -1"), "-ERR timeout is negative\r\n");
  EXPECT_EQ(ask(client, "WAIT 1 0"), ":2\r\n");  // nothing was written here
  client.say("SET a 1\r\nWAIT 2 0\r\nPING");
  EXPECT_EQ(node.routed.size(), 1u);
  answer(0, "+OK\r\n", 77);
  turn();
  turn();
  ASSERT_EQ(texts(1), (Texts{"_DURABLE 77"}));
  EXPECT_FALSE(node.routed[1].write);
  answer(1, ":1\r\n");
  turn();
  pass(milliseconds(5));
  ASSERT_EQ(texts(2), (Texts{"_DURABLE 77"}));
  answer(2, ":2\r\n");
  turn();
  turn();
  EXPECT_EQ(client.stream->take(), "+OK\r\n:2\r\n+PONG\r\n");
}

TEST_F(SessionTest, WaitEndsAtItsTimeoutWithWhatIsTrue) {
  TestClient client(clients);
  client.say("SET a 1");
  answer(0, "+OK\r\n", 77);
  turn();
  client.say("WAIT 2 100");
  for (int i = 0; i < 30; ++i) {
    if (node.routed.size() > 1) answer(node.routed.size() - 1, ":1\r\n");
    pass(milliseconds(5));
  }
  EXPECT_EQ(client.stream->take(), "+OK\r\n:1\r\n");
  // And without a leader.
  no_leader();
  client.say("WAIT 2 100");
  pass(milliseconds(50));
  EXPECT_EQ(client.stream->take(), "");
  pass(milliseconds(51));
  EXPECT_EQ(client.stream->take(), ":0\r\n");
}

// ---- CONFIG, INFO, ROLE, COMMAND

TEST_F(SessionTest, ConfigGet) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "CONFIG GET save appendonly"),
            "*4\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_EQ(ask(client, "CONFIG GET MAXCL*"), "*2\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n");
  EXPECT_EQ(ask(client, "CONFIG GET nosuch"), "*0\r\n");
  EXPECT_EQ(ask(client, "CONFIG GET requirepass"), "*2\r\n$11\r\nrequirepass\r\n$0\r\n\r\n");
  EXPECT_NE(ask(client, "CONFIG GET *").find("leader-wait-ms"), std::string::npos);
}

TEST_F(SessionTest, ConfigSet) {
  TestClient client(clients);
  EXPECT_EQ(ask(client, "CONFIG SET maxclients 20 leader-wait-ms 50"), "+OK\r\n");
  EXPECT_EQ(node.settings.max_clients, 20);
  EXPECT_EQ(node.settings.leader_wait_ms, 50);
  const std::pair<std::string_view, std::string_view> refused[] = {
      {"nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n"},
      {"timeout 5 port", "-ERR Unknown option or number of arguments for CONFIG SET - 'port'\r\n"},
      {"maxclients x", "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - "
                       "argument couldn't be parsed into an integer\r\n"},
      {"timeout 1 timeout 2", "-ERR CONFIG SET failed (possibly related to argument 'timeout') - "
                              "duplicate parameter\r\n"},
      {"databases 2", "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't "
                      "set immutable config\r\n"},
      {"protected-mode x", "-ERR CONFIG SET failed (possibly related to argument "
                           "'protected-mode') - argument must be 'yes' or 'no'\r\n"},
  };
  for (const auto& [words, error] : refused) {
    EXPECT_EQ(ask(client, "CONFIG SET " + std::string(words)), error);
  }
  EXPECT_EQ(node.settings.timeout_s, 0);
  EXPECT_EQ(ask(client, "CONFIG SET save \"\" appendonly yes"), "+OK\r\n");
  EXPECT_EQ(ask(client, "CONFIG RESETSTAT"), "+OK\r\n");
}

TEST_F(SessionTest, InfoOfALeader) {
  node.replica_status = three_replicas();
  TestClient client(clients);
  const std::string info = ask(client, "INFO");
  for (const std::string_view line :
       {"# Server\r\nredis_version:7.0.15\r\n", "process_id:4711\r\n", "loading:0\r\n",
        "connected_clients:1\r\n", "role:master\r\n", "connected_slaves:1\r\n",
        "slave0:ip=10.0.0.2,port=7379,state=online,offset=41,lag=0\r\n",
        "# Holdfast\r\nholdfast_version:", "holdfast_role:leader\r\n", "holdfast_epoch:3.1\r\n",
        "holdfast_commit_index:40\r\n", "holdfast_applied_index:40\r\n", "holdfast_voters:3\r\n",
        "holdfast_learners:0\r\n", "replica1:node=3,address=10.0.0.3:7379,match=30,lag=11\r\n",
        "holdfast_leader:1\r\n", "holdfast_leader_address:127.0.0.1:7379\r\n"}) {
    EXPECT_NE(info.find(line), std::string::npos) << line;
  }
  EXPECT_EQ(info.find("cmdstat_"), std::string::npos);
  EXPECT_NE(ask(client, "INFO all").find("cmdstat_info:calls=1"), std::string::npos);
  EXPECT_NE(ask(client, "INFO replication"), "");
  EXPECT_EQ(ask(client, "INFO nosuch"), "$0\r\n\r\n");
  EXPECT_TRUE(ask(client, "ROLE").starts_with("*3\r\n$6\r\nmaster\r\n:40\r\n*2\r\n*3\r\n"));
}

TEST_F(SessionTest, InfoOfAFollower) {
  node.replica_status = three_replicas();
  node.replica_status->protocol.role = consensus::Role::follower;
  node.replica_status->protocol.peers.clear();
  new_leader(4);
  TestClient client(clients);
  const std::string info = ask(client, "INFO replication holdfast");
  for (const std::string_view line :
       {"role:slave\r\nmaster_host:10.0.0.2\r\nmaster_port:7379\r\nmaster_link_status:up\r\n",
        "holdfast_role:follower\r\n", "holdfast_leader:2\r\n"}) {
    EXPECT_NE(info.find(line), std::string::npos) << line;
  }
  EXPECT_EQ(ask(client, "ROLE"),
            "*5\r\n$5\r\nslave\r\n$8\r\n10.0.0.2\r\n:7379\r\n$9\r\nconnected\r\n:40\r\n");
}

TEST_F(SessionTest, InfoBeforeTheNodeIsPartOfACluster) {
  node.leads = NodeId();
  TestClient client(clients);
  EXPECT_NE(ask(client, "INFO everything").find("holdfast_leader:0\r\n"), std::string::npos);
  EXPECT_EQ(ask(client, "ROLE"), "*5\r\n$5\r\nslave\r\n$0\r\n\r\n:0\r\n$7\r\nconnect\r\n:-1\r\n");
}

TEST_F(SessionTest, CommandIsAnsweredFromTheTable) {
  TestClient client(clients);
  EXPECT_TRUE(ask(client, "COMMAND COUNT").starts_with(":"));
  EXPECT_TRUE(ask(client, "COMMAND").starts_with("*"));
  EXPECT_TRUE(ask(client, "CLIENT HELP").starts_with("*"));
  EXPECT_TRUE(ask(client, "CONFIG HELP").starts_with("*"));
}

TEST_F(SessionTest, ErrorsAndCommandsAreCounted) {
  TestClient client(clients);
  ask(client, "SET a\r\nNOSUCH\r\nSELECT 9\r\nGET a");
  answer(0, "-WRONGTYPE no\r\n");
  turn();
  const std::string info = ask(client, "INFO all");
  for (const std::string_view line :
       {"errorstat_ERR:count=3\r\n", "errorstat_WRONGTYPE:count=1\r\n",
        "cmdstat_set:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n",
        "cmdstat_get:calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1\r\n",
        "total_connections_received:1\r\n"}) {
    EXPECT_NE(info.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace holdfast::server::testing

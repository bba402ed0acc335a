// hiredis, unchanged, against one endpoint: hiredis HOST PORT
// Its synchronous calls, appended (pipelined) ones, and bytes that arrive in pieces.

#include <hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char* host;
static int port;
static char run[64];  // a prefix for names, new in each run
static int passed, failed;

static void check(bool good, const char* what) {
  if (good) {
    ++passed;
  } else {
    ++failed;
    printf("FAILED: %s\n", what);
  }
}

static redisContext* connect_or_die(void) {
  struct timeval timeout = {20, 0};
  redisContext* c = redisConnectWithTimeout(host, port, timeout);
  if (c == NULL || c->err != 0) {
    printf("FAILED: connect: %s\n", c != NULL ? c->errstr : "no memory");
    exit(1);
  }
  redisSetTimeout(c, timeout);
  return c;
}

// Each of these frees the reply and says whether it was the one expected.

static bool is_status(redisReply* reply, const char* text) {
  bool good = reply != NULL && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, text) == 0;
  freeReplyObject(reply);
  return good;
}

static bool is_integer(redisReply* reply, long long number) {
  bool good = reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == number;
  freeReplyObject(reply);
  return good;
}

static bool is_string(redisReply* reply, const char* bytes, size_t length) {
  bool good = reply != NULL && reply->type == REDIS_REPLY_STRING && (size_t)reply->len == length &&
              memcmp(reply->str, bytes, length) == 0;
  freeReplyObject(reply);
  return good;
}

static bool is_null(redisReply* reply) {
  bool good = reply != NULL && reply->type == REDIS_REPLY_NIL;
  freeReplyObject(reply);
  return good;
}

static bool is_error(redisReply* reply, const char* beginning) {
  bool good = reply != NULL && reply->type == REDIS_REPLY_ERROR &&
              strncmp(reply->str, beginning, strlen(beginning)) == 0;
  freeReplyObject(reply);
  return good;
}

static void* next(redisContext* c) {
  void* reply = NULL;
  return redisGetReply(c, &reply) == REDIS_OK ? reply : NULL;
}

static void synchronous(redisContext* c) {
  check(is_status(redisCommand(c, "PING"), "PONG"), "PING");
  check(is_status(redisCommand(c, "SET %s:name %s", run, "Ada Lovelace"), "OK"), "SET");
  check(is_string(redisCommand(c, "GET %s:name", run), "Ada Lovelace", 12), "GET");
  check(is_null(redisCommand(c, "GET %s:none", run)), "GET of nothing");
  check(is_null(redisCommand(c, "SET %s:name x NX", run)), "SET NX on a key that is there");
  check(is_integer(redisCommand(c, "INCRBY %s:n %lld", run, 1LL << 40), 1LL << 40), "INCRBY");
  check(is_integer(redisCommand(c, "DEL %s:n %s:none", run, run), 1), "DEL");
  check(is_error(redisCommand(c, "INCR %s:name", run), "ERR value is not an integer"), "an error");
  check(is_error(redisCommand(c, "NO-SUCH"), "ERR unknown command"), "an unknown command");
  check(is_status(redisCommand(c, "SET %s:empty %s", run, ""), "OK"), "SET of an empty value");
  check(is_string(redisCommand(c, "GET %s:empty", run), "", 0), "GET of an empty value");
}

static void binary(redisContext* c) {
  const size_t size = 3 << 20;
  char* bytes = malloc(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = (char)(i * 31 + i / 256);
  }
  check(is_status(redisCommand(c, "SET %s:%b %b", run, "k\0\r\n", (size_t)4, bytes, size), "OK"),
        "SET of 3 MiB of any bytes");
  check(is_string(redisCommand(c, "GET %s:%b", run, "k\0\r\n", (size_t)4), bytes, size), "GET of them");

  const char* words[] = {"STRLEN", run};
  const size_t lengths[] = {6, strlen(run)};
  check(is_integer(redisCommandArgv(c, 2, words, lengths), 0), "redisCommandArgv");
  free(bytes);
}

static void pipelined(redisContext* c) {
  const int count = 5000;
  for (int i = 0; i < count; ++i) {
    redisAppendCommand(c, "INCR %s:pipelined", run);
    redisAppendCommand(c, "SET %s:%d %d", run, i, i);
  }
  bool good = true;
  for (int i = 0; i < count; ++i) {
    good = is_integer(next(c), i + 1) && good;
    good = is_status(next(c), "OK") && good;
  }
  check(good, "10,000 appended commands answered in order");

  redisAppendCommand(c, "MGET %s:0 %s:none %s:4999", run, run, run);
  redisReply* reply = next(c);
  check(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
            strcmp(reply->element[0]->str, "0") == 0 &&
            reply->element[1]->type == REDIS_REPLY_NIL &&
            strcmp(reply->element[2]->str, "4999") == 0,
        "MGET");
  freeReplyObject(reply);
}

static void transaction(redisContext* c) {
  redisAppendCommand(c, "MULTI");
  redisAppendCommand(c, "INCR %s:in", run);
  redisAppendCommand(c, "GET %s:none", run);
  redisAppendCommand(c, "EXEC");
  check(is_status(next(c), "OK"), "MULTI");
  check(is_status(next(c), "QUEUED"), "INCR is queued");
  check(is_status(next(c), "QUEUED"), "GET is queued");
  redisReply* reply = next(c);
  check(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
            reply->element[0]->integer == 1 && reply->element[1]->type == REDIS_REPLY_NIL,
        "EXEC");
  freeReplyObject(reply);

  redisContext* other = connect_or_die();
  check(is_status(redisCommand(c, "WATCH %s:in", run), "OK"), "WATCH");
  check(is_integer(redisCommand(other, "INCR %s:in", run), 2), "another's write");
  check(is_status(redisCommand(c, "MULTI"), "OK"), "MULTI after WATCH");
  check(is_status(redisCommand(c, "INCR %s:in", run), "QUEUED"), "a write that must not be");
  check(is_null(redisCommand(c, "EXEC")), "EXEC after another's write");
  redisFree(other);
}

// A command may arrive byte by byte.
static void in_pieces(redisContext* c) {
  char* command = NULL;
  int length = redisFormatCommand(&command, "SET %s:pieces whole", run);
  ssize_t written = 0;
  for (int i = 0; i < length; ++i) {
    written += write(c->fd, command + i, 1);
    usleep(300);
  }
  redisFreeCommand(command);
  check(written == length && is_status(next(c), "OK"), "a command in pieces");
  check(is_string(redisCommand(c, "GET %s:pieces", run), "whole", 5), "its value");
}

static void expiring(redisContext* c) {
  check(is_status(redisCommand(c, "SET %s:lock me NX PX 200", run), "OK"), "SET NX PX");
  check(is_null(redisCommand(c, "SET %s:lock you NX PX 200", run)), "SET NX PX by another");
  bool free_again = false;
  for (int i = 0; i < 200 && !free_again; ++i) {
    usleep(10 * 1000);
    free_again = is_status(redisCommand(c, "SET %s:lock you NX PX 200", run), "OK");
  }
  check(free_again, "the lock is free after its time");
}

static void reconnecting(void) {
  redisContext* c = connect_or_die();
  check(is_status(redisCommand(c, "QUIT"), "OK"), "QUIT");
  check(redisCommand(c, "PING") == NULL && c->err != 0, "closed after QUIT");
  check(redisReconnect(c) == REDIS_OK && is_status(redisCommand(c, "PING"), "PONG"), "redisReconnect");
  redisFree(c);
}

int main(int count, char** words) {
  if (count != 3) {
    fprintf(stderr, "usage: hiredis HOST PORT\n");
    return 2;
  }
  host = words[1];
  port = atoi(words[2]);
  snprintf(run, sizeof run, "c:%lx:%x", (long)time(NULL), (unsigned)getpid());

  redisContext* c = connect_or_die();
  synchronous(c);
  binary(c);
  pipelined(c);
  transaction(c);
  in_pieces(c);
  expiring(c);
  reconnecting();
  redisFree(c);
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}

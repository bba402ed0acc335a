// A lock and a guarded write, by hiredis: same_lock HOST:PORT,… NAME TURNS [TTL_MS WORK_MS]
//
// Raises {NAME}:total by one in each turn, by reading and writing it: without the lock additions would
// be lost. Whoever comes too late is refused, says so and ends with 1.

#include <hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char* addresses[64];
static int address_count, next_address;
static redisContext* connection;  // NULL: none

static char owner[128];
static const char* name;
static const char* ttl = "10000";

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static bool connect_to_next(void) {
  char host[256];
  int port = 0;
  const char* address = addresses[next_address++ % address_count];
  if (sscanf(address, "%255[^:]:%d", host, &port) != 2) return false;
  struct timeval patience = {10, 0};
  connection = redisConnectWithTimeout(host, port, patience);
  if (connection != NULL && connection->err == 0) {
    redisSetTimeout(connection, patience);
    return true;
  }
  if (connection != NULL) redisFree(connection);
  connection = NULL;
  return false;
}

static bool is_error(const redisReply* reply, const char* kind) {
  return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, kind, strlen(kind)) == 0;
}

// Asks whichever node answers, until there is an answer: for commands that may be repeated. The reply
// is the caller's to free.
static redisReply* call(int count, const char** words) {
  for (;;) {
    if (connection != NULL || connect_to_next()) {
      redisReply* reply = redisCommandArgv(connection, count, words, NULL);
      if (reply == NULL) {
        redisFree(connection);
        connection = NULL;
      } else if (is_error(reply, "NOLEADER") || is_error(reply, "UNKNOWN") || is_error(reply, "LOADING")) {
        freeReplyObject(reply);  // no answer to the command itself
      } else {
        return reply;
      }
    }
    sleep_ms(50);
  }
}

// The token. Repeated under the same owner it is the same grant, or the same place in the queue.
static long long acquire(void) {
  for (;;) {
    const char* words[] = {"LOCK.ACQUIRE", name, owner, "TTL", ttl, "WAIT", "5000"};
    redisReply* grant = call(7, words);
    long long token = grant->type == REDIS_REPLY_ARRAY ? grant->element[0]->integer : 0;
    if (grant->type == REDIS_REPLY_ERROR) {
      printf("%s\n", grant->str);
      exit(1);
    }
    freeReplyObject(grant);
    if (token != 0) return token;
  }
}

// False if a later holder has been here (FENCED), and says so.
static bool write_guarded(const char* token, const char* key, const char* value) {
  const char* words[] = {"GUARD", name, token, "SET", key, value};
  redisReply* reply = call(6, words);
  bool done = reply->type != REDIS_REPLY_ERROR;
  if (!done) printf("too late: %s\n", reply->str);
  freeReplyObject(reply);
  return done;
}

// An error LOST says that it had ended before.
static void release(const char* token) {
  const char* words[] = {"LOCK.RELEASE", name, token};
  freeReplyObject(call(3, words));
}

static long long read_number(const char* key) {
  const char* words[] = {"GET", key};
  redisReply* reply = call(2, words);
  long long number = reply->type == REDIS_REPLY_STRING ? atoll(reply->str) : 0;
  freeReplyObject(reply);
  return number;
}

int main(int count, char** words) {
  if (count < 4) {
    fprintf(stderr, "usage: same_lock HOST:PORT,… NAME TURNS [TTL_MS WORK_MS]\n");
    return 2;
  }
  for (char* one = strtok(words[1], ","); one != NULL && address_count < 64; one = strtok(NULL, ",")) {
    addresses[address_count++] = one;
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  char host[64] = "";
  gethostname(host, sizeof host - 1);
  snprintf(owner, sizeof owner, "%s:%d:%lld.%ld", host, (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
  name = words[2];
  const int turns = atoi(words[3]);
  if (count > 4) ttl = words[4];
  const long work_ms = count > 5 ? atol(words[5]) : 10;
  next_address = (int)getpid();

  char key[1024], token[32], value[32];
  snprintf(key, sizeof key, "{%s}:total", name);
  for (int turn = 0; turn < turns; ++turn) {
    snprintf(token, sizeof token, "%lld", acquire());
    printf("holding %s\n", token);
    fflush(stdout);
    const long long total = read_number(key);
    sleep_ms(work_ms);
    snprintf(value, sizeof value, "%lld", total + 1);
    if (!write_guarded(token, key, value)) return 1;
    release(token);
  }
  printf("%d turns\n", turns);
}

#include "workload/fake_world.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "workload/actor.h"
#include "workload/fake_store.h"

namespace holdfast::workload {
namespace {

using resp::Reply;

bool changes_something(const Words& words) {
  const std::string& name = words[0];
  return name != "GET" && name != "WATCH" && name != "UNWATCH" && name != "MULTI" &&
         name != "LOCK.CHECK" && !name.ends_with(".INFO") && name != "REV" && name != "FEED.READ";
}

// What happens when. At one moment in the order it was planned.
class Plan {
 public:
  Instant now() const { return now_; }
  void at(Instant time, std::function<void()> what) {
    steps_.emplace(std::pair(std::max(time, now_), next_++), std::move(what));
  }
  void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  Instant next() const { return steps_.empty() ? Instant::never() : steps_.begin()->first.first; }
  void skip_to(Instant time) { now_ = time; }
  void step() {
    auto first = steps_.extract(steps_.begin());
    now_ = first.key().first;
    first.mapped()();
  }

 private:
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> steps_;
  std::uint64_t next_ = 0;
  Instant now_;
};

class World {
 public:
  explicit World(const FakeRun& run) : run_(run), prng_(run.seed), store_(prng_.below(2) == 0) {
    for (std::uint32_t i = 0; i < run.mix.clients; ++i) {
      auto client = std::make_unique<Client>();
      client->actor = std::make_unique<Actor>(run.mix, i, prng_.fork(), outcome_.history);
      client->session = std::make_shared<FakeStore::Session>();
      clients_.push_back(std::move(client));
    }
  }

  FakeOutcome go() {
    for (auto& client : clients_) {
      plan_.after(delay(5000), [this, one = client.get()] { ask(*one); });
    }
    while (!done()) {
      const Instant due = next_due();
      if (due < plan_.next()) {
        plan_.skip_to(due);
        store().advance(due);
        deliver_completed();
      } else {
        plan_.step();
      }
    }
    for (auto& client : clients_) {
      outcome_.acknowledged += client->actor->acknowledged();
      for (const auto& text : client->actor->problems()) outcome_.problems.push_back(text);
    }
    outcome_.finals = store_.values();
    return std::move(outcome_);
  }

 private:
  struct Slot {
    std::uint64_t ticket = 0;
    bool waits = false;
    std::optional<Reply> reply;
  };
  struct Client {
    std::unique_ptr<Actor> actor;
    std::shared_ptr<FakeStore::Session> session;
    std::deque<Slot> slots;
    std::uint64_t connection = 1;
    bool refusing = false;  // since an UNKNOWN in this pipeline
    bool done = false;
  };

  // To ask the store for the next moment at which it does something is to look through all that it holds.
  FakeStore& store() {
    due_.reset();
    return store_;
  }
  Instant next_due() {
    if (!due_) due_ = store_.next_due();
    return *due_;
  }

  bool done() const {
    const auto idle = [](const auto& client) { return client->done; };
    return std::all_of(clients_.begin(), clients_.end(), idle) && plan_.next() == Instant::never();
  }

  Duration delay(std::int64_t most_us) { return microseconds(prng_.between(1, most_us)); }
  bool fault(std::uint32_t ppm) { return run_.faults && prng_.chance_ppm(ppm); }

  void ask(Client& client) {
    const bool ending = plan_.now() > Instant() + run_.length;
    if (ending && client.actor->wind_down()) {
      client.done = true;
      return;
    }
    const auto commands = client.actor->next(plan_.now());
    client.refusing = false;
    const bool breaks = fault(30'000);
    const std::size_t cut = breaks ? prng_.below(commands.size() + 1) : commands.size();
    const bool late = prng_.below(2) == 0;  // what is cut off arrives, but much later
    Instant arrival = plan_.now() + delay(2000);
    for (std::size_t i = 0; i < commands.size(); ++i) {
      client.slots.push_back({++last_ticket_, false, std::nullopt});
      if (i == cut && late) arrival = arrival + milliseconds(prng_.between(1, 2000));
      if (i >= cut && !late) continue;
      arrival = arrival + delay(50);
      plan_.at(arrival, [this, &client, words = commands[i].words, ticket = last_ticket_,
                         session = client.session] { carry_out(client, session, words, ticket); });
    }
    if (!breaks) return;
    plan_.after(delay(20'000), [this, &client, connection = client.connection] {
      if (client.connection == connection && !client.slots.empty()) part(client, true);
    });
  }

  void carry_out(Client& client, const std::shared_ptr<FakeStore::Session>& session,
                 const Words& words, std::uint64_t ticket) {
    store().advance(plan_.now());
    deliver_completed();
    const bool queued = session->in_transaction && words[0] != "EXEC";
    const bool local = queued || words[0] == "MULTI" || words[0] == "UNWATCH";
    if (!local && client.session == session && (client.refusing || fault(10'000))) {
      if (words[0] == "EXEC") *session = {};
      return put(client, ticket, fake_error("NOLEADER not done"));
    }
    if (!local && changes_something(words) && client.session == session && fault(10'000)) {
      client.refusing = true;
      const bool done = prng_.below(2) == 0 && words[0] != "LOCK.ACQUIRE";
      if (done) store().run(*session, words, ticket);
      if (words[0] == "EXEC") *session = {};
      put(client, ticket, fake_error("UNKNOWN may have been done"));
      return deliver_completed();
    }
    if (auto reply = store().run(*session, words, ticket)) {
      put(client, ticket, std::move(*reply));
    } else {
      for (Slot& slot : client.slots) slot.waits |= slot.ticket == ticket;
      // It arrived when nobody listened any more.
      if (client.session != session) plan_.after(seconds(1), [=, this] { store().drop(ticket); });
    }
    deliver_completed();
  }

  void deliver_completed() {
    for (auto& [ticket, reply] : store_.take_completed()) {
      for (auto& client : clients_) put(*client, ticket, reply);
    }
  }

  void put(Client& client, std::uint64_t ticket, Reply reply) {
    for (Slot& slot : client.slots) {
      if (slot.ticket != ticket) continue;
      slot.reply = std::move(reply);
      plan_.after(delay(3000), [this, &client, connection = client.connection] {
        if (client.connection == connection) hear(client);
      });
      return;
    }
  }

  void hear(Client& client) {
    if (client.slots.empty()) return;
    while (!client.slots.empty() && client.slots.front().reply) {
      client.actor->answered(*client.slots.front().reply, plan_.now());
      client.slots.pop_front();
    }
    if (!client.slots.empty()) return;
    if (fault(20'000)) return part(client, false);
    plan_.after(client.actor->pause(), [this, &client] { ask(client); });
  }

  void part(Client& client, bool sent) {
    for (const Slot& slot : client.slots) {
      if (!slot.waits) continue;
      plan_.after(seconds(1), [this, ticket = slot.ticket] {
        store().advance(plan_.now());
        store().drop(ticket);
        deliver_completed();
      });
    }
    client.slots.clear();
    ++client.connection;
    client.session = std::make_shared<FakeStore::Session>();
    client.actor->broken(sent, plan_.now());
    plan_.after(client.actor->pause(), [this, &client] { ask(client); });
  }

  FakeRun run_;
  Prng prng_;
  Plan plan_;
  FakeStore store_;             // to change it: store()
  std::optional<Instant> due_;  // of the store as it is
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint64_t last_ticket_ = 0;
  FakeOutcome outcome_;
};

}  // namespace

FakeOutcome run_fake_world(const FakeRun& run) { return World(run).go(); }

Mix mix_of_all() {
  return {.read = 6,
          .write = 4,
          .cas = 3,
          .erase = 2,
          .add = 3,
          .once_add = 3,
          .insert = 3,
          .read_all = 2,
          .write_ttl = 2,
          .lock = 5,
          .session = 6,
          .set_if = 1,
          .throttle = 2,
          .feed = 3,
          .latch = 4,
          .cache = 5,
          .hold = 4,
          .keys = 3,
          .locks = 2,
          .pipeline = 4,
          .clients = 5,
          .think = milliseconds(20)};
}

CheckOptions fake_options(bool faults) {
  CheckOptions options;
  options.clock_ppm = 0;
  options.late = milliseconds(10);
  options.answer_within = milliseconds(100);
  if (!faults) options.calm_from = Instant();
  return options;
}

}  // namespace holdfast::workload

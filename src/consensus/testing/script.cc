#include "consensus/testing/script.h"

#include <sstream>

#include "base/check.h"
#include "consensus/testing/printing.h"

namespace holdfast::consensus::testing {
namespace {

std::vector<std::string> parts_of(const std::string& line, char by) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; std::getline(stream, word, by);) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

std::uint64_t number(const std::string& word) {
  CHECK(!word.empty() && word.find_first_not_of("0123456789") == std::string::npos,
        "not a number: {}", word);
  return std::stoull(word);
}

Epoch read_epoch(const std::string& word) {
  const auto parts = parts_of(word, '.');
  CHECK(parts.size() == 2, "not an epoch: {}", word);
  return {number(parts[0]), NodeId(number(parts[1]))};
}

// 2.1, or 2.1:1+2+3 for an entry that makes these the voters.
std::pair<Epoch, std::optional<Membership>> found_entry(const std::string& word) {
  const auto parts = parts_of(word, ':');
  if (parts.size() == 1) return {read_epoch(word), std::nullopt};
  std::vector<std::uint64_t> nodes;
  for (const auto& node : parts_of(parts[1], '+')) nodes.push_back(number(node));
  return {read_epoch(parts[0]), voters(nodes)};
}

// 1,2,3
std::vector<NodeId> node_list(const std::string& word) {
  std::vector<NodeId> result;
  for (const auto& node : parts_of(word, ',')) result.push_back(NodeId(number(node)));
  return result;
}

Cluster::Filter filter(const std::vector<std::string>& words) {
  return [words](const Message& message) {
    for (std::size_t i = 1; i < words.size(); ++i) {
      const auto pair = parts_of(words[i], '=');
      CHECK(pair.size() == 2, "what is {}?", words[i]);
      if (pair[0] == "from" && message.from.value != number(pair[1])) return false;
      if (pair[0] == "to" && message.to.value != number(pair[1])) return false;
      if (pair[0] == "kind" && to_text(message.kind) != pair[1]) return false;
    }
    return true;
  };
}

}  // namespace

Script::Script(ClusterOptions base) : base_(std::move(base)) {}

void Script::say(const std::string& line) { out_ += line + "\n"; }

std::string Script::run(const std::string& text) {
  std::string result;
  std::string outcome;
  bool skipping = false;  // the outcome of an earlier run
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (skipping) {
      if (!line.empty()) continue;
      skipping = false;
    }
    result += line + "\n";
    if (line == "----") {
      result += outcome.empty() ? "ok\n" : outcome;
      outcome.clear();
      skipping = true;
      // The blank line that ends the old outcome is written when it is read.
    } else if (!line.empty() && line[0] != '#') {
      outcome += execute(line);
    }
  }
  return result;
}

std::string Script::execute(const std::string& full_line) {
  std::string line = full_line;
  auto words = parts_of(line, ' ');
  const bool quietly = words[0] == "quietly" || words[0] == "elect";
  if (words[0] == "quietly") {
    line = line.substr(line.find(words[1]));
    words.erase(words.begin());
  }
  out_.clear();
  if (words[0] == "nodes") {
    make_cluster(words);
    return out_;
  }
  CHECK(cluster_ != nullptr, "nodes first");
  std::string transcript;
  cluster_->transcript = quietly ? nullptr : &out_;
  const bool known = run_time(words) || run_input(words, line) || run_network(words) ||
                     run_disk(words) || run_look(words);
  CHECK(known, "what is \"{}\"?", line);
  return quietly && words[0] != "status" && words[0] != "log" ? "" : out_;
}

void Script::make_cluster(const std::vector<std::string>& words) {
  ClusterOptions options = base_;
  options.voters.clear();
  std::vector<std::uint64_t>* list = &options.voters;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto pair = parts_of(words[i], '=');
    if (pair[0] == "leases") {
      options.lease_reads = true;
    } else if (pair[0] == "last") {
      options.last_to_lead.insert(number(pair[1]));
    } else if (pair[0] == "learners") {
      list = &options.learners;
    } else if (pair[0] == "spare") {
      list = &options.spare;
    } else if (pair.size() == 1) {
      list->push_back(number(pair[0]));
    } else if (pair[0] == "window_messages") {
      options.protocol.window_messages = static_cast<std::uint32_t>(number(pair[1]));
    } else if (pair[0] == "window_bytes") {
      options.protocol.window_bytes = number(pair[1]);
    } else if (pair[0] == "message_bytes") {
      options.protocol.message_bytes = number(pair[1]);
    } else if (pair[0] == "uncommitted_bytes") {
      options.protocol.uncommitted_bytes = number(pair[1]);
    } else if (pair[0].rfind("log", 0) == 0) {
      auto& found = options.found[number(pair[0].substr(3))];
      for (const auto& word : parts_of(pair[1], ',')) found.entries.push_back(found_entry(word));
    } else if (pair[0].rfind("promise", 0) == 0) {
      options.found[number(pair[0].substr(7))].promise = read_epoch(pair[1]);
    } else {
      CHECK(false, "what is {}?", words[i]);
    }
  }
  cluster_ = std::make_unique<Cluster>(options);
  run_look({"status"});
}

bool Script::run_time(const std::vector<std::string>& words) {
  Cluster& cluster = *cluster_;
  if (words[0] == "campaign") {
    cluster.campaign(number(words.at(1)));
  } else if (words[0] == "elect") {
    cluster.elect(number(words.at(1)));
  } else if (words[0] == "elapse") {
    cluster.elapse(number(words.at(1)),
                   milliseconds(static_cast<std::int64_t>(number(words.at(2)))));
  } else if (words[0] == "jump") {
    cluster.jump(number(words.at(1)), milliseconds(static_cast<std::int64_t>(number(words.at(2)))));
  } else {
    return false;
  }
  return true;
}

bool Script::run_input(const std::vector<std::string>& words, const std::string& line) {
  Cluster& cluster = *cluster_;
  if (words.size() < 2) return false;
  if (words[0] == "propose") {
    const auto text = line.find(words.at(2), line.find(words[1]) + words[1].size());
    cluster.propose(number(words[1]), line.substr(text));
  } else if (words[0] == "read") {
    const bool lease = words.size() > 3 && words[3] == "lease";
    cluster.read(number(words[1]), number(words.at(2)),
                 lease ? ReadMode::lease : ReadMode::quorum);
  } else if (words[0] == "transfer") {
    cluster.input(number(words[1]), TransferRequested{NodeId(number(words.at(2)))});
  } else if (words[0] == "liveness") {
    cluster.input(number(words[1]), PeerLiveness{NodeId(number(words.at(2))), words.at(3) == "up"});
  } else if (words[0] == "membership") {
    Membership target;
    target.voters = node_list(words.at(2));
    if (words.size() > 4) target.learners = node_list(words[4]);
    cluster.change(number(words[1]), target);
  } else if (words[0] == "appoint") {
    cluster.input(number(words[1]), Appointed{});
  } else if (words[0] == "fault") {
    cluster.input(number(words[1]), LogFaultFound{});
  } else {
    return false;
  }
  return true;
}

bool Script::run_network(const std::vector<std::string>& words) {
  Cluster& cluster = *cluster_;
  if (words[0] == "deliver") {
    if (cluster.deliver(filter(words)) == 0) say("nothing to deliver");
  } else if (words[0] == "drop") {
    say(fmt::format("{} dropped", cluster.drop(filter(words))));
  } else if (words[0] == "stabilize") {
    std::vector<std::uint64_t> nodes;
    for (std::size_t i = 1; i < words.size(); ++i) nodes.push_back(number(words[i]));
    cluster.stabilize(nodes);
  } else if (words[0] == "cut") {
    cluster.cut_link(number(words.at(1)), number(words.at(2)));
  } else if (words[0] == "isolate") {
    cluster.isolate(number(words.at(1)));
  } else if (words[0] == "heal") {
    cluster.heal();
  } else {
    return false;
  }
  return true;
}

bool Script::run_disk(const std::vector<std::string>& words) {
  Cluster& cluster = *cluster_;
  const auto at = [&](std::size_t i) { return number(words.at(i)); };
  if (words[0] == "sync") {
    cluster.sync(at(1), words.size() > 2 ? at(2) : SIZE_MAX);
  } else if (words[0] == "crash") {
    cluster.crash(at(1), words.size() > 2 ? at(2) : 0);
  } else if (words[0] == "lose") {
    cluster.lose_log(at(1));
  } else if (words[0] == "restart") {
    cluster.restart(at(1));
  } else if (words[0] == "compact") {
    cluster.compact(at(1), at(2), words.size() > 3 ? at(3) : 0);
  } else if (words[0] == "snapshot") {
    cluster.send_snapshot(at(1), at(2));
  } else if (words[0] == "sent") {
    cluster.input(at(1), SnapshotSent{NodeId(at(2)), words.at(3) == "ok"});
  } else if (words[0] == "install") {
    cluster.install(at(1));
  } else {
    return false;
  }
  return true;
}

bool Script::run_look(const std::vector<std::string>& words) {
  if (words[0] == "log") {
    say(cluster_->log_text(number(words.at(1))));
  } else if (words[0] == "status") {
    for (const std::uint64_t node : cluster_->nodes()) {
      if (words.size() > 1 && number(words[1]) != node) continue;
      say(fmt::format("{}: {}", node,
                      cluster_->up(node) ? to_text(cluster_->status(node)) : "down"));
    }
  } else if (words[0] == "members") {
    for (const std::uint64_t node : cluster_->nodes()) {
      if (words.size() > 1 && number(words[1]) != node) continue;
      if (!cluster_->up(node)) continue;
      say(fmt::format("{}: {}", node, to_text(cluster_->status(node).membership)));
    }
  } else if (words[0] == "network") {
    for (const Message& message : cluster_->network()) say(to_text(message));
    if (cluster_->network().empty()) say("nothing on its way");
  } else {
    return false;
  }
  return true;
}

}  // namespace holdfast::consensus::testing

#include "consensus/membership.h"

#include <algorithm>

#include "base/codec.h"

namespace holdfast::consensus {
namespace {

// Far above any group; keeps a hostile length from becoming an allocation.
constexpr std::uint64_t kMaxMembers = 4096;

bool has(const std::vector<NodeId>& nodes, NodeId node) {
  return std::binary_search(nodes.begin(), nodes.end(), node);
}

void encode_nodes(Writer& writer, const std::vector<NodeId>& nodes) {
  writer.varint(nodes.size());
  for (const NodeId node : nodes) writer.varint(node.value);
}

// Fails the reader unless the nodes are sorted, distinct and not 0: one encoding per membership.
std::vector<NodeId> decode_nodes(Reader& reader) {
  std::vector<NodeId> nodes;
  const std::uint64_t count = reader.varint();
  if (count > kMaxMembers || count > reader.left()) reader.fail();
  NodeId previous;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const NodeId node(reader.varint());
    if (node <= previous) reader.fail();
    previous = node;
    nodes.push_back(node);
  }
  return nodes;
}

}  // namespace

bool Membership::is_voter(NodeId node) const { return has(voters, node) || has(outgoing, node); }

bool Membership::contains(NodeId node) const { return is_voter(node) || has(learners, node); }

std::vector<NodeId> Membership::everyone() const {
  std::vector<NodeId> all = voters;
  all.insert(all.end(), outgoing.begin(), outgoing.end());
  all.insert(all.end(), learners.begin(), learners.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void Membership::encode(std::string& out) const {
  Writer writer(out);
  encode_nodes(writer, voters);
  encode_nodes(writer, outgoing);
  encode_nodes(writer, learners);
}

Result<Membership> Membership::decode(std::string_view bytes) {
  Reader reader(bytes);
  Membership result;
  result.voters = decode_nodes(reader);
  result.outgoing = decode_nodes(reader);
  result.learners = decode_nodes(reader);
  if (!reader.finished()) return Error{"a membership is not readable"};
  for (const NodeId learner : result.learners) {
    if (has(result.voters, learner)) {
      return Error{fmt::format("a membership has node {} as voter and as learner", learner)};
    }
  }
  if (result.voters.empty() && !result.outgoing.empty()) {
    return Error{"a membership is joint but has no new voters"};
  }
  return result;
}

}  // namespace holdfast::consensus

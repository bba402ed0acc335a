#include "storage/identity_file.h"

#include <algorithm>

#include "base/codec.h"
#include "storage/envelope.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kName = "identity";
constexpr std::string_view kIdentityTemporary = "identity.tmp";
constexpr std::uint64_t kFileBytesMax = 1 << 20;
constexpr std::uint32_t kMembersMax = 1024;
constexpr std::size_t kAddressMax = 512;
// What only a folder with an identity can have.
constexpr std::string_view kLogPrefix = "log-";
constexpr std::string_view kSnapshotPrefix = "snapshot-";

constexpr Envelope kIdentityEnvelope{0x59544e4544494648, 4, "the identity file"};  // "HFIDENTY"

std::string encode_identity(const Identity& identity) {
  std::string body;
  Writer writer(body);
  writer.u64(identity.folder_uid);
  writer.u64(identity.cluster_id);
  writer.u64(identity.node.value);
  writer.u64(identity.incarnation.value);
  writer.u32(static_cast<std::uint32_t>(identity.members.size()));
  for (const Member& member : identity.members) {
    writer.u64(member.node.value);
    writer.bytes(member.address);
    writer.bytes(member.peer_address);
    writer.u64(member.uid);
  }
  writer.u32(identity.founders);
  writer.u64(identity.roster_version);
  writer.u32(identity.election_ms);
  writer.u64(identity.older_than.value);
  writer.u32(static_cast<std::uint32_t>(identity.starts.size()));
  for (const std::uint64_t id : identity.starts) writer.u64(id);
  return body;
}

Result<Identity> decode_identity(std::string_view body) {
  Reader reader(body);
  Identity identity;
  identity.folder_uid = reader.u64();
  identity.cluster_id = reader.u64();
  identity.node = NodeId(reader.u64());
  identity.incarnation = Incarnation(reader.u64());
  const std::uint32_t count = reader.u32();
  if (count > kMembersMax) reader.fail();
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    Member member;
    member.node = NodeId(reader.u64());
    member.address = reader.bytes(kAddressMax);
    member.peer_address = reader.bytes(kAddressMax);
    member.uid = reader.u64();
    identity.members.push_back(std::move(member));
  }
  // Version 1 ended here: nobody could join later.
  identity.founders = count;
  if (reader.left() > 0) {
    identity.founders = reader.u32();
    identity.roster_version = reader.u64();
  }
  // And version 2 here: it promised nobody anything.
  if (reader.left() > 0) identity.election_ms = reader.u32();
  // And version 3 here: its starts had numbers and nothing else.
  if (reader.left() > 0) {
    identity.older_than = Incarnation(reader.u64());
    const std::uint32_t starts = reader.u32();
    if (starts > kStartsKept || starts > identity.incarnation.value) reader.fail();
    for (std::uint32_t i = 0; i < starts && reader.ok(); ++i) identity.starts.push_back(reader.u64());
  }
  // The checksum was right, so whoever wrote this was not us.
  if (!reader.finished() || identity.folder_uid == 0) {
    return Error{
        fmt::format("{}: the identity file makes no sense. Nothing has been changed. "
                    "Restore it (or the whole data folder) from a backup.",
                    kName)};
  }
  return identity;
}

}  // namespace

const Member* Identity::find(NodeId member) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [member](const Member& one) { return one.node == member; });
  return found == members.end() ? nullptr : &*found;
}

void count_start(Identity& identity, std::uint64_t id) {
  if (identity.older_than) {
    identity.incarnation = std::max(identity.incarnation, identity.older_than);
    identity.starts.clear();
  }
  identity.incarnation = Incarnation(identity.incarnation.value + 1);
  identity.starts.push_back(id);
  if (identity.starts.size() > kStartsKept) identity.starts.erase(identity.starts.begin());
}

bool knows_start(const Identity& identity, Incarnation incarnation, std::uint64_t id) {
  if (incarnation > identity.incarnation) return false;
  const std::uint64_t since = identity.incarnation.value - incarnation.value;
  const std::size_t kept = identity.starts.size();
  return since >= kept || identity.starts[kept - 1 - since] == id;
}

Result<Identity> load_identity(env::Disk& disk) {
  auto files = disk.list();
  if (!files) return files.error();
  const auto found = std::find_if(files->begin(), files->end(),
                                  [](const auto& file) { return file.name == kName; });
  if (found == files->end()) {
    for (const env::FileInfo& file : *files) {
      if (!file.name.starts_with(kLogPrefix) && !file.name.starts_with(kSnapshotPrefix)) continue;
      return Error{
          fmt::format("the data folder has {} but no identity file ({}): it cannot be "
                      "told whose data this is. Nothing has been changed. Put the file "
                      "back (or the whole folder, from a backup), or start with an empty "
                      "folder.",
                      file.name, kName)};
    }
    return Identity{};
  }
  auto bytes = disk.read(kName, kFileBytesMax);
  if (!bytes) return bytes.error();
  return read_identity(*bytes);
}

Result<Identity> read_identity(std::string_view bytes) {
  auto body = unseal(kIdentityEnvelope, kName, bytes);
  if (!body) return body.error();
  if (bytes.size() != body->size() + kEnvelopeBytes) {
    return Error{
        fmt::format("{}, offset {}: bytes follow the end of the identity file. Nothing "
                    "has been changed. Restore it from a backup.",
                    kName, body->size() + kEnvelopeBytes)};
  }
  return decode_identity(*body);
}

Result<void> store_identity(env::Disk& disk, const Identity& identity) {
  CHECK(identity.folder_uid != 0 && identity.members.size() <= kMembersMax &&
        identity.starts.size() <= kStartsKept);
  const std::string temporary(kIdentityTemporary);
  const std::vector<env::DiskOperation> operations{
      env::RemoveFile{temporary},
      env::WriteFile{
          temporary, 0, {SharedBytes(seal(kIdentityEnvelope, encode_identity(identity)))}},
      env::SyncFile{temporary},
      env::RenameFile{temporary, std::string(kName)},
      env::SyncFolder{},
  };
  return disk.run(operations);
}

}  // namespace holdfast::storage

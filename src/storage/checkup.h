// A data folder looked at from outside: which files are whole, which are damaged and where, and what
// a node would make of them. Reads everything, changes nothing.
//
// Blocking, for tools. REQUIRES: no node runs on the folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "env/disk.h"
#include "storage/identity_file.h"

namespace holdfast::storage {

enum class FileState : std::uint8_t {
  whole,
  damaged,    // what was acknowledged may be unreadable here
  left_over,  // of something that was not finished, or was made in advance: nothing is in it
  aside,      // damaged-*: set aside at a start
  unknown,    // not one of ours
};

struct FileFinding {
  std::string name;
  std::uint64_t size = 0;
  FileState state = FileState::whole;
  std::string what;  // where and what is wrong, or what it is; may be empty
};

struct GroupFinding {
  GroupId group;
  Epoch promise;
  Index first;  // of the entries in the log; last.next() if there are none
  Index last;
  std::optional<Index> snapshot;  // up to where the newest whole one reaches
};

struct Checkup {
  std::vector<FileFinding> files;  // sorted by name
  std::optional<Identity> identity;
  bool recovering = false;  // the node has set a damaged log aside and has not everything again
  std::vector<GroupFinding> groups;  // as far as the log could be read as a whole
  // Why a node would not start with these files as they are; empty: it would. Damaged files of the
  // log alone do not keep one of three nodes or more from starting (decision 0010).
  std::string obstacle;

  std::size_t damaged() const;
};

// An error if the folder cannot be read, or is no data folder of ours.
Result<Checkup> check_data(env::Disk& disk);

}  // namespace holdfast::storage

// A backup, taken to pieces for a restore: verified whole before the first piece is given, freed of
// what makes sense only where it was (who waited, settings), and cut so that each piece fits into
// an entry of the log. The same file gives the same pieces, so that a restore may go on where
// another process stopped.
//
// For tools: it holds all of the data in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/backup_file.h"

namespace holdfast::server {

class RestoreSource {
 public:
  // About the size of a piece; a single value may be larger.
  static constexpr std::size_t kPiece = 256 * 1024;

  // The error is for people: damaged, newer, or of a kind that cannot be restored. `bytes` is not
  // used afterwards.
  static Result<std::unique_ptr<RestoreSource>> open(std::string_view name, std::string_view bytes);
  ~RestoreSource();

  const storage::BackupHeader& header() const;
  const storage::SnapshotHeader& snapshot() const;
  std::uint64_t id() const;      // of the file and how it is cut; never 0
  std::uint64_t pieces() const;  // how many
  std::uint64_t revision() const;
  std::uint64_t keys() const;
  std::uint64_t held_locks() const;
  // The pieces in order, from the first on; "" after the last.
  std::string next_piece();

 private:
  struct State;
  explicit RestoreSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::server

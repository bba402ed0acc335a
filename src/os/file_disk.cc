#include "os/file_disk.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "os/folder.h"

namespace holdfast::os {
namespace {

Result<void> carry_out_all(Folder& folder, std::span<const env::DiskOperation> operations) {
  for (const env::DiskOperation& operation : operations) {
    if (auto done = folder.carry_out(operation); !done) return done;
  }
  return {};
}

// A queue of jobs and the thread that does them.
class Worker {
 public:
  // `alive` is looked at on the loop's thread only: false once nobody wants completions.
  Worker(Folder& folder, EventLoop& loop, std::shared_ptr<const bool> alive)
      : folder_(folder), loop_(loop), alive_(std::move(alive)), thread_([this] { work(); }) {}

  ~Worker() {
    {
      const std::lock_guard guard(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void add(env::DiskJob job) {
    {
      const std::lock_guard guard(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
  }

 private:
  void work() {
    while (true) {
      std::unique_lock guard(mutex_);
      wake_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      // The whole job goes back to the loop, so that its buffers die on the loop's thread.
      auto job = std::make_shared<env::DiskJob>(std::move(jobs_.front()));
      jobs_.pop_front();
      guard.unlock();
      auto result = std::make_shared<Result<void>>(carry_out_all(folder_, job->operations));
      loop_.post([job = std::move(job), result = std::move(result), alive = alive_] {
        if (*alive && job->done) job->done(std::move(*result));
      });
    }
  }

  Folder& folder_;
  EventLoop& loop_;
  const std::shared_ptr<const bool> alive_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<env::DiskJob> jobs_;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::thread thread_;             // last: it uses the others
};

}  // namespace

struct FileDisk::State {
  State(std::unique_ptr<Folder> opened, EventLoop& loop)
      : folder(std::move(opened)),
        alive(std::make_shared<bool>(true)),
        log(*folder, loop, alive),
        background(*folder, loop, alive),
        snapshots(*folder, loop, alive) {}

  Worker& worker(env::Lane lane) {
    if (lane == env::Lane::log) return log;
    return lane == env::Lane::snapshots ? snapshots : background;
  }

  std::unique_ptr<Folder> folder;
  std::shared_ptr<bool> alive;
  Worker log;
  Worker background;
  Worker snapshots;
};

Result<std::unique_ptr<FileDisk>> FileDisk::open(const std::string& path, EventLoop& loop) {
  auto folder = Folder::open(path);
  if (!folder) return folder.error();
  return std::unique_ptr<FileDisk>(new FileDisk(std::make_unique<State>(std::move(*folder), loop)));
}

FileDisk::FileDisk(std::unique_ptr<State> state) : state_(std::move(state)) {}

FileDisk::~FileDisk() { *state_->alive = false; }

void FileDisk::submit(env::Lane lane, env::DiskJob job) {
  state_->worker(lane).add(std::move(job));
}

Result<void> FileDisk::run(std::span<const env::DiskOperation> operations) {
  return carry_out_all(*state_->folder, operations);
}

Result<std::vector<env::FileInfo>> FileDisk::list() { return state_->folder->list(); }

Result<std::string> FileDisk::read(std::string_view name, std::uint64_t limit) {
  return state_->folder->read(name, limit);
}

Result<std::uint64_t> FileDisk::free_space() { return state_->folder->free_space(); }

}  // namespace holdfast::os

// The main loop's half of a stream whose system calls an I/O loop does (os/spread.h).
//
// It keeps what env/network.h promises although the other half is ahead or behind: what arrives for
// a paused stream is held until it is not, and pending() counts what was sent until the kernel has
// it.
//
// Threads: the main loop's. Life: open -> closed (by its owner, or told so) -> gone, when the I/O
// loop has said its last word of it. Kept alive by the set of streams until then, and by each post.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "env/network.h"
#include "os/io_mail.h"
#include "os/tcp_stream.h"

namespace holdfast::os {

class Spread;
struct SpreadLink;

class SpreadStream final : public env::Stream, public std::enable_shared_from_this<SpreadStream> {
 public:
  SpreadStream(Spread& spread, SpreadLink& link, tcp::socket socket);
  ~SpreadStream() override;

  void begin(const env::AcceptHandler& accept);
  // The network is going, and the I/O loop has gone: nobody is told anything any more.
  void abandon();

  // ---- what the I/O loop tells
  void on_bytes(std::string_view bytes);
  void on_end_of_input();
  void on_broke(int error);
  void on_drained();
  SpreadLink& link() const { return link_; }

  // ---- to its owner
  void send(std::string_view bytes) override;
  void send(SharedBytes bytes) override;
  std::size_t pending() const override;
  void pause_reading(bool paused) override;
  void close(bool now) override;
  env::Address local() const override { return local_; }
  env::Address remote() const override { return remote_; }

 private:
  // Where in this turn's orders that of this stream is; makes it if there is none.
  std::size_t order();
  void sent(std::size_t order, std::size_t size);
  void tell_reading();
  void hear_held();
  void tell_end_of_input();
  // No more orders from here on.
  void end(Orders::End how);

  Spread& spread_;
  SpreadLink& link_;
  IoStream io_;  // the I/O loop's
  std::shared_ptr<env::StreamHandler> handler_;
  env::Address local_;
  env::Address remote_;
  std::uint64_t round_ = 0;  // of the link: order_ is one of it
  std::size_t order_ = 0;
  std::uint64_t sent_ = 0;  // bytes, ever
  std::string held_;        // arrived while it was paused
  bool held_end_ = false;   // likewise, after that
  bool ordered_ = false;    // anything: the I/O loop knows it, or will at the end of this turn
  bool paused_ = false;     // by pause_reading
  bool reading_ = true;     // what the I/O loop was told
  bool input_ended_ = false;
  bool open_ = true;
};

}  // namespace holdfast::os

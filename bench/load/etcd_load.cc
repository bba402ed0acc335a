#include "load/etcd_load.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/prng.h"
#include "load/socket.h"
#include "load/wire.h"

namespace holdfast::load {
namespace {

constexpr std::int32_t kWindow = 1 << 30;  // flow control is not to be what is measured

// ---- A call's bytes

void append_length(std::string& out, std::size_t length) {
  for (; length >= 128; length >>= 7) out += static_cast<char>(128 | (length & 127));
  out += static_cast<char>(length);
}

// etcdserverpb.PutRequest, with field 1 the key and field 2 the value, in one gRPC message.
std::string put_request(std::string_view key, std::string_view value) {
  std::string message;
  message += '\x0a';
  append_length(message, key.size());
  message += key;
  message += '\x12';
  append_length(message, value.size());
  message += value;
  std::string framed(1, '\0');  // not compressed
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(message.size() >> shift);
  return framed + message;
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {.name = bytes(name),
          .value = bytes(value),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

// ---- A connection

class Caller {
 public:
  Caller(Poller& poller, std::uint32_t tag, const EtcdPlan& plan);
  ~Caller() { nghttp2_session_del(session_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  void read();
  void flush();
  std::uint64_t take_done() { return std::exchange(done_, 0); }

 private:
  struct Call {
    std::string body;
    std::size_t sent = 0;
  };

  void call(Call& call);
  void on_header(std::string_view name, std::string_view value);
  void on_closed(std::uint32_t error, Call* call);
  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*);

  const EtcdPlan& plan_;
  Socket socket_;
  nghttp2_session* session_ = nullptr;
  Prng prng_;
  std::string value_;
  std::deque<Call> calls_;
  std::uint64_t done_ = 0;
  std::string problem_;  // noticed in a callback, which must not throw
};

Caller::Caller(Poller& poller, std::uint32_t tag, const EtcdPlan& plan)
    : plan_(plan), socket_(poller, tag), prng_(tag), value_(plan.value_size, 'v') {
  socket_.connect(plan.servers[tag % plan.servers.size()]);
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks,
      [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
        static_cast<Caller*>(self)->on_header({reinterpret_cast<const char*>(name), name_size},
                                              {reinterpret_cast<const char*>(value), value_size});
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks,
      [](nghttp2_session* session, std::int32_t stream, std::uint32_t error, void* self) {
        static_cast<Caller*>(self)->on_closed(
            error, static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream)));
        return 0;
      });
  nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &window, 1);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
  for (std::uint32_t i = 0; i < plan.calls; ++i) call(calls_.emplace_back());
}

void Caller::call(Call& call) {
  call = {.body = put_request(key_name(prng_.below(plan_.keys)), value_)};
  const nghttp2_nv headers[] = {header(":method", "POST"),
                                header(":scheme", "http"),
                                header(":path", "/etcdserverpb.KV/Put"),
                                header(":authority", "127.0.0.1"),
                                header("content-type", "application/grpc"),
                                header("te", "trailers")};
  nghttp2_data_provider body{};
  body.source.ptr = &call;
  body.read_callback = read_body;
  if (nghttp2_submit_request(session_, nullptr, headers, std::size(headers), &body, &call) < 0) {
    problem_ = "no further call can be made on a connection";
  }
}

ssize_t Caller::read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                          std::uint32_t* flags, nghttp2_data_source* source, void*) {
  Call& call = *static_cast<Call*>(source->ptr);
  const std::size_t count = std::min(room, call.body.size() - call.sent);
  std::copy_n(call.body.data() + call.sent, count, to);
  call.sent += count;
  if (call.sent == call.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(count);
}

void Caller::on_header(std::string_view name, std::string_view value) {
  if (name == "grpc-status" && value != "0")
    problem_ = "etcd answered with grpc-status " + std::string(value);
}

void Caller::on_closed(std::uint32_t error, Call* ended) {
  if (error != NGHTTP2_NO_ERROR) problem_ = fmt::format("a stream ended with error {}", error);
  ++done_;
  call(*ended);
}

void Caller::read() {
  const bool open = socket_.receive();
  const auto bytes = socket_.input();
  const auto taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) throw std::runtime_error(nghttp2_strerror(static_cast<int>(taken)));
  socket_.take(static_cast<std::size_t>(taken));
  if (!problem_.empty()) throw std::runtime_error(problem_);
  if (!open) throw std::runtime_error("etcd closed a connection");
}

void Caller::flush() {
  for (;;) {
    const std::uint8_t* bytes = nullptr;
    const auto count = nghttp2_session_mem_send(session_, &bytes);
    if (count < 0) throw std::runtime_error(nghttp2_strerror(static_cast<int>(count)));
    if (count == 0) break;
    socket_.output().append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
  if (!socket_.flush()) throw std::runtime_error("a connection to etcd broke");
}

// ---- All of them

// Puts that were answered until then.
std::uint64_t put_until(Instant end, Poller& poller, std::deque<Caller>& callers) {
  std::uint64_t done = 0;
  while (now() < end) {
    for (const auto& event : poller.wait(end)) {
      auto& caller = callers[event.tag];
      if (event.readable) caller.read();
      caller.flush();
      done += caller.take_done();
    }
  }
  return done;
}

}  // namespace

std::string run_etcd(const EtcdPlan& plan) {
  Poller poller;
  std::deque<Caller> callers;
  for (std::uint32_t i = 0; i < plan.connections; ++i)
    callers.emplace_back(poller, i, plan).flush();
  put_until(now() + plan.warm_up, poller, callers);
  const Instant began = now();
  const auto done = put_until(began + plan.length, poller, callers);
  const double seconds = static_cast<double>((now() - began).ns) / 1e9;
  return fmt::format(R"({{"units": {}, "seconds": {:.3f}, "per_second": {:.1f}}})", done, seconds,
                     static_cast<double>(done) / seconds);
}

}  // namespace holdfast::load

#include "os/spread.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "os/event_loop_parts.h"
#include "os/spread_stream.h"

namespace holdfast::os {
namespace {

// Orders that came back and may wait for a turn; more are freed.
constexpr std::size_t kIdleOrders = 4;
// So many emptied parcels go back even if there is nothing else to say. Fewer wait for company:
// giving them back would wake a loop that has no lack of them.
constexpr std::size_t kGiveBack = IoLoop::kParcels / 2;

}  // namespace

Spread::Spread(EventLoop& loop, int io_loops) : loop_(loop) {
  for (int i = 1; i <= io_loops; ++i) {
    auto link = std::make_unique<SpreadLink>();
    // Posted directly, since this is called for each parcel: one piece of memory instead of two.
    auto wake = [this, link = link.get(), &io = loop.parts().io,
                 held = std::weak_ptr<int>(alive_)] {
      boost::asio::post(io, [this, link, held] {
        if (!held.expired()) receive(*link);
      });
    };
    link->loop = std::make_unique<IoLoop>(fmt::format("io-{}", i), std::move(wake));
    links_.push_back(std::move(link));
  }
}

Spread::~Spread() {
  flush();
  for (const auto& link : links_) link->loop.reset();
  for (const auto& stream : streams_) stream->abandon();
}

void Spread::take(tcp::socket socket, const env::AcceptHandler& accept) {
  const auto fewer = [](const auto& one, const auto& other) {
    return one->streams < other->streams;
  };
  SpreadLink& link = **std::min_element(links_.begin(), links_.end(), fewer);
  const auto stream = std::make_shared<SpreadStream>(*this, link, std::move(socket));
  ++link.streams;
  streams_.insert(stream);
  stream->begin(accept);
}

void Spread::forget(SpreadStream& stream) {
  const auto self = stream.shared_from_this();
  if (streams_.erase(self) > 0) --stream.link().streams;
}

void Spread::receive(SpreadLink& link) {
  do {
    link.loop->parcels().take(received_);
    for (auto& parcel : received_) {
      for (auto& orders : parcel->done) {
        if (link.idle.size() >= kIdleOrders) break;
        orders->clear();
        link.idle.push_back(std::move(orders));
      }
      parcel->done.clear();
      deliver(*parcel);
      parcel->clear();
      link.emptied.push_back(std::move(parcel));
    }
  } while (!link.loop->parcels().wait());
}

void Spread::deliver(const Parcel& parcel) {
  for (const Parcel::Event& event : parcel.events) {
    SpreadStream& stream = *event.stream;
    switch (event.what) {
      case Parcel::What::bytes:
        stream.on_bytes({parcel.buffer.get() + event.offset, event.size});
        break;
      case Parcel::What::end_of_input:
        stream.on_end_of_input();
        break;
      case Parcel::What::broke:
        stream.on_broke(event.error);
        break;
      case Parcel::What::drained:
        stream.on_drained();
        break;
      case Parcel::What::gone:
        forget(stream);
        break;
    }
  }
}

void Spread::flush() {
  for (const auto& link : links_) {
    if (link->open->orders.empty() && link->emptied.size() < kGiveBack) continue;
    link->open->emptied.swap(link->emptied);
    link->loop->order(std::move(link->open));
    ++link->round;
    if (link->idle.empty()) {
      link->open = std::make_unique<Orders>();
    } else {
      link->open = std::move(link->idle.back());
      link->idle.pop_back();
    }
  }
}

std::uint64_t Spread::writes() const {
  std::uint64_t count = 0;
  for (const auto& link : links_) count += link->loop->writes();
  return count;
}

}  // namespace holdfast::os

#include "gateway/http2_connection.h"

#include <utility>

#include "gateway/worker.h"

namespace insula::gateway {
namespace {

/// Frames are gathered into one write up to so many bytes.
constexpr std::size_t kWriteBytes = std::size_t{64} << 10U;
/// What most writes have room in.
constexpr std::size_t kUsualWriteBytes = std::size_t{16} << 10U;
/// Idle frames that a client gets back with each sweep of its worker: 32 a second.
constexpr std::int64_t kIdleFramesBack = 8;

}  // namespace

Http2Connection::Http2Connection(Worker& worker,
                                 ConnectionList::Place& place,
                                 std::unique_ptr<net::Stream> client,
                                 std::string server_name)
    : worker_(worker),
      place_(place),
      client_(std::move(client)),
      client_address_(address_of(*client_)),
      server_name_(std::move(server_name)),
      session_(*this),
      idle_since_(worker.coarse_now()) {}

Task<> Http2Connection::serve(std::string received) {
  writer_.spawn(write_out());
  wake();
  for (bool open = take(received); open;) {
    const auto got = co_await client_->read(worker_.buffer());
    open = got && *got > 0 && !place_.ended() && take({worker_.buffer().data(), *got});
  }
  // The session calls no stream any more: they go when their exchanges have ended.
  writer_.cancel();
  for (const auto& entry : streams_)
    entry.second->leave();
  co_await exchanges_.drained();
}

bool Http2Connection::take(std::string_view bytes) {
  const auto taken = session_.receive(bytes);
  wake();
  if (!session_.in_head()) {
    head_since_.reset();
  } else if (!head_since_) {
    head_since_ = worker_.coarse_now();
  }
  if (taken) return true;
  // The last frames, which say why; whether they arrive is the client's concern.
  for (auto out = session_.output(); !out.empty(); out = session_.output())
    static_cast<void>(client_->try_write(out, {}));
  return false;
}

http::Http2StreamHandler* Http2Connection::on_request(http::StreamId id,
                                                      http::Http2Head head,
                                                      bool ended) {
  place_.set_waiting(false);
  if (!worker_.make_room()) {
    place_.set_waiting(streams_.empty());
    return nullptr;
  }
  auto stream = std::make_unique<Http2Stream>(*this, id, std::move(head), ended);
  Http2Stream* const key = stream.get();
  streams_.emplace(key, std::move(stream));
  exchanges_.spawn(key->run());
  return key;
}

void Http2Connection::forget_if_over(const Http2Stream& stream) {
  if (!stream.is_over()) return;
  streams_.erase(&stream);
  if (!streams_.empty()) return;
  idle_since_ = worker_.coarse_now();
  place_.set_waiting(true);
}

/// Sends what the session has, whenever it has something. Ends with the session.
Task<> Http2Connection::write_out() {
  while (!session_.is_over()) {
    out_.clear();
    while (out_.size() < kWriteBytes) {
      const std::string_view frame = session_.output();
      if (frame.empty()) break;
      if (out_.capacity() < kUsualWriteBytes) out_ = worker_.buffers().take(kUsualWriteBytes);
      out_.append(frame);
    }
    if (out_.empty()) {
      worker_.buffers().give(std::exchange(out_, {}));
      co_await has_output_.wait();
      has_output_.reset();
      continue;
    }
    writing_since_ = worker_.coarse_now();
    const auto written = co_await client_->write(out_);
    writing_since_.reset();
    if (!written) break;
  }
  client_->shutdown();
}

void Http2Connection::check_deadline(SteadyTime now) {
  const Timeouts& timeouts = worker_.settings().timeouts;
  session_.allow_idle_frames(kIdleFramesBack);
  for (const auto& entry : streams_)
    entry.second->check_deadline(now);
  if (drain_deadline_ && now >= *drain_deadline_) {
    drain_deadline_.reset();
    session_.end();
    wake();
  }
  if (streams_.empty() && now >= idle_since_ + timeouts.idle) {
    idle_since_ = now;
    session_.end();
    wake();
  }
  const bool stuck = (head_since_ && now >= *head_since_ + timeouts.head) ||
                     (writing_since_ && now >= *writing_since_ + timeouts.client_write);
  if (stuck) client_->shutdown();
}

void Http2Connection::begin_drain(SteadyTime now) {
  session_.announce_end();
  wake();
  drain_deadline_ = now + kDrainIdleTime;
}

}  // namespace insula::gateway

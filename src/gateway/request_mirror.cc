#include "gateway/request_mirror.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "async/deadline.h"
#include "gateway/request.h"
#include "gateway/worker.h"
#include "http/parser.h"

namespace insula::gateway {
namespace {

constexpr int kFinalStatus = 200;
constexpr int kServerError = 500;
constexpr std::size_t kPieceBytes = 4096;
/// Of the heads of a reply, interim ones included.
constexpr std::size_t kHeadBytesMax = std::size_t{64} << 10U;

}  // namespace

/// A copy on its way. The snapshot keeps the endpoint and the series.
struct RequestMirror::Copy {
  Copy(std::shared_ptr<const Snapshot> of, BodyMemory& memory)
      : snapshot(std::move(of)), share(memory) {}

  void count(int status) {
    is_counted = true;
    (status < kServerError ? metrics->mirrored_answered : metrics->mirrored_failed)->add();
  }

  std::shared_ptr<const Snapshot> snapshot;
  const TenantMetrics* metrics = nullptr;
  Visit visit;
  std::string head;
  std::string body;
  BodyMemory::Share share;
  bool is_counted = false;
};

void RequestMirror::send(MirroredRequest request) {
  const TenantMetrics& metrics = *request.tenant.metrics;
  auto copy = std::make_unique<Copy>(std::move(request.snapshot), worker_.body_memory());
  copy->share.belong_to(request.tenant.name);
  if (tasks_.size() >= kAtOnceMax || request.body.size() > kBodyBytesMax || worker_.draining() ||
      !copy->share.take(request.head.size() + request.body.size()))
    return metrics.mirrored_left_out->add();
  if (!request.backend.endpoints.empty())
    copy->visit = worker_.balancer().choose(request.backend, {}, worker_.coarse_now());
  if (!copy->visit) return metrics.mirrored_failed->add();
  copy->metrics = &metrics;
  copy->head = std::move(request.head);
  copy->head.append("Connection: close\r\n");
  finish_upstream_head(
      copy->head, request.host,
      request.has_body ? std::optional<std::size_t>(request.body.size()) : std::nullopt);
  copy->body = request.body;
  tasks_.spawn(deliver(std::move(copy)));
}

Task<> RequestMirror::deliver(std::unique_ptr<Copy> copy) {
  const Deadline deadline = Loop::current().now() + kTimeMax;
  const auto answered = co_await with_deadline(deadline, exchange(*copy));
  if (!answered && !copy->is_counted) copy->metrics->mirrored_failed->add();
}

/// Counts the reply once its head is there. Errors: any when there is none, or it breaks off.
Task<Result<>> RequestMirror::exchange(Copy& copy) {
  INSULA_CO_TRY(
      const std::unique_ptr<net::Stream> stream,
      co_await worker_.pool().connect(copy.visit.endpoint(),
                                      Loop::current().now() + worker_.settings().timeouts.connect));
  INSULA_CO_TRY_VOID(co_await stream->write(copy.head, copy.body));
  std::array<char, kPieceBytes> piece{};
  std::string text;
  http::ResponseHead head;
  for (std::size_t seen = 0; !copy.is_counted;) {
    INSULA_CO_TRY(const std::size_t got, co_await stream->read(piece));
    if (got == 0) co_return fail(ErrorCode::kUpstream, "closed without a reply");
    text.append(piece.data(), got);
    auto parsed = http::ParseStatus::kComplete;
    while ((parsed = http::parse_response(text, seen, {}, head)) == http::ParseStatus::kComplete &&
           head.status < kFinalStatus) {
      text.erase(0, head.size);
      seen = 0;
    }
    if (parsed == http::ParseStatus::kRefused || text.size() > kHeadBytesMax)
      co_return fail(ErrorCode::kUpstream, "no HTTP");
    if (parsed == http::ParseStatus::kComplete) copy.count(head.status);
    seen = text.size();
  }
  const std::size_t all = head.size + std::min(head.content_length.value_or(kReplyBytesMax),
                                               std::uint64_t{kReplyBytesMax});
  for (std::size_t read = text.size(); read < all;) {
    INSULA_CO_TRY(const std::size_t got, co_await stream->read(piece));
    if (got == 0) break;
    read += got;
  }
  co_return Result<>{};
}

}  // namespace insula::gateway

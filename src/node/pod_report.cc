#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "async/loop.h"
#include "client/status_error.h"
#include "client/typed.h"
#include "json/value.h"
#include "json/write.h"
#include "node/pod_worker.h"

// Telling the API: status and events.
namespace insula::node {

using controller::EventType;

namespace {

constexpr auto kWriteAgainMin = std::chrono::milliseconds(50);
constexpr auto kWriteAgainMax = std::chrono::seconds(5);
// A pod that is up sooner is reported once, as running, and not first as being created.
constexpr auto kSlowStart = std::chrono::milliseconds(300);

// A merge patch leaves out what is empty, so what may have been set before is cleared by name.
void clear_what_is_unset(json::Value& status) {
  for (const char* name : {"reason", "message", "podIP", "podIPs"}) {
    if (status.find(name) == nullptr) status[name] = nullptr;
  }
}

// The API has read the status and does not want it: trying again helps only once rules change.
bool is_refusal(const Error& error) {
  return error.code() == ErrorCode::kForbidden || error.code() == ErrorCode::kInvalid;
}

}  // namespace

Task<> PodWorker::report_slow_start() {
  co_await sleep_for(kSlowStart);
  changed();
}

Task<> PodWorker::report() {
  std::chrono::nanoseconds again = kWriteAgainMin;
  std::string refused;  // why, when that has been said
  while (true) {
    co_await dirty_.wait();
    dirty_.reset();
    const Result<> written = co_await write_status();
    if (written) {
      again = kWriteAgainMin;
      refused.clear();
      continue;
    }
    if (!is_refusal(written.error())) {
      services_.log.debug("pod status not written", "pod", pod_.metadata.name, "err",
                          written.error());
    } else if (refused != written.error().message()) {
      refused = written.error().message();
      services_.log.warn("pod status refused", "namespace", pod_.metadata.namespace_, "pod",
                         pod_.metadata.name, "err", written.error());
    }
    co_await sleep_for(again);
    again = std::min<std::chrono::nanoseconds>(2 * again, kWriteAgainMax);
    changed();
  }
}

// A write may be given up while it waits for an answer: the next one must not wait for its end.
class PodWorker::Writing {
 public:
  explicit Writing(PodWorker& worker) : worker_(worker) { worker_.writing_ = true; }

  ~Writing() {
    worker_.writing_ = false;
    worker_.write_done_.set();
  }

  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  PodWorker& worker_;
};

// One write at a time, so that an older status never lands on a newer one.
Task<Result<>> PodWorker::write_status() {
  while (writing_) {
    write_done_.reset();
    co_await write_done_.wait();
  }
  const Writing writing(*this);
  co_return co_await write_status_now();
}

Task<Result<>> PodWorker::write_status_now() {
  if (vanished_) co_return Result<>{};
  const api::PodStatus status = pod_status(pod_, record_, now());
  std::string text = api::encode_json(status);
  if (text == written_) co_return Result<>{};
  json::Value patch;
  patch["metadata"]["uid"] = pod_.metadata.uid;
  patch["status"] = api::to_json(status);
  clear_what_is_unset(patch["status"]);
  client::Target target =
      client::target_of<api::Pod>(pod_.metadata.namespace_, pod_.metadata.name, "status");
  auto answer = co_await services_.client.patch(std::move(target), client::PatchType::kMerge,
                                                json::write(patch), {});
  if (answer) {
    written_ = std::move(text);
    co_return Result<>{};
  }
  // Gone, or another pod of the same name: the watch will say so too, and nothing is left to
  // report.
  if (client::has_gone(answer.error())) co_return Result<>{};
  co_return std::unexpected(std::move(answer).error());
}

void PodWorker::event(const Slot& slot, EventType type, std::string reason, std::string message) {
  const std::string_view list = slot.is_init()      ? "initContainers"
                                : slot.is_regular() ? "containers"
                                                    : "ephemeralContainers";
  api::ObjectReference about = controller::reference_to(api::kind_of<api::Pod>(), pod_.metadata);
  about.field_path = fmt::format("spec.{}{{{}}}", list, slot.spec.name);
  services_.events.record(std::move(about), type, std::move(reason), std::move(message));
}

void PodWorker::event(EventType type, std::string reason, std::string message) {
  services_.events.record(pod_, type, std::move(reason), std::move(message));
}

}  // namespace insula::node

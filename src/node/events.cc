#include "node/events.h"

#include <utility>

#include <fmt/format.h>

#include "client/typed.h"

namespace insula::node {
namespace {

constexpr auto kSameEventWindow = std::chrono::minutes(10);
constexpr std::size_t kRememberedMax = 4096;
constexpr std::size_t kMessageBytesMax = 1024;  // of the API
constexpr std::string_view kSuffixAlphabet = "0123456789abcdef";
constexpr std::string_view kComponent = "kubelet";

std::string key_of(const api::Event& event) {
  const api::ObjectReference& object = event.involved_object;
  return fmt::format("{}/{}/{}/{}/{}/{}", object.kind, object.namespace_, object.uid, object.field_path, event.reason, event.message);
}

}  // namespace

EventRecorder::EventRecorder(client::Client& client, std::string node_name, const Clock& clock, Random& random, Log log)
    : client_(client), node_name_(std::move(node_name)), clock_(clock), random_(random), log_(std::move(log)) {}

void EventRecorder::start() { tasks_.spawn(send_all()); }

void EventRecorder::record(const api::Pod& pod, const std::string& container, EventType type, std::string reason, std::string message) {
  api::Event event;
  event.metadata.namespace_ = pod.metadata.namespace_;
  event.involved_object.kind = "Pod";
  event.involved_object.api_version = "v1";
  event.involved_object.name = pod.metadata.name;
  event.involved_object.namespace_ = pod.metadata.namespace_;
  event.involved_object.uid = pod.metadata.uid;
  if (!container.empty()) event.involved_object.field_path = fmt::format("spec.containers{{{}}}", container);
  event.type = type == EventType::kNormal ? "Normal" : "Warning";
  event.reason = std::move(reason);
  event.message = std::move(message);
  enqueue(std::move(event));
}

void EventRecorder::record_node(EventType type, std::string reason, std::string message) {
  api::Event event;
  event.metadata.namespace_ = "default";
  event.involved_object.kind = "Node";
  event.involved_object.name = node_name_;
  event.involved_object.uid = node_name_;
  event.type = type == EventType::kNormal ? "Normal" : "Warning";
  event.reason = std::move(reason);
  event.message = std::move(message);
  enqueue(std::move(event));
}

void EventRecorder::enqueue(api::Event event) {
  if (event.message.size() > kMessageBytesMax) event.message.resize(kMessageBytesMax);
  event.metadata.name = fmt::format("{}.{}", event.involved_object.name, random_text(random_, kSuffixAlphabet, 16));
  event.source.component = kComponent;
  event.source.host = node_name_;
  event.reporting_component = kComponent;
  event.reporting_instance = node_name_;
  event.first_timestamp = api::Time::from(clock_.wall());
  event.last_timestamp = event.first_timestamp;
  event.count = 1;
  if (!queue_.try_send(std::move(event))) log_.debug("event dropped");
}

Task<> EventRecorder::send_all() {
  while (true) {
    std::optional<api::Event> event = co_await queue_.receive();
    if (!event) co_return;
    co_await send(*std::move(event));
  }
}

Task<> EventRecorder::send(api::Event event) {
  forget_old();
  const std::string key = key_of(event);
  const std::string name_space = event.metadata.namespace_;
  if (const auto known = sent_.find(key); known != sent_.end()) {
    Sent& sent = known->second;
    std::string body = fmt::format(R"({{"count":{},"lastTimestamp":"{}"}})", sent.count + 1, event.last_timestamp.text());
    const Result<api::Event> patched =
        co_await client::patch<api::Event>(client_, name_space, sent.name, client::PatchType::kMerge, std::move(body));
    if (patched) {
      sent.count += 1;
      co_return;
    }
    sent_.erase(key);
  }
  Sent sent{event.metadata.name, 1, clock_.now()};
  const Result<api::Event> created = co_await client::create(client_, std::move(event));
  if (created) {
    sent_[key] = std::move(sent);
  } else {
    log_.debug("event refused", "err", created.error());
  }
}

void EventRecorder::forget_old() {
  if (sent_.size() >= kRememberedMax) sent_.clear();
  const SteadyTime oldest = clock_.now() - kSameEventWindow;
  std::erase_if(sent_, [oldest](const auto& entry) { return entry.second.at < oldest; });
}

}  // namespace insula::node

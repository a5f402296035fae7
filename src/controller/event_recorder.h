#pragma once

#include <list>
#include <map>
#include <string>
#include <string_view>

#include "api/gen/core_v1.h"
#include "api/kind.h"
#include "async/channel.h"
#include "async/task_group.h"
#include "client/client.h"
#include "controller/controller.h"

namespace insula::controller {

enum class EventType : std::uint8_t { kNormal, kWarning };

/// Events that wait to be written; more are dropped and counted.
inline constexpr std::size_t kEventsWaitingMax = 1000;
/// Events remembered in order to count repetitions instead of writing new ones.
inline constexpr std::size_t kEventsRememberedMax = 4096;
/// A repetition later than this starts a new Event: the server forgets Events after about an hour.
inline constexpr std::chrono::minutes kEventMergeWindow{10};

[[nodiscard]] api::ObjectReference reference_to(const api::Kind& kind, const api::ObjectMeta& metadata);

/// Tells users what happened to an object, as core/v1 Events. A repeated event raises the count of
/// the one that is there.
///
/// record() only queues: events are advice, and no controller waits for them or fails with them.
class EventRecorder {
 public:
  EventRecorder(client::Client& client, const Runtime& runtime, std::string component);

  void start();

  void record(api::ObjectReference about, EventType type, std::string reason, std::string message);

  template <class T>
  void record(const T& about, EventType type, std::string reason, std::string message) {
    record(reference_to(api::kind_of<T>(), about.metadata), type, std::move(reason), std::move(message));
  }

  /// Nothing waits to be written.
  [[nodiscard]] bool idle() const { return queue_.size() == 0 && !writing_; }

 private:
  struct Remembered {
    std::string key;
    api::Event event;  // as last stored
  };

  Task<> write_all();
  Task<Result<>> write(api::Event event);
  void remember(std::string key, api::Event event);

  client::Client& client_;
  const Clock& clock_;
  Log log_;
  Counter& dropped_;
  std::string component_;
  std::uint64_t sequence_ = 0;
  bool writing_ = false;
  std::list<Remembered> recent_;  // newest first
  std::map<std::string, std::list<Remembered>::iterator> by_key_;
  Channel<api::Event> queue_{kEventsWaitingMax};
  TaskGroup tasks_;
};

}  // namespace insula::controller

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
/// Events about one object for one reason that may differ in their message only; further ones are
/// merged into one, as a generated name in the message makes every attempt look new.
inline constexpr int kSimilarEventsMax = 10;
/// A repetition later than this starts a new Event: the server forgets Events after about an hour.
inline constexpr std::chrono::minutes kEventMergeWindow{10};

[[nodiscard]] api::ObjectReference reference_to(const api::Kind& kind,
                                                const api::ObjectMeta& metadata);

/// Tells users what happened to an object, as core/v1 Events. A repeated event raises the count of
/// the one that is there, and so do many similar ones.
///
/// record() only queues: events are advice, and no controller waits for them or fails with them.
class EventRecorder {
 public:
  EventRecorder(client::Client& client, const Runtime& runtime, std::string component);

  void start();

  void record(api::ObjectReference about, EventType type, std::string reason, std::string message);

  template <class T>
  void record(const T& about, EventType type, std::string reason, std::string message) {
    record(reference_to(api::kind_of<T>(), about.metadata), type, std::move(reason),
           std::move(message));
  }

  /// Nothing waits to be written.
  [[nodiscard]] bool idle() const { return queue_.size() == 0 && !writing_; }

 private:
  struct Remembered {
    std::string key;
    api::Event event;  // as last stored
  };

  /// How many different messages there were lately, for one object and reason.
  struct Similar {
    int count = 0;
    SteadyTime since;
  };

  Task<> write_all();
  Task<Result<>> write(api::Event event);
  [[nodiscard]] bool is_one_of_many(const api::Event& event);
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
  std::map<std::string, Similar> similar_;
  Channel<api::Event> queue_{kEventsWaitingMax};
  TaskGroup tasks_;
};

}  // namespace insula::controller

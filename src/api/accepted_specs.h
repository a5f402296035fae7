#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/gateway_v1.h"

namespace insula::api {

/// Of a ControllerRevision in kSystemNamespace that remembers what of an HTTPRoute or Gateway was
/// accepted last: its kind, and the object's uid. `revision` is the object's generation then.
inline constexpr const char* kAcceptedLabel = "insula.dev/accepted";
inline constexpr const char* kAcceptedUidLabel = "insula.dev/accepted-uid";

using AcceptedRecords = std::vector<std::shared_ptr<const ControllerRevision>>;

/// What remembers the object as it is.
[[nodiscard]] ControllerRevision accepted_record(const HTTPRoute& route);
[[nodiscard]] ControllerRevision accepted_record(const Gateway& gateway);

/// What was accepted last, of every object of which that is remembered.
///
/// Lifetime: of the records. Cost: a record is read when it is asked for.
class AcceptedSpecs {
 public:
  explicit AcceptedSpecs(const AcceptedRecords& records);

  /// The object with the spec, and of the generation, that was accepted last; all else is as it is
  /// now. Null: nothing is remembered, or nothing else.
  [[nodiscard]] std::shared_ptr<const HTTPRoute> earlier(const HTTPRoute& now) const;
  [[nodiscard]] std::shared_ptr<const Gateway> earlier(const Gateway& now) const;

  /// Null: nothing is remembered of the object with this uid.
  [[nodiscard]] const ControllerRevision* find(std::string_view uid) const;

 private:
  template <class T>
  [[nodiscard]] std::shared_ptr<const T> read(const T& now) const;

  std::map<std::string_view, const ControllerRevision*> by_uid_;  // the newest
};

}  // namespace insula::api

#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/gen/meta_v1.h"
#include "api/kind.h"

namespace insula::controllers {

inline constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";
inline constexpr std::string_view kOrphanFinalizer = "orphan";

/// One live object as garbage collection sees it.
struct OwnedObject {
  const api::Kind* kind = nullptr;
  api::ObjectMeta metadata;

  [[nodiscard]] bool has_finalizer(std::string_view name) const;
  /// Is being deleted in the foreground: after what it owns.
  [[nodiscard]] bool waits_for_dependents() const;
  /// Is what the reference of an object in `name_space` names: not its uid alone, which anybody can
  /// write, but also kind (in any version), name and namespace.
  [[nodiscard]] bool is_named_by(const api::OwnerReference& reference,
                                 std::string_view name_space) const;
};

/// Who owns whom, by uid.
class OwnerGraph {
 public:
  /// Puts in or replaces. Returns what was there before.
  std::optional<OwnedObject> put(OwnedObject object);
  /// Returns what was there.
  std::optional<OwnedObject> erase(const std::string& uid);

  /// Null when it does not exist (or has not been seen yet).
  [[nodiscard]] const OwnedObject* find(const std::string& uid) const;
  /// Who names it as owner. While it exists, only those that it can own: what is in a namespace
  /// owns nothing outside of it.
  [[nodiscard]] std::vector<std::string> dependents(const std::string& uid) const;
  /// Dependents that keep their owner from going while it is deleted in the foreground.
  [[nodiscard]] std::vector<std::string> blocking_dependents(const std::string& uid) const;

  [[nodiscard]] std::size_t size() const { return objects_.size(); }

 private:
  void link(const OwnedObject& object);
  void unlink(const OwnedObject& object);

  std::unordered_map<std::string, OwnedObject> objects_;
  std::unordered_map<std::string, std::set<std::string>> dependents_;
};

/// What is known about an owner that a reference names.
enum class OwnerState : std::uint8_t {
  kPresent,
  kAbsent,   // certainly gone: the server said so
  kWaiting,  // is deleted in the foreground, this reference blocks it
  kUnknown,  // not in the graph; the server must be asked
  kInvalid,  // cannot be: in a namespace, while the dependent is in none
};

struct OwnerView {
  api::OwnerReference reference;
  OwnerState state = OwnerState::kPresent;
};

enum class GarbageAction : std::uint8_t {
  kNone,
  kAsk,               // an owner is kUnknown
  kDelete,            // all owners are gone
  kDeleteForeground,  // all owners are gone or wait for this one, which has dependents itself
  kDropReferences,    // some owners are gone, others live
  kDeleteDependents,  // is deleted in the foreground and still has dependents that block it
  kOrphanDependents,  // is deleted with orphaning
  kRemoveFinalizer,   // of foreground deletion: nothing blocks any more
};

/// What garbage collection does about one object. Pure.
/// Spec: Kubernetes, "Garbage Collection", owner references and cascading deletion.
[[nodiscard]] GarbageAction plan_garbage(const OwnedObject& object,
                                         const std::vector<OwnerView>& owners,
                                         bool has_dependents,
                                         bool has_blocking_dependents);

}  // namespace insula::controllers

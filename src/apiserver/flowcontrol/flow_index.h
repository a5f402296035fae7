#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/gen/flowcontrol_v1.h"
#include "apiserver/store_mirror.h"
#include "store/store.h"

namespace insula::apiserver {

/// The flow schemas and priority levels that are in force: those that are stored, and the mandatory
/// ones where they are not.
///
/// Lifetime: the store outlives it. Threads: the store's loop.
class FlowIndex final : private StoreMirror::Index {
 public:
  using SchemaPtr = std::shared_ptr<const api::FlowSchema>;
  using LevelPtr = std::shared_ptr<const api::PriorityLevelConfiguration>;

  explicit FlowIndex(store::Store& store);

  /// Whether something is other than at the last call; true the first time.
  [[nodiscard]] bool refresh();

  /// In the order in which they are asked; each one's level is one of levels().
  [[nodiscard]] const std::vector<SchemaPtr>& schemas() const { return in_force_; }

  [[nodiscard]] const std::map<std::string, LevelPtr>& levels() const { return levels_; }

 private:
  void clear() override;
  void apply(const api::Kind& kind, const store::Entry& entry) override;
  void derive();

  StoreMirror mirror_;
  std::map<std::string, SchemaPtr> stored_schemas_;
  std::map<std::string, LevelPtr> stored_levels_;
  std::map<std::string, LevelPtr> levels_;
  std::vector<SchemaPtr> in_force_;
};

}  // namespace insula::apiserver

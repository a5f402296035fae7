#pragma once

#include <optional>
#include <string_view>

#include "api/apply/merge_schema.h"
#include "api/custom/schema_node.h"

namespace insula::api {

/// A structural schema as a MergeSchema, with the metadata that every object has.
/// Lifetime: the schema outlives it.
class CustomSchema final : public MergeSchema {
 public:
  explicit CustomSchema(const SchemaNode& root);

  [[nodiscard]] MergeType root() const override;
  [[nodiscard]] std::optional<MergeType> member(const MergeType& type,
                                                std::string_view name) const override;
  [[nodiscard]] MergeType element(const MergeType& list) const override;
  [[nodiscard]] json::Value key_default(const MergeType& list, std::string_view key) const override;

 private:
  const SchemaNode& root_;
};

}  // namespace insula::api

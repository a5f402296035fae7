#pragma once

#include <optional>
#include <string_view>

#include "api/apply/merge_schema.h"
#include "api/schema.h"

namespace insula::api {

/// The field tables as a MergeSchema. Lifetime: the tables are the process'.
class TableSchema final : public MergeSchema {
 public:
  explicit TableSchema(const TypeInfo& type);

  [[nodiscard]] MergeType root() const override { return root_; }

  [[nodiscard]] std::optional<MergeType> member(const MergeType& type,
                                                std::string_view name) const override;
  [[nodiscard]] MergeType element(const MergeType& list) const override;
  [[nodiscard]] json::Value key_default(const MergeType& list, std::string_view key) const override;

 private:
  ValueInfo value_;  // the struct as a value
  MergeType root_;
};

}  // namespace insula::api

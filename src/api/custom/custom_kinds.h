#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/custom/custom_kind.h"
#include "api/gen/apiextensions_v1.h"
#include "api/kind.h"

namespace insula::api {

/// The kinds that a set of CustomResourceDefinitions defines, beside those that are built in.
///
/// A definition counts once it is established. Kinds of definitions that were replaced or removed
/// stay alive, and are taken again when the same definition comes back; so there are as many as
/// there were different definitions.
class CustomKinds {
 public:
  CustomKinds();

  /// Puts in or replaces.
  void put(const CustomResourceDefinition& definition);
  void erase(const std::string& name);
  void clear();

  [[nodiscard]] std::span<const Kind* const> served() const { return served_; }

  [[nodiscard]] std::span<const Kind* const> stored() const { return stored_; }

  [[nodiscard]] std::uint64_t generation() const { return generation_; }

 private:
  /// The versions of one definition; the first is the one that is stored.
  using Versions = std::vector<std::unique_ptr<const CustomKind>>;

  const Versions& versions_of(const CustomResourceDefinition& definition);
  void rebuild();

  std::map<std::string, Versions> made_;            // by name and content
  std::map<std::string, const Versions*> by_name_;  // those that count
  std::vector<const Kind*> served_;
  std::vector<const Kind*> stored_;
  std::uint64_t generation_ = 1;
};

}  // namespace insula::api

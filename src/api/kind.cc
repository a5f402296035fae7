#include "api/kind.h"

#include <algorithm>

#include "api/schema_tables.h"
#include "base/check.h"

namespace insula::api {

std::string Kind::api_version() const {
  if (group.empty()) return std::string(version);
  return std::string(group) + "/" + std::string(version);
}

std::string Kind::group_resource() const {
  if (group.empty()) return std::string(plural);
  return std::string(plural) + "." + std::string(group);
}

bool Kind::has_subresource(std::string_view name) const {
  return std::ranges::find(subresources, name) != subresources.end();
}

bool Kind::has_verb(std::string_view verb) const {
  return std::ranges::find(verbs, verb) != verbs.end();
}

ObjectMeta& Kind::metadata(void* object) const {
  INSULA_CHECK(metadata_offset != kNoMetadata, kind);
  return *reinterpret_cast<ObjectMeta*>(static_cast<char*>(object) + metadata_offset);
}

const ObjectMeta& Kind::metadata(const void* object) const {
  INSULA_CHECK(metadata_offset != kNoMetadata, kind);
  return *reinterpret_cast<const ObjectMeta*>(static_cast<const char*>(object) + metadata_offset);
}

std::span<const Kind* const> kinds() {
  return gen::served_kinds();
}

std::span<const Kind* const> stored_kinds() {
  return gen::stored_kinds();
}

const Kind* find_kind(std::string_view group, std::string_view version, std::string_view plural) {
  for (const Kind* kind : gen::served_kinds()) {
    if (kind->plural == plural && kind->group == group && kind->version == version) return kind;
  }
  return nullptr;
}

const Kind* find_kind(std::string_view api_version, std::string_view kind) {
  const auto slash = api_version.find('/');
  const auto group =
      slash == std::string_view::npos ? std::string_view{} : api_version.substr(0, slash);
  const auto version =
      slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
  for (const Kind* candidate : gen::all_kinds()) {
    if (candidate->kind == kind && candidate->group == group && candidate->version == version)
      return candidate;
  }
  return nullptr;
}

}  // namespace insula::api
